package simulator

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/utils/ptr"
)

// Spread is a DoNotSchedule topology spread constraint as the PodTopologySpread
// plugin reads it, with its defaults filled in.
type Spread struct {
	MaxSkew     int
	TopologyKey string
	// MinDomains is at least 1.
	MinDomains int
	// Selector counts the pods of the constrained pod's own namespace.
	Selector labels.Selector
	// HonorAffinity leaves nodes out that the pod's own node affinity excludes,
	// HonorTaints those whose taints it does not tolerate.
	HonorAffinity, HonorTaints bool
}

// HardSpreads lists the constraints that bind a pod: its own, or those of its
// profile's defaults if it states none and a Service or an owner selects it.
func (c *Cluster) HardSpreads(pod *v1.Pod) ([]Spread, error) {
	constraints, selector := pod.Spec.TopologySpreadConstraints, labels.Selector(nil)
	if len(constraints) == 0 {
		constraints = c.defaultSpread(pod.Spec.SchedulerName)
		if len(constraints) == 0 {
			return nil, nil
		}
		selector = helper.DefaultSelector(pod,
			c.informers.Core().V1().Services().Lister(), c.informers.Core().V1().ReplicationControllers().Lister(),
			c.informers.Apps().V1().ReplicaSets().Lister(), c.informers.Apps().V1().StatefulSets().Lister())
		if selector.Empty() {
			return nil, nil
		}
	}
	var spreads []Spread
	for i := range constraints {
		constraint := &constraints[i]
		if constraint.WhenUnsatisfiable != v1.DoNotSchedule {
			continue
		}
		counted := selector
		if counted == nil {
			var err error
			if counted, err = spreadSelector(constraint, pod.Labels); err != nil {
				return nil, err
			}
		}
		spreads = append(spreads, Spread{
			MaxSkew:       int(constraint.MaxSkew),
			TopologyKey:   constraint.TopologyKey,
			MinDomains:    int(ptr.Deref(constraint.MinDomains, 1)),
			Selector:      counted,
			HonorAffinity: ptr.Deref(constraint.NodeAffinityPolicy, v1.NodeInclusionPolicyHonor) == v1.NodeInclusionPolicyHonor,
			HonorTaints:   ptr.Deref(constraint.NodeTaintsPolicy, v1.NodeInclusionPolicyIgnore) == v1.NodeInclusionPolicyHonor,
		})
	}
	return spreads, nil
}

// spreadSelector adds the pod's values of matchLabelKeys, which the API server
// merges into the selector of new pods and the plugin adds for older ones.
func spreadSelector(constraint *v1.TopologySpreadConstraint, podLabels map[string]string) (labels.Selector, error) {
	selector, err := metav1.LabelSelectorAsSelector(constraint.LabelSelector)
	if err != nil {
		return nil, err
	}
	for _, key := range constraint.MatchLabelKeys {
		if value, ok := podLabels[key]; ok {
			own, _ := labels.SelectorFromSet(labels.Set{key: value}).Requirements()
			selector = selector.Add(own...)
		}
	}
	return selector, nil
}

func (c *Cluster) defaultSpread(schedulerName string) []v1.TopologySpreadConstraint {
	for _, profile := range c.config.configuration.Profiles {
		if profile.SchedulerName != schedulerName {
			continue
		}
		for _, config := range profile.PluginConfig {
			if args, ok := config.Args.(*schedulerconfig.PodTopologySpreadArgs); ok && config.Name == names.PodTopologySpread {
				return args.DefaultConstraints
			}
		}
	}
	return nil
}
