package binpack

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// visibleLabels lists, sorted, the label keys that some required term or hard
// spread constraint reads on pods; nil when nothing looks at pods at all, so
// that neither labels nor namespaces tell pods apart.
func visibleLabels(cluster *simulator.Cluster) ([]string, error) {
	objects := cluster.Objects()
	v := visible{keys: map[string]bool{}}
	for _, pod := range objects.Pods {
		v.affinity(pod)
		for i := range pod.Spec.TopologySpreadConstraints {
			c := &pod.Spec.TopologySpreadConstraints[i]
			if c.WhenUnsatisfiable == v1.DoNotSchedule && pod.Spec.NodeName == "" {
				v.selector(c.LabelSelector, c.MatchLabelKeys)
			}
		}
	}
	defaults, err := v.defaults(cluster)
	if err != nil {
		return nil, err
	}
	if !v.any && !defaults {
		return nil, nil
	}
	return sortedKeys(v.keys), nil
}

type visible struct {
	keys map[string]bool
	any  bool
}

func (v *visible) affinity(pod *v1.Pod) {
	a := pod.Spec.Affinity
	if a == nil {
		return
	}
	if a.PodAffinity != nil && pod.Spec.NodeName == "" {
		v.terms(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	}
	if a.PodAntiAffinity != nil {
		v.terms(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	}
}

func (v *visible) terms(terms []v1.PodAffinityTerm) {
	for i := range terms {
		v.selector(terms[i].LabelSelector, terms[i].MatchLabelKeys)
		v.selector(nil, terms[i].MismatchLabelKeys)
	}
}

func (v *visible) selector(s *metav1.LabelSelector, more []string) {
	v.any = true
	for _, key := range more {
		v.keys[key] = true
	}
	if s == nil {
		return
	}
	for key := range s.MatchLabels {
		v.keys[key] = true
	}
	for i := range s.MatchExpressions {
		v.keys[s.MatchExpressions[i].Key] = true
	}
}

// defaults adds the keys that a profile's own hard spread constraints read, by
// way of the selectors of Services and owners.
func (v *visible) defaults(cluster *simulator.Cluster) (bool, error) {
	found := false
	for _, pod := range cluster.Pending() {
		if len(pod.Spec.TopologySpreadConstraints) > 0 {
			continue
		}
		spreads, err := cluster.HardSpreads(pod)
		if err != nil {
			return false, podError(pod, err)
		}
		for _, spread := range spreads {
			found = true
			requirements, _ := spread.Selector.Requirements()
			for _, requirement := range requirements {
				v.keys[requirement.Key()] = true
			}
		}
	}
	return found, nil
}
