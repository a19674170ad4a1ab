package live

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// kind is one list to read.
type kind struct {
	resource string
	// required: without it there is nothing to say about the cluster.
	required bool
	each     func(ctx context.Context) error
}

// found says what became of a list.
type found int

const (
	listed found = iota
	// notServed: an older cluster, or a group that is switched off.
	notServed
	// leftOut: the user may not list it.
	leftOut
)

// read lists the kind.
func (k kind) read(ctx context.Context) (found, error) {
	err := k.each(ctx)
	switch {
	case err == nil:
		return listed, nil
	case apierrors.IsNotFound(err) && !k.required:
		return notServed, nil
	case apierrors.IsForbidden(err) && !k.required:
		return leftOut, nil
	}
	return listed, fmt.Errorf("list %s: %w", k.resource, short(err))
}

// listFunc is a typed client's List.
type listFunc[L runtime.Object] func(ctx context.Context, options metav1.ListOptions) (L, error)

// list reads all pages of a kind into to.
func list[L runtime.Object, T any](resource string, call listFunc[L], to *[]*T, selector string) kind {
	return kind{resource: resource, each: func(ctx context.Context) error {
		pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return call(ctx, options)
		})
		return pages.EachListItem(ctx, metav1.ListOptions{FieldSelector: selector}, func(object runtime.Object) error {
			if accessor, ok := object.(metav1.Object); ok {
				accessor.SetManagedFields(nil)
			}
			*to = append(*to, object.(any).(*T))
			return nil
		})
	}}
}

// unfinished selects the pods that need room.
const unfinished = "status.phase!=Succeeded,status.phase!=Failed"

// kinds are the lists that make up the Objects, pods first.
func kinds(c kubernetes.Interface, o *simulator.Objects) []kind {
	pods := list("pods", c.CoreV1().Pods("").List, &o.Pods, unfinished)
	pods.required = true
	return []kind{
		pods,
		nodes(c, o),
		list("namespaces", c.CoreV1().Namespaces().List, &o.Namespaces, ""),
		list("daemonsets", c.AppsV1().DaemonSets("").List, &o.DaemonSets, ""),
		list("replicasets", c.AppsV1().ReplicaSets("").List, &o.ReplicaSets, ""),
		list("statefulsets", c.AppsV1().StatefulSets("").List, &o.StatefulSets, ""),
		list("replicationcontrollers", c.CoreV1().ReplicationControllers("").List, &o.ReplicationControllers, ""),
		list("services", c.CoreV1().Services("").List, &o.Services, ""),
		list("persistentvolumes", c.CoreV1().PersistentVolumes().List, &o.PersistentVolumes, ""),
		list("persistentvolumeclaims", c.CoreV1().PersistentVolumeClaims("").List, &o.PersistentVolumeClaims, ""),
		list("storageclasses", c.StorageV1().StorageClasses().List, &o.StorageClasses, ""),
		list("csinodes", c.StorageV1().CSINodes().List, &o.CSINodes, ""),
		list("csidrivers", c.StorageV1().CSIDrivers().List, &o.CSIDrivers, ""),
		list("csistoragecapacities", c.StorageV1().CSIStorageCapacities("").List, &o.CSIStorageCapacities, ""),
		list("volumeattachments", c.StorageV1().VolumeAttachments().List, &o.VolumeAttachments, ""),
		list("resourceslices", c.ResourceV1().ResourceSlices().List, &o.ResourceSlices, ""),
		list("resourceclaims", c.ResourceV1().ResourceClaims("").List, &o.ResourceClaims, ""),
		list("resourceclaimtemplates", c.ResourceV1().ResourceClaimTemplates("").List, &o.ResourceClaimTemplates, ""),
		list("deviceclasses", c.ResourceV1().DeviceClasses().List, &o.DeviceClasses, ""),
		list("devicetaintrules", c.ResourceV1().DeviceTaintRules().List, &o.DeviceTaintRules, ""),
		list("priorityclasses", c.SchedulingV1().PriorityClasses().List, &o.PriorityClasses, ""),
		list("podgroups", c.SchedulingV1beta1().PodGroups("").List, &o.PodGroups, ""),
		list("poddisruptionbudgets", c.PolicyV1().PodDisruptionBudgets("").List, &o.PodDisruptionBudgets, ""),
	}
}

func nodes(c kubernetes.Interface, o *simulator.Objects) kind {
	k := list("nodes", c.CoreV1().Nodes().List, &o.Nodes, "")
	k.required = true
	return k
}

// schedulable leaves out pods that were deleted before they got a node.
func schedulable(pods []*v1.Pod) []*v1.Pod {
	return slices.DeleteFunc(pods, func(pod *v1.Pod) bool {
		return pod.DeletionTimestamp != nil && pod.Spec.NodeName == ""
	})
}
