package plane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/crds"
)

// fieldManager owns what this package writes.
const fieldManager = "devcluster"

// Apply writes the objects of a YAML or JSON stream in its order, by server-side
// apply: what is there already is changed to what the stream says. It returns
// when the CustomResourceDefinitions among them are served. A namespaced object
// that names no namespace goes to "default".
func (p *Plane) Apply(ctx context.Context, manifests []byte) error {
	client, err := dynamic.NewForConfig(p.Config())
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(p.client.Discovery()))
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a manifest: %w", err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if err := apply(ctx, client, mapper, object); err != nil {
			return fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if object.GetKind() == "CustomResourceDefinition" {
			if err := p.served(ctx, client, object.GetName()); err != nil {
				return err
			}
			mapper.Reset()
		}
	}
}

// InstallCRDs applies the product's CustomResourceDefinitions and returns when
// they are served.
func (p *Plane) InstallCRDs(ctx context.Context) error {
	for _, name := range []string{crds.NodeGroups, crds.VPSieNodes} {
		manifest, err := crds.Files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := p.Apply(ctx, manifest); err != nil {
			return err
		}
	}
	return nil
}

func apply(ctx context.Context, client dynamic.Interface, mapper meta.RESTMapper, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = client.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// served waits for the condition Established.
func (p *Plane) served(ctx context.Context, client dynamic.Interface, name string) error {
	definitions := client.Resource(schema.GroupVersionResource{
		Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
	})
	return p.apiServer.Ready(ctx, func(ctx context.Context) error {
		definition, err := definitions.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		conditions, _, err := unstructured.NestedSlice(definition.Object, "status", "conditions")
		if err != nil {
			return err
		}
		for _, condition := range conditions {
			if c, ok := condition.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
				return nil
			}
		}
		return fmt.Errorf("CustomResourceDefinition %s is not established", name)
	})
}
