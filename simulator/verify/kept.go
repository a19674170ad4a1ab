package verify

import (
	"sort"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// keptCycles spares a PreFilter for pods that are equal but for their identity
// and that InterPodAffinity alone looks at beyond the node: that plugin's AddPod
// counts a placed pod exactly as its PreFilter does, in constant time, where
// PreFilter walks every pod of the cluster. PodTopologySpread's AddPod is not
// exact over three domains or more, so pods with spread constraints always get
// a fresh cycle, as do pods with claims.
type keptCycles struct {
	cluster *simulator.Cluster
	bySpec  map[string]*keptCycle
	// placed is what was placed since the beginning, in order.
	placed []placedPod
}

type placedPod struct {
	pod  *v1.Pod
	node string
}

type keptCycle struct {
	cycle *simulator.Cycle
	// upTo counts the placed pods that the cycle knows.
	upTo int
}

func newKeptCycles(cluster *simulator.Cluster, units []unit) *keptCycles {
	for _, u := range units {
		if u.group != nil {
			// A group may be taken back, and its placements are not undone here.
			return &keptCycles{cluster: cluster}
		}
	}
	return &keptCycles{cluster: cluster, bySpec: map[string]*keptCycle{}}
}

// begin is the pod's scheduling cycle on the cluster as it is now.
func (k *keptCycles) begin(pod *v1.Pod) (*simulator.Cycle, error) {
	if k.bySpec == nil || pod.Spec.Affinity == nil {
		return k.cluster.Cycle(pod)
	}
	key, err := specKey(pod)
	if err != nil {
		return nil, err
	}
	kept := k.bySpec[key]
	// Catching up on more than half of all placed pods costs what counting afresh does.
	if kept != nil && len(k.placed)-kept.upTo <= 1+len(k.placed)/2 {
		for _, p := range k.placed[kept.upTo:] {
			if err := kept.cycle.Advance(p.pod, p.node); err != nil {
				return nil, err
			}
		}
		kept.upTo = len(k.placed)
		return kept.cycle.Of(pod), nil
	}
	cycle, err := k.cluster.Cycle(pod)
	if err == nil && k.canKeep(cycle, pod) {
		k.bySpec[key] = &keptCycle{cycle: cycle, upTo: len(k.placed)}
	}
	return cycle, err
}

// canKeep says that InterPodAffinity has a say on the pod, and beside it none
// but local plugins.
func (k *keptCycles) canKeep(cycle *simulator.Cycle, pod *v1.Pod) bool {
	if cycle.Refused() != nil || cycle.Skips(names.InterPodAffinity) {
		return false
	}
	for _, plugin := range k.cluster.FilterPlugins(pod) {
		if plugin != names.InterPodAffinity && !localPlugins[plugin] && !cycle.Skips(plugin) {
			return false
		}
	}
	return true
}

func (k *keptCycles) note(pod *v1.Pod, node string) {
	if k.bySpec != nil {
		k.placed = append(k.placed, placedPod{pod, node})
	}
}

// specKey is equal for pods that differ in name and identity only.
func specKey(pod *v1.Pod) (string, error) {
	spec, err := pod.Spec.Marshal()
	if err != nil {
		return "", err
	}
	labels := make([]string, 0, len(pod.Labels))
	for key, value := range pod.Labels {
		labels = append(labels, key+"="+value)
	}
	sort.Strings(labels)
	return pod.Namespace + "\x00" + strings.Join(labels, "\x00") + "\x00" + string(spec), nil
}
