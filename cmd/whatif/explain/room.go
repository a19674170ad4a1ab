package explain

import (
	"cmp"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func compareNames(a, b string) int { return strings.Compare(a, b) }

func newCount(n int) *resource.Quantity { return resource.NewQuantity(int64(n), resource.DecimalSI) }

// rooms lists each resource that a node has, or that is requested of it.
func rooms(allocatable, requested v1.ResourceList) []Room {
	names := map[v1.ResourceName]bool{}
	for _, list := range []v1.ResourceList{allocatable, requested} {
		for name, quantity := range list {
			if !quantity.IsZero() {
				names[name] = true
			}
		}
	}
	list := make([]Room, 0, len(names))
	for name := range names {
		r := Room{Resource: string(name), Allocatable: amount(allocatable, name), Requested: amount(requested, name)}
		r.Free = r.Allocatable - r.Requested
		list = append(list, r)
	}
	rank := map[string]int{string(v1.ResourceCPU): -2, string(v1.ResourceMemory): -1}
	slices.SortFunc(list, func(a, b Room) int {
		return cmp.Or(cmp.Compare(rank[a.Resource], rank[b.Resource]), strings.Compare(a.Resource, b.Resource))
	})
	return list
}

// amount in milli-CPU, bytes or pieces.
func amount(list v1.ResourceList, name v1.ResourceName) int64 {
	quantity := list[name]
	if name == v1.ResourceCPU {
		return quantity.MilliValue()
	}
	return quantity.Value()
}
