package observe

import (
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Single objects of the copy; nil when they are not there. They are shared and
// must not be changed.

// Pod by "namespace/name".
func (o *Observer) Pod(name string) *v1.Pod { return get[*v1.Pod](o, "pods", name) }

// Node by name.
func (o *Observer) Node(name string) *v1.Node { return get[*v1.Node](o, "nodes", name) }

// CSINode by name.
func (o *Observer) CSINode(name string) *storagev1.CSINode {
	return get[*storagev1.CSINode](o, "csinodes", name)
}

// CSIDriver by name.
func (o *Observer) CSIDriver(name string) *storagev1.CSIDriver {
	return get[*storagev1.CSIDriver](o, "csidrivers", name)
}

// NodeGroup by name.
func (o *Observer) NodeGroup(name string) *v1alpha1.NodeGroup {
	return get[*v1alpha1.NodeGroup](o, "nodegroups", name)
}

// Machine is the VPSieNode of that name.
func (o *Observer) Machine(name string) *v1alpha1.VPSieNode {
	return get[*v1alpha1.VPSieNode](o, "vpsienodes", name)
}

// Machines are all VPSieNodes, in no order.
func (o *Observer) Machines() []*v1alpha1.VPSieNode {
	o.mu.Lock()
	store := o.stores["vpsienodes"]
	o.mu.Unlock()
	if store == nil {
		return nil
	}
	return listOf[*v1alpha1.VPSieNode](store)
}

func listOf[T any](store toolscache.Store) []T {
	found := store.List()
	list := make([]T, len(found))
	for i := range found {
		list[i] = found[i].(T)
	}
	return list
}
