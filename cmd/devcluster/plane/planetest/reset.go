package planetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
)

// resetTimeout is how long Reset may take; what is left then, fails the test.
const resetTimeout = time.Minute

// A sweep is a resource of which Reset deletes what keep does not keep.
type sweep struct {
	resource schema.GroupVersionResource
	keep     func(object *metav1.PartialObjectMetadata) bool
}

// sweeps are in an order that spares work: what makes objects goes before them.
var sweeps = []sweep{
	{resource("autoscaler.vpsie.com", "v1alpha1", "nodegroups"), none},
	{resource("autoscaler.vpsie.com", "v1alpha1", "vpsienodes"), none},
	{resource("apps", "v1", "deployments"), none},
	{resource("apps", "v1", "statefulsets"), none},
	{resource("apps", "v1", "daemonsets"), none},
	{resource("apps", "v1", "replicasets"), none},
	{resource("batch", "v1", "cronjobs"), none},
	{resource("batch", "v1", "jobs"), none},
	{resource("policy", "v1", "poddisruptionbudgets"), none},
	{resource("", "v1", "pods"), none},
	{resource("", "v1", "services"), isAPIServer},
	{resource("", "v1", "persistentvolumeclaims"), none},
	{resource("", "v1", "persistentvolumes"), none},
	{resource("storage.k8s.io", "v1", "volumeattachments"), none},
	{resource("storage.k8s.io", "v1", "storageclasses"), none},
	{resource("storage.k8s.io", "v1", "csidrivers"), none},
	{resource("storage.k8s.io", "v1", "csinodes"), none},
	{resource("resource.k8s.io", "v1", "resourceclaims"), none},
	{resource("resource.k8s.io", "v1", "resourceslices"), none},
	{resource("resource.k8s.io", "v1", "deviceclasses"), none},
	{resource("", "v1", "nodes"), none},
	{resource("coordination.k8s.io", "v1", "leases"), isProgramsLease},
	{resource("certificates.k8s.io", "v1", "certificatesigningrequests"), none},
	{resource("scheduling.k8s.io", "v1", "priorityclasses"), isSystem},
	{resource("", "v1", "secrets"), none},
	{resource("", "v1", "configmaps"), isPlanes},
	{resource("", "v1", "events"), none},
	{resource("events.k8s.io", "v1", "events"), none},
	{resource("", "v1", "namespaces"), isPlanesNamespace},
}

func resource(group, version, name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: name}
}

func none(*metav1.PartialObjectMetadata) bool { return false }

func isAPIServer(o *metav1.PartialObjectMetadata) bool {
	return o.Namespace == metav1.NamespaceDefault && o.Name == "kubernetes"
}

func isSystem(o *metav1.PartialObjectMetadata) bool { return strings.HasPrefix(o.Name, "system-") }

// isProgramsLease: the control plane's own; nodes have theirs in kube-node-lease.
func isProgramsLease(o *metav1.PartialObjectMetadata) bool {
	return o.Namespace == metav1.NamespaceSystem && strings.HasPrefix(o.Name, "apiserver-")
}

// isPlanes: what was there when the plane started.
func isPlanes(o *metav1.PartialObjectMetadata) bool {
	switch o.Namespace {
	case metav1.NamespacePublic, metav1.NamespaceSystem:
		switch o.Name {
		case "cluster-info", "kubeadm-config", "kubelet-config", "extension-apiserver-authentication",
			"kube-apiserver-legacy-service-account-token-tracking":
			return true
		}
	}
	return o.Name == "kube-root-ca.crt"
}

func isPlanesNamespace(o *metav1.PartialObjectMetadata) bool {
	return o.Name == metav1.NamespaceDefault || strings.HasPrefix(o.Name, "kube-")
}

// Reset deletes from the cluster what tests put there: workloads, volumes, nodes,
// the product's own objects, tokens, namespaces. It takes finalizers away, so
// that nobody has to be there to do so, and pods end at once. It returns when
// all is gone: within a second, plus five, which the controller-manager takes its
// time for, when there are namespaces to delete. Programs of a test that would make things anew must have been
// stopped before. RBAC and ServiceAccounts of namespaces that stay, stay.
func Reset(t testing.TB, cluster *plane.Plane) {
	t.Helper()
	client, err := metadata.NewForConfig(cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), resetTimeout)
	defer cancel()
	var left []string
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		left = left[:0]
		for _, s := range sweeps {
			found, err := s.run(ctx, client)
			if err != nil {
				return false, err
			}
			if found > 0 {
				left = append(left, fmt.Sprintf("%d %s", found, s.resource.Resource))
			}
		}
		return len(left) == 0, nil
	})
	if err != nil {
		t.Fatalf("cleaning the cluster: %v; left: %s", err, strings.Join(left, ", "))
	}
}

// run deletes and returns how many it found to delete.
func (s sweep) run(ctx context.Context, client metadata.Interface) (int, error) {
	all, err := client.Resource(s.resource).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		// Not served, with the CustomResourceDefinitions not installed.
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("listing %s: %w", s.resource.Resource, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	found := 0
	whole := map[string]bool{}
	for i := range all.Items {
		whole[all.Items[i].Namespace] = true
	}
	for i := range all.Items {
		if s.keep(&all.Items[i]) {
			whole[all.Items[i].Namespace] = false
		}
	}
	for namespace, every := range whole {
		// Namespaces cannot be deleted as a collection.
		if every && s.resource.Resource != "namespaces" {
			group.Go(func() error {
				return ignoreGone(client.Resource(s.resource).Namespace(namespace).DeleteCollection(ctx, atOnce(), metav1.ListOptions{}))
			})
		} else {
			whole[namespace] = false
		}
	}
	for i := range all.Items {
		object := &all.Items[i]
		if s.keep(object) {
			continue
		}
		found++
		in := client.Resource(s.resource).Namespace(object.Namespace)
		if len(object.Finalizers) > 0 {
			group.Go(func() error {
				_, err := in.Patch(ctx, object.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
				return ignoreGone(err)
			})
		}
		if !whole[object.Namespace] && object.DeletionTimestamp == nil {
			group.Go(func() error {
				return ignoreGone(in.Delete(ctx, object.Name, atOnce()))
			})
		}
	}
	return found, group.Wait()
}

// atOnce grants no grace, and waits for no dependents.
func atOnce() metav1.DeleteOptions {
	now, background := int64(0), metav1.DeletePropagationBackground
	return metav1.DeleteOptions{GracePeriodSeconds: &now, PropagationPolicy: &background}
}

// ignoreGone: somebody else, or the collection's deletion, was faster.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
