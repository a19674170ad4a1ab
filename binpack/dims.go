package binpack

import (
	"slices"
	"sort"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// dims are the dimensions of the packing problem: what nodes have and pods
// take, and what limits are counted in.
type dims struct {
	// resources in order: CPU in milli-CPU, memory and ephemeral storage in
	// bytes, pods, then extended resources by name.
	resources []v1.ResourceName
	// drivers are CSI drivers whose volumes are limited on some node.
	drivers []string
	// sold adds what is sold of CPU and memory, which only limits look at.
	sold bool
}

func (d *dims) count() int {
	n := len(d.resources) + len(d.drivers)
	if d.sold {
		n += 2
	}
	return n
}

// soldCPU is the dimension of sold milli-CPU; sold memory follows.
func (d *dims) soldCPU() int { return len(d.resources) + len(d.drivers) }

func newDims(requested []map[v1.ResourceName]int64, attachments []map[string]int64, sold bool) *dims {
	d := &dims{
		resources: []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage, v1.ResourcePods},
		sold:      sold,
	}
	base := len(d.resources)
	seen := map[v1.ResourceName]bool{}
	for _, name := range d.resources {
		seen[name] = true
	}
	for _, requests := range requested {
		for name, amount := range requests {
			if amount > 0 && !seen[name] {
				seen[name] = true
				d.resources = append(d.resources, name)
			}
		}
	}
	slices.Sort(d.resources[base:])
	drivers := map[string]bool{}
	for _, attached := range attachments {
		for driver := range attached {
			drivers[driver] = true
		}
	}
	for driver := range drivers {
		d.drivers = append(d.drivers, driver)
	}
	sort.Strings(d.drivers)
	return d
}

func (d *dims) size(requests map[v1.ResourceName]int64, attached map[string]int64) []int64 {
	size := make([]int64, d.count())
	for i, name := range d.resources {
		size[i] = requests[name]
	}
	for i, driver := range d.drivers {
		size[len(d.resources)+i] = attached[driver]
	}
	return size
}

// unlimited stands for a node without a limit in a dimension.
const unlimited = int64(1) << 60

// free is what is left on a node, with what limits count of it if it is bought.
func (d *dims) free(node *framework.NodeInfo, csi *storagev1.CSINode, used map[string]int64, sold *offerings.Resources) []int64 {
	free := make([]int64, d.count())
	for i, name := range d.resources {
		switch name {
		case v1.ResourceCPU:
			free[i] = node.Allocatable.MilliCPU - node.Requested.MilliCPU
		case v1.ResourceMemory:
			free[i] = node.Allocatable.Memory - node.Requested.Memory
		case v1.ResourceEphemeralStorage:
			free[i] = node.Allocatable.EphemeralStorage - node.Requested.EphemeralStorage
		case v1.ResourcePods:
			free[i] = int64(node.Allocatable.AllowedPodNumber) - int64(len(node.Pods))
		default:
			free[i] = node.Allocatable.ScalarResources[name] - node.Requested.ScalarResources[name]
		}
	}
	for i, driver := range d.drivers {
		free[len(d.resources)+i] = attachLimit(csi, driver) - used[driver]
	}
	if d.sold && sold != nil {
		free[d.soldCPU()], free[d.soldCPU()+1] = sold.MilliCPU, sold.MemoryBytes
	}
	return free
}

func attachLimit(csi *storagev1.CSINode, driver string) int64 {
	if csi != nil {
		for i := range csi.Spec.Drivers {
			if d := &csi.Spec.Drivers[i]; d.Name == driver && d.Allocatable != nil && d.Allocatable.Count != nil {
				return int64(*d.Allocatable.Count)
			}
		}
	}
	return unlimited
}

// holds says whether a load of this size fits into the free room.
func holds(free, size []int64) bool {
	for i, amount := range size {
		if amount > 0 && amount > free[i] {
			return false
		}
	}
	return true
}
