package observe

import (
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Snapshot is the cluster at about one moment. Its objects are shared and must
// not be changed; its lists are its own.
type Snapshot struct {
	// Objects hold, beside what is there, the machines that are on their way.
	Objects    simulator.Objects
	NodeGroups []*v1alpha1.NodeGroup
	// Machines are all VPSieNodes, by name.
	Machines []*v1alpha1.VPSieNode
	// Upcoming are the VPSieNodes whose machines are on their way, by the name of
	// the node that each will be.
	Upcoming map[string]*v1alpha1.VPSieNode
	// Notes say what was left out, one line each.
	Notes []string
}

// Snapshot is the cluster as far as it is known now, with the machines that are
// on their way as the nodes that they will be by the catalogue. The error is
// ErrNotSynced.
func (o *Observer) Snapshot(catalog *offerings.Catalog) (*Snapshot, error) {
	if !o.HasSynced() {
		return nil, ErrNotSynced
	}
	s := o.read()
	s.Notes = o.Notes()
	s.complete(catalog)
	return s, nil
}

// Objects is the cluster as far as it is known now, without anything that is still
// on its way. The error is ErrNotSynced.
func (o *Observer) Objects() (simulator.Objects, error) {
	if !o.HasSynced() {
		return simulator.Objects{}, ErrNotSynced
	}
	s := o.read()
	s.dropDeleted()
	return s.Objects, nil
}

func (o *Observer) read() *Snapshot {
	o.mu.Lock()
	stores := maps.Clone(o.stores)
	o.mu.Unlock()
	s := &Snapshot{}
	for _, k := range o.kinds {
		if store := stores[k.resource]; store != nil {
			k.fill(store, s)
		}
	}
	return s
}

// complete leaves out what is gone already and adds what is to come.
func (s *Snapshot) complete(catalog *offerings.Catalog) {
	s.dropDeleted()
	slices.SortFunc(s.Machines, func(a, b *v1alpha1.VPSieNode) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.NodeGroups, func(a, b *v1alpha1.NodeGroup) int { return strings.Compare(a.Name, b.Name) })
	s.addUpcoming(catalog)
}

func (s *Snapshot) dropDeleted() {
	s.Objects.Pods = slices.DeleteFunc(s.Objects.Pods, func(pod *v1.Pod) bool {
		return pod.DeletionTimestamp != nil && pod.Spec.NodeName == ""
	})
}

// PodKey names a pod as plans do.
func PodKey(pod *v1.Pod) string {
	return toolscache.ObjectName{Namespace: pod.Namespace, Name: pod.Name}.String()
}
