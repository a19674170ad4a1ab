package verify

import (
	"cmp"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// planned is a pod of the plan.
type planned struct {
	pod  *v1.Pod
	node string
	// order is the pod's place in the queue.
	order int
	// refusal is why the pod was not placed when it was last tried.
	refusal Refusal
	// final refusals stay whatever else is placed.
	final bool
	// claims says that placing the pod binds volumes or allocates devices.
	claims bool
}

func nameOf(pod *v1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

// refuse notes why the pod was not placed.
func (p *planned) refuse(plugin, message string) {
	p.refusal = Refusal{Pod: nameOf(p.pod), Node: p.node, Plugin: plugin, Message: message}
}

// group is a PodGroup with a gang policy.
type group struct {
	name     types.NamespacedName
	minCount int
	// bound counts the members that have a node today.
	bound   int
	members []*planned
}

// running counts the members that have a node by now.
func (g *group) running(cluster *simulator.Cluster) int {
	running := g.bound
	for _, p := range g.members {
		if cluster.NodeOf(p.pod) != "" {
			running++
		}
	}
	return running
}

// unit is what is placed or not placed as a whole: a pod, or the planned pods
// of a group.
type unit struct {
	pods  []*planned
	group *group
}

// readPlan resolves the plan's names. It returns the units in queue order, a
// group at its first member's place, and the refusals that need no plugin.
func readPlan(cluster *simulator.Cluster, plan map[types.NamespacedName]string) (units []unit, refused []Refusal) {
	groups := gangs(cluster.Objects())
	at := map[*group]int{}
	seen := make(map[types.NamespacedName]bool, len(plan))
	for order, pod := range cluster.Pending() {
		name := nameOf(pod)
		node, ok := plan[name]
		if !ok {
			continue
		}
		seen[name] = true
		p := &planned{pod: pod, node: node, order: order}
		if !readable(cluster, p) {
			refused = append(refused, p.refusal)
			continue
		}
		gang := groups[groupOf(pod)]
		if gang == nil {
			units = append(units, unit{pods: []*planned{p}})
			continue
		}
		gang.members = append(gang.members, p)
		if i, ok := at[gang]; ok {
			units[i].pods = append(units[i].pods, p)
			continue
		}
		at[gang] = len(units)
		units = append(units, unit{pods: []*planned{p}, group: gang})
	}
	return units, append(refused, unknown(cluster, plan, seen)...)
}

// readable refuses what no scheduling cycle can judge.
func readable(cluster *simulator.Cluster, p *planned) bool {
	if plugin, reason := cluster.Gated(p.pod); plugin != "" {
		p.refuse(plugin, reason)
		return false
	}
	if cluster.Node(p.node) == nil {
		p.refuse(PlanCheck, fmt.Sprintf("node %q is neither in the cluster nor added by the plan", p.node))
		return false
	}
	return true
}

// unknown refuses the plan's names for which no pod waits.
func unknown(cluster *simulator.Cluster, plan map[types.NamespacedName]string, seen map[types.NamespacedName]bool) []Refusal {
	if len(seen) == len(plan) {
		return nil
	}
	running := map[types.NamespacedName]string{}
	for _, pod := range cluster.Objects().Pods {
		running[nameOf(pod)] = pod.Spec.NodeName
	}
	var refused []Refusal
	for name, node := range plan {
		if seen[name] {
			continue
		}
		message := "there is no such pod in the cluster"
		if on := running[name]; on != "" {
			message = fmt.Sprintf("the pod is not pending, it is on node %s", on)
		}
		refused = append(refused, Refusal{Pod: name, Node: node, Plugin: PlanCheck, Message: message})
	}
	slices.SortFunc(refused, func(a, b Refusal) int { return cmp.Compare(a.Pod.String(), b.Pod.String()) })
	return refused
}

func groupOf(pod *v1.Pod) types.NamespacedName {
	if reference := pod.Spec.SchedulingGroup; reference != nil && reference.PodGroupName != nil {
		return types.NamespacedName{Namespace: pod.Namespace, Name: *reference.PodGroupName}
	}
	return types.NamespacedName{}
}

// gangs reads the PodGroups that want minCount pods or none. A group with a
// basic policy, and one whose object is missing, makes no demand.
func gangs(objects *simulator.Objects) map[types.NamespacedName]*group {
	groups := map[types.NamespacedName]*group{}
	for _, object := range objects.PodGroups {
		if gang := object.Spec.SchedulingPolicy.Gang; gang != nil {
			name := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
			groups[name] = &group{name: name, minCount: int(gang.MinCount)}
		}
	}
	if len(groups) == 0 {
		return groups
	}
	for _, pod := range objects.Pods {
		if gang := groups[groupOf(pod)]; gang != nil && pod.Spec.NodeName != "" {
			gang.bound++
		}
	}
	return groups
}

// refuse explains to members that could have been placed why they were not.
func (g *group) refuse(members []*planned, running int) {
	for _, p := range members {
		p.refuse(names.GangScheduling, fmt.Sprintf("pod group %s: %d of minCount %d pods would run", g.name, running, g.minCount))
	}
}
