package binpack

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// gangScheduling is the plugin that holds an incomplete group back.
const gangScheduling = "GangScheduling"

// withdrawGangs takes the pod groups out that do not reach their minimum, and
// says whether there were any: half a gang is money for nothing.
func (p *planner) withdrawGangs(s *settled, queued []*v1.Pod) bool {
	least := map[types.NamespacedName]int{}
	for _, group := range p.cluster.Objects().PodGroups {
		if gang := group.Spec.SchedulingPolicy.Gang; gang != nil {
			least[types.NamespacedName{Namespace: group.Namespace, Name: group.Name}] = int(gang.MinCount)
		}
	}
	if len(least) == 0 {
		return false
	}
	running := map[types.NamespacedName]int{}
	for _, pod := range p.cluster.Objects().Pods {
		if name := gangName(pod); name != "" && pod.Spec.NodeName != "" {
			running[types.NamespacedName{Namespace: pod.Namespace, Name: name}]++
		}
	}
	unplaced := map[*v1.Pod]bool{}
	for _, pod := range s.unplaced {
		unplaced[pod] = true
	}
	for _, pod := range queued {
		if name := gangName(pod); name != "" && !unplaced[pod] && p.withdrawn[pod] == "" {
			running[types.NamespacedName{Namespace: pod.Namespace, Name: name}]++
		}
	}
	withdrew := false
	for _, pod := range queued {
		group := types.NamespacedName{Namespace: pod.Namespace, Name: gangName(pod)}
		if minimum, gang := least[group]; gang && p.withdrawn[pod] == "" && running[group] < minimum {
			p.withdrawn[pod] = fmt.Sprintf("pod group %s needs %d pods at once, and only %d can be placed", group.Name, minimum, running[group])
			withdrew = true
		}
	}
	return withdrew
}
