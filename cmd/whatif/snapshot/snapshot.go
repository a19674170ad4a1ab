package snapshot

import (
	"cmp"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// What a document says of itself.
const (
	APIVersion = "autoscaler.vpsie.com/v1alpha1"
	Kind       = "ClusterSnapshot"
)

// Snapshot is a cluster as planning sees it.
type Snapshot struct {
	Metadata Metadata
	// NodeGroups in the order in which they were read.
	NodeGroups []*v1alpha1.NodeGroup
	// Objects, each list sorted by namespace and name.
	Objects simulator.Objects
}

// Metadata is about the snapshot as a whole.
type Metadata struct {
	// CreationTimestamp is when it was made, nil if that is not told.
	CreationTimestamp *metav1.Time `json:"creationTimestamp,omitempty"`
	// Anonymized: names are pseudonyms.
	Anonymized bool `json:"anonymized,omitempty"`
	// LeftOut are the resources (plural, lower case) that could not be listed
	// although the cluster may have some.
	LeftOut []string `json:"leftOut,omitempty"`
}

// New copies what planning reads of a cluster; the objects themselves are left
// alone and share no memory with the result.
func New(objects *simulator.Objects, groups []*v1alpha1.NodeGroup) *Snapshot {
	s := &Snapshot{NodeGroups: make([]*v1alpha1.NodeGroup, len(groups))}
	for i, group := range groups {
		s.NodeGroups[i] = &v1alpha1.NodeGroup{}
		keepPart(reflect.ValueOf(s.NodeGroups[i]).Elem(), reflect.ValueOf(group).Elem())
	}
	from, to := reflect.ValueOf(objects).Elem(), reflect.ValueOf(&s.Objects).Elem()
	for i := range from.NumField() {
		keepPart(to.Field(i), from.Field(i))
	}
	s.dropUnusedImages()
	s.sort()
	return s
}

// sort makes the order independent of how the cluster was read.
func (s *Snapshot) sort() {
	for _, list := range lists(&s.Objects) {
		objects := slices.Collect(list.each)
		slices.SortStableFunc(objects, func(a, b object) int {
			return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
		})
		for i, o := range objects {
			list.value.Index(i).Set(reflect.ValueOf(o))
		}
	}
}
