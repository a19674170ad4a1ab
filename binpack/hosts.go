package binpack

import (
	"math"
	"sort"

	v1 "k8s.io/api/core/v1"
	corev1 "k8s.io/component-helpers/scheduling/corev1"
)

// rejectedOn says that a pod running on the node and a pod of the class refuse
// each other, or that running pods keep a whole domain around the node closed.
func (p *planner) rejectedOn(class, node int) bool {
	m := p.model
	for _, t := range m.of[class].antiAffinity {
		if t.key == v1.LabelHostname && m.matchers[t.matcher].onNode[node] > 0 {
			return true
		}
	}
	for _, s := range m.standing {
		if s.node == node && s.key == v1.LabelHostname && m.matchers[s.matcher].selects[class] {
			return true
		}
	}
	return p.needsPreemption(p.classes[class], node)
}

// needsPreemption says that the node's room is partly taken by pods that would
// have to be preempted, and that the class cannot: its policy rules it out, or
// its priority is no higher than theirs.
func (p *planner) needsPreemption(c *class, node int) bool {
	highest, expendable := p.expendableOn[p.nodes[node].name]
	policy := c.pod().Spec.PreemptionPolicy
	return expendable && (c.priority <= highest || policy != nil && *policy == v1.PreemptNever)
}

// expendableNodes names the nodes where expendable pods run, each with the
// highest priority among them.
func expendableNodes(pods []*v1.Pod, below int32) map[string]int32 {
	nodes := map[string]int32{}
	for _, pod := range pods {
		priority := corev1.PodPriority(pod)
		if pod.Spec.NodeName == "" || priority >= below || isDaemon(pod) {
			continue
		}
		if highest, ok := nodes[pod.Spec.NodeName]; !ok || priority > highest {
			nodes[pod.Spec.NodeName] = priority
		}
	}
	return nodes
}

// withoutVictims leaves out the pods that are on their way out of a node to which
// a pod of a higher priority is nominated: kube-scheduler has preempted them.
func withoutVictims(pods []*v1.Pod) []*v1.Pod {
	nominated := map[string]int32{}
	for _, pod := range pods {
		if name := pod.Status.NominatedNodeName; name != "" && pod.Spec.NodeName == "" {
			if highest, ok := nominated[name]; !ok || corev1.PodPriority(pod) > highest {
				nominated[name] = corev1.PodPriority(pod)
			}
		}
	}
	if len(nominated) == 0 {
		return pods
	}
	kept := make([]*v1.Pod, 0, len(pods))
	for _, pod := range pods {
		highest, ok := nominated[pod.Spec.NodeName]
		if !ok || pod.DeletionTimestamp == nil || corev1.PodPriority(pod) >= highest {
			kept = append(kept, pod)
		}
	}
	return kept
}

// selected counts the pods that a matcher selects.
func (p *planner) selected(matcher int, pods []*v1.Pod) int {
	n := 0
	for _, pod := range pods {
		if p.model.matchers[matcher].match(pod, p.model.namespaces[pod.Namespace]) {
			n++
		}
	}
	return n
}

// without is the free room once pods have taken theirs.
func (p *planner) without(free []int64, pods []*v1.Pod) []int64 {
	rest := append([]int64(nil), free...)
	for _, pod := range pods {
		for d, amount := range p.classOf[pod].size {
			rest[d] -= amount
		}
	}
	return rest
}

func (p *planner) kindIndex(k *kind) int {
	return sort.Search(len(p.kinds), func(i int) bool { return p.kinds[i].Name >= k.Name })
}

// groupNeedsNodes says that the NodeGroup lacks nodes to its minimum.
func (p *planner) groupNeedsNodes(pool int) bool {
	return int(p.pools.groups[pool].Spec.MinNodes) > p.pools.owned[pool].nodes
}

// portNumbers lists "protocol/port" of the pod's host ports, sorted.
func portNumbers(pod *v1.Pod) []string {
	seen := map[string]bool{}
	for _, port := range hostPorts(&pod.Spec) {
		first, last := 0, len(port)
		for i := range port {
			if port[i] == '/' {
				if first == 0 {
					first = i
				}
				last = i
			}
		}
		seen[port[:first]+port[last:]] = true
	}
	return sortedKeys(seen)
}

func sortedInts[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Ints(keys)
	return keys
}

func nonNegative(v []int64) []int64 {
	clipped := make([]int64, len(v))
	for i, x := range v {
		clipped[i] = max(0, x)
	}
	return clipped
}

func (w *keyWriter) quantities(v []int64) {
	for _, x := range v {
		w.number(x)
	}
}

func (w *keyWriter) float(f float64) { w.number(int64(math.Float64bits(f))) }
