package explain

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// NodeRoom is what runs on a node of today and what it would take.
type NodeRoom struct {
	Node       string `json:"node"`
	NodeGroup  string `json:"nodeGroup"`
	Offering   string `json:"offering"`
	Datacenter string `json:"datacenter"`
	// PricePerHour in $/h; 0 when the offering is not in the catalogue.
	PricePerHour  float64 `json:"pricePerHour"`
	Unschedulable bool    `json:"unschedulable"`
	// Resources: CPU, memory, then the others by name.
	Resources []Room `json:"resources"`
	// Pods run on the node, sorted by name.
	Pods []RunningPod `json:"pods"`
	// Pending pods, each held against the node as if it were the only one,
	// sorted by name.
	Pending []Verdict `json:"pending"`
}

// Room is one resource of a node: CPU in milli-CPU, memory and storage in bytes,
// others in pieces.
type Room struct {
	Resource    string `json:"resource"`
	Allocatable int64  `json:"allocatable"`
	Requested   int64  `json:"requested"`
	Free        int64  `json:"free"`
}

// RunningPod is a pod on a node with what it asks for.
type RunningPod struct {
	Pod         string `json:"pod"`
	MilliCPU    int64  `json:"milliCPU"`
	MemoryBytes int64  `json:"memoryBytes"`
}

// Node looks at one node of today.
func Node(ctx context.Context, request *binpack.Request, name string) (*NodeRoom, error) {
	cluster, err := simulator.New(ctx, request.Objects, request.Scheduler)
	if err != nil {
		return nil, err
	}
	info := cluster.Node(name)
	if info == nil {
		return nil, fmt.Errorf("there is no node %q%s", name, didYouMean(name, cluster.NodeNames()))
	}
	node := info.Node()
	room := &NodeRoom{
		Node:          name,
		NodeGroup:     node.Labels[v1alpha1.NodeGroupLabel],
		Offering:      node.Labels[v1.LabelInstanceTypeStable],
		Datacenter:    node.Labels[v1.LabelTopologyZone],
		Unschedulable: node.Spec.Unschedulable,
		Pods:          []RunningPod{},
		Pending:       []Verdict{},
	}
	if offering := request.Catalog.Offering(room.Offering); offering != nil {
		room.PricePerHour = offering.PricePerHour
	}
	requested := v1.ResourceList{}
	for _, placed := range info.GetPods() {
		pod := placed.GetPod()
		requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
		for name, quantity := range requests {
			sum := requested[name]
			sum.Add(quantity)
			requested[name] = sum
		}
		room.Pods = append(room.Pods, RunningPod{
			Pod: podName(pod), MilliCPU: requests.Cpu().MilliValue(), MemoryBytes: requests.Memory().Value(),
		})
	}
	slices.SortFunc(room.Pods, func(a, b RunningPod) int { return compareNames(a.Pod, b.Pod) })
	requested[v1.ResourcePods] = *newCount(len(room.Pods))
	room.Resources = rooms(node.Status.Allocatable, requested)
	for _, pod := range cluster.Pending() {
		verdicts, err := newProber(cluster, pod).verdicts([]string{name})
		if err != nil {
			return nil, err
		}
		verdicts[0].Name = podName(pod)
		room.Pending = append(room.Pending, verdicts[0])
	}
	slices.SortFunc(room.Pending, func(a, b Verdict) int { return compareNames(a.Name, b.Name) })
	return room, nil
}
