package scaleup

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// place is a node that is planned for a pod without one.
type place struct {
	pod  *v1.Pod
	node string
}

// missing says that the pod is not nominated to its place.
func (p place) missing() bool { return p.pod.Status.NominatedNodeName != p.node }

// places lists the pods without a node whose planned nodes take pods, or are about
// to be opened.
func (c *Controller) places(opening []*arrival) (list []place) {
	listed := map[types.UID]bool{}
	add := func(pod *v1.Pod, node string) {
		// Where kube-scheduler has preempted for a pod, it stays nominated.
		if p := (place{pod, node}); !listed[pod.UID] && (pod.Status.NominatedNodeName == "" || !p.missing()) {
			list = append(list, p)
		}
		listed[pod.UID] = true
	}
	for _, a := range opening {
		for _, pod := range a.pods {
			add(pod, a.node.Name)
		}
	}
	for name, node := range c.comparer.places() {
		pod, at := c.options.Observer.Pod(name), c.options.Observer.Node(node)
		if pod != nil && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil &&
			at != nil && at.DeletionTimestamp == nil && nodeReady(at) && !hasTaint(at, v1alpha1.StartupTaint) {
			add(pod, node)
		}
	}
	return list
}

// standing leaves those of the places that can be nominated together: each pod's
// node takes it beside the others that are nominated there, whichever of them
// kube-scheduler binds first.
//
// Pods that look at one another do not always stand. Two of one spread on a node
// object to each other while both are only nominated, and a pod that must run
// beside another waits for that to be bound. A cycle that fails clears the
// nomination and lets others into the room. So of pods that object to each other
// one is nominated first; the other, while all other room is held, finds the room
// that was planned for it, or stands once the first is bound. What nobody objects
// to keeps its room at least until it is tried.
func (c *Controller) standing(ctx context.Context, places []place, opening []*arrival) []place {
	objects, err := c.options.Observer.Objects()
	if err == nil {
		objects.Nodes = opened(objects.Nodes, opening)
		var stand []place
		if stand, err = standTogether(ctx, objects, c.options.Scheduler, places); err == nil {
			return stand
		}
	}
	c.options.Logger.Error(err, "nominating all pods: it cannot be told which nominations stand")
	return places
}

// opened are the nodes as they will be.
func opened(nodes []*v1.Node, opening []*arrival) []*v1.Node {
	open := make(map[string]bool, len(opening))
	for _, a := range opening {
		open[a.node.Name] = true
	}
	list := slices.Clone(nodes)
	for i, node := range list {
		if open[node.Name] {
			changed := *node
			changed.Spec.Taints = slices.DeleteFunc(slices.Clone(node.Spec.Taints), func(t v1.Taint) bool { return t.Key == v1alpha1.StartupTaint })
			list[i] = &changed
		}
	}
	return list
}

// standTogether asks the simulator: with all pods nominated, as long as none is
// bound, and one bound after the other, in kube-scheduler's order and in the
// opposite one. A pod that is refused once is left out from there on.
func standTogether(ctx context.Context, objects simulator.Objects, config *simulator.SchedulerConfig, places []place) ([]place, error) {
	cluster, err := simulator.New(ctx, objects, config)
	if err != nil {
		return nil, err
	}
	planned := make(map[types.UID]place, len(places))
	for _, p := range places {
		planned[p.pod.UID] = p
	}
	var list, all []place
	for _, pod := range cluster.Pending() {
		p, ok := planned[pod.UID]
		if !ok || cluster.Node(p.node) == nil {
			continue
		}
		if err := cluster.Nominate(pod, p.node); err != nil {
			return nil, err
		}
		all = append(all, place{pod, p.node})
	}
	list = slices.Clone(all)
	for _, bind := range []bool{false, true, true} {
		// The last first: of two that do not stand together, the one that
		// kube-scheduler tries first keeps its nomination.
		slices.Reverse(list)
		if list, err = bear(cluster, list, bind); err != nil {
			return nil, err
		}
	}
	return holdRooms(cluster, list, all)
}

// holdRooms adds those of the other pods whose nominations no standing pod objects
// to. They may be refused when they are tried, but their room is kept until then.
func holdRooms(cluster *simulator.Cluster, stand, all []place) ([]place, error) {
	onNode := map[string][]place{}
	stands := map[types.UID]bool{}
	for _, p := range stand {
		onNode[p.node] = append(onNode[p.node], p)
		stands[p.pod.UID] = true
	}
	for _, p := range all {
		if stands[p.pod.UID] {
			continue
		}
		if err := cluster.Nominate(p.pod, p.node); err != nil {
			return nil, err
		}
		objects := false
		for _, other := range onNode[p.node] {
			ok, err := bears(cluster, other, false)
			if err != nil {
				return nil, err
			}
			if objects = !ok; objects {
				break
			}
		}
		if !objects {
			stand = append(stand, p)
			continue
		}
		if err := cluster.Nominate(p.pod, ""); err != nil {
			return nil, err
		}
	}
	return stand, nil
}

// bear leaves those of the nominated pods that pass their cycles, in this order.
// The cluster stays as it is but for the nominations of the others, which go.
func bear(cluster *simulator.Cluster, list []place, bind bool) (stand []place, err error) {
	var fall []place
	cluster.Fork()
	for _, p := range list {
		ok, err := bears(cluster, p, bind)
		if err != nil {
			return nil, fmt.Errorf("pod %s/%s: %w", p.pod.Namespace, p.pod.Name, err)
		}
		if ok {
			stand = append(stand, p)
			continue
		}
		fall = append(fall, p)
		if err := cluster.Nominate(p.pod, ""); err != nil {
			return nil, err
		}
	}
	cluster.Revert()
	for _, p := range fall {
		if err := cluster.Nominate(p.pod, ""); err != nil {
			return nil, err
		}
	}
	return stand, nil
}

// bears runs one pod's scheduling cycle.
func bears(cluster *simulator.Cluster, p place, bind bool) (bool, error) {
	cycle, err := cluster.Cycle(p.pod)
	if err != nil {
		return false, err
	}
	if !cycle.FilterNominated(p.node).IsSuccess() {
		return false, nil
	}
	if !bind {
		return true, nil
	}
	// Devices that others took since are found out by placing only.
	cluster.Fork()
	if err := cycle.Place(p.node); err != nil {
		cluster.Revert()
		return false, nil //nolint:nilerr // the refusal is the answer
	}
	cluster.Commit()
	return true, nil
}
