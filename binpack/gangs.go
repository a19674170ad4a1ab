package binpack

import (
	"cmp"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// gangScheduling is the plugin that holds an incomplete group back.
const gangScheduling = "GangScheduling"

// gang is a pod group that runs with a minimum of pods or not at all.
type gang struct {
	name    types.NamespacedName
	minimum int
	// running counts the members that run today, placed those that a decision
	// places.
	running, placed int
	// members that are waiting, in queue order.
	members []*v1.Pod
}

func (g *gang) short() bool { return g.running+g.placed < g.minimum }

// withdrawal is why a pod group's member is not in the plan, and its class.
type withdrawal struct {
	why   string
	class *class
}

// gangs lists the groups with a minimum that have pods in the decision's
// classes, in queue order of their first pods.
func (p *planner) gangs(s *settled) []*gang {
	groups := p.cluster.Objects().PodGroups
	if len(groups) == 0 {
		return nil
	}
	byName := map[types.NamespacedName]*gang{}
	for _, group := range groups {
		if policy := group.Spec.SchedulingPolicy.Gang; policy != nil {
			name := types.NamespacedName{Namespace: group.Namespace, Name: group.Name}
			byName[name] = &gang{name: name, minimum: int(policy.MinCount)}
		}
	}
	each := func(pods []*v1.Pod, do func(g *gang, pod *v1.Pod)) {
		for _, pod := range pods {
			if g := byName[types.NamespacedName{Namespace: pod.Namespace, Name: gangName(pod)}]; g != nil {
				do(g, pod)
			}
		}
	}
	each(p.cluster.Objects().Pods, func(g *gang, pod *v1.Pod) { g.running += count(p.cluster.NodeOf(pod) != "") })
	for _, c := range p.classes {
		each(c.pods, func(g *gang, pod *v1.Pod) { g.members = append(g.members, pod) })
	}
	place := func(g *gang, _ *v1.Pod) { g.placed++ }
	for _, m := range s.machines {
		each(m.pods, place)
	}
	for _, pods := range s.onNode {
		each(pods, place)
	}
	var list []*gang
	for _, g := range byName {
		if len(g.members) > 0 {
			p.queueOrder(g.members)
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b *gang) int { return cmp.Compare(p.position[a.members[0]], p.position[b.members[0]]) })
	return list
}

// dropShortGangs takes pods off the decision whose group does not reach its
// minimum, for half a gang is money for nothing, and says whether there were
// any. Groups that cannot become whole go first; otherwise the last in the
// queue makes room for the others. Where a pod of a lower priority could make
// room instead, the group only becomes unplaced; else it is withdrawn.
func (p *planner) dropShortGangs(s *settled) bool {
	var short, hopeless []*gang
	for _, g := range p.gangs(s) {
		if !g.short() || g.placed == 0 {
			continue
		}
		short = append(short, g)
		able := 0
		for _, pod := range g.members {
			able += count(p.fitsAnything(p.classOf[pod]))
		}
		if g.running+able < g.minimum {
			hopeless = append(hopeless, g)
		}
	}
	if len(short) == 0 {
		return false
	}
	if len(hopeless) == 0 {
		hopeless = short[len(short)-1:]
	}
	for _, g := range hopeless {
		s.withdrawPods(g.members)
		s.unplaced = slices.DeleteFunc(s.unplaced, func(pod *v1.Pod) bool { return slices.Contains(g.members, pod) })
		if !p.byPriority && p.outranks(g, s) {
			s.waiting = append(s.waiting, g.members...)
			continue
		}
		why := fmt.Sprintf("pod group %s needs %d pods at once, and only %d can be placed", g.name.Name, g.minimum, g.running+g.placed)
		for _, pod := range g.members {
			p.withdrawn[pod] = withdrawal{why, p.classOf[pod]}
		}
	}
	return true
}

// outranks says that the decision serves a pod of a lower priority than the
// group's.
func (p *planner) outranks(g *gang, s *settled) bool {
	return s.serves(func(pod *v1.Pod) bool { return p.classOf[pod].priority < p.classOf[g.members[0]].priority })
}
