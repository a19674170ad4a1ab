package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/example"
)

// Files of the bundled cluster.
const (
	// Today is the cluster before the workloads were applied: namespaces, classes,
	// nodes, volumes, what runs.
	Today = "today"
	// NodeGroups are what may be bought.
	NodeGroups = "nodegroups"
	// Workloads are what was just applied.
	Workloads = "workloads"
)

// today are the files that are not a team's workloads.
var today = map[string]bool{"00-cluster.yaml": true, "10-nodes.yaml": true, "15-volumes.yaml": true, "20-running.yaml": true}

// Objects returns one part of the bundled cluster, as an API server takes it.
func Objects(part string) ([]*unstructured.Unstructured, error) {
	if part == NodeGroups {
		return read(part, "nodegroups.yaml")
	}
	files, err := fs.Glob(example.FS, "cluster/*.yaml")
	if err != nil {
		return nil, err
	}
	var wanted []string
	for _, file := range files {
		if today[path.Base(file)] == (part == Today) {
			wanted = append(wanted, file)
		}
	}
	return read(part, wanted...)
}

func read(part string, files ...string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, file := range files {
		content, err := example.FS.ReadFile(file)
		if err != nil {
			return nil, err
		}
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
		for {
			object := &unstructured.Unstructured{}
			if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s of the example: %s: %w", part, file, err)
			}
			if len(object.Object) > 0 && adapt(object) {
				objects = append(objects, object)
			}
		}
	}
	return objects, nil
}

// adapt makes of an object as it is read from a cluster one that can be created,
// and says whether it should be.
func adapt(object *unstructured.Unstructured) bool {
	unstructured.RemoveNestedField(object.Object, "metadata", "uid")
	switch object.GetKind() {
	case "Pod":
		for _, owner := range object.GetOwnerReferences() {
			if owner.Kind == "DaemonSet" {
				// Its controller makes it anew.
				return false
			}
		}
		// The other owners are left out of the example, and the garbage collector
		// would see that.
		object.SetOwnerReferences(nil)
		unstructured.RemoveNestedField(object.Object, "status")
	case "PersistentVolume":
		// By name alone: the claim gets a new UID.
		unstructured.RemoveNestedField(object.Object, "spec", "claimRef", "uid")
		unstructured.RemoveNestedField(object.Object, "status")
	case "PersistentVolumeClaim":
		unstructured.RemoveNestedField(object.Object, "metadata", "annotations", "pv.kubernetes.io/bind-completed")
		unstructured.RemoveNestedField(object.Object, "status")
	case "CronJob":
		// One run, now: whether one is due must not depend on when the example is
		// looked at.
		spec, _, _ := unstructured.NestedMap(object.Object, "spec", "jobTemplate", "spec")
		object.Object["spec"] = spec
		object.SetKind("Job")
	}
	return true
}

// Create creates objects in their order, those of one kind at once, and waits
// after namespaces until pods can be created in them. What is there already stays
// as it is. The config must not be rate limited.
func Create(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	c := &creator{client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discoverer))}
	for len(objects) > 0 {
		n := 1
		for n < len(objects) && objects[n].GetKind() == objects[0].GetKind() {
			n++
		}
		group, within := errgroup.WithContext(ctx)
		group.SetLimit(16)
		for _, object := range objects[:n] {
			group.Go(func() error { return c.create(within, object) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		objects = objects[n:]
	}
	return nil
}

type creator struct {
	client dynamic.Interface
	mapper meta.RESTMapper
}

func (c *creator) create(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = c.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		resource = c.client.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	// A namespace is there before its ServiceAccount is, without which pods are refused.
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := resource.Create(ctx, object, metav1.CreateOptions{})
		switch {
		case err == nil, apierrors.IsAlreadyExists(err):
			return true, nil
		case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "error looking up service account"):
			return false, nil
		}
		// Some are refused for what they would do if they were not there already.
		if _, missing := resource.Get(ctx, object.GetName(), metav1.GetOptions{}); missing == nil {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("creating %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
	}
	return nil
}
