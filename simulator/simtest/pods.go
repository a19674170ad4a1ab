package simtest

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Pod is a pending pod of namespace default with one container that requests
// cpu and memory (quantities, "" for none).
func Pod(name, cpu, memory string, options ...func(*v1.Pod)) *v1.Pod {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{}},
		Spec: v1.PodSpec{
			SchedulerName: v1.DefaultSchedulerName,
			Containers: []v1.Container{{
				Name: "main", Image: "registry.example/app:1", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{}},
			}},
		},
		Status: v1.PodStatus{Phase: v1.PodPending},
	}
	if cpu != "" {
		Wants(v1.ResourceCPU, cpu)(pod)
	}
	if memory != "" {
		Wants(v1.ResourceMemory, memory)(pod)
	}
	for _, option := range options {
		option(pod)
	}
	if pod.UID == "" {
		pod.UID = types.UID(pod.Namespace + "/" + pod.Name)
	}
	return pod
}

// In puts the pod into a namespace.
func In(namespace string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Namespace = namespace }
}

// On makes it a running pod of a node.
func On(node string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Spec.NodeName, pod.Status.Phase = node, v1.PodRunning }
}

// Label sets a label.
func Label(key, value string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Labels[key] = value }
}

// Wants requests an amount of any resource.
func Wants(name v1.ResourceName, amount string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Spec.Containers[0].Resources.Requests[name] = resource.MustParse(amount) }
}

// Priority sets the priority.
func Priority(value int32) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Spec.Priority = &value }
}

// Created sets the creation time, seconds after the epoch.
func Created(second int64) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.CreationTimestamp = metav1.NewTime(time.Unix(second, 0)) }
}

// Scheduler names the scheduler.
func Scheduler(name string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Spec.SchedulerName = name }
}

// Gate adds a scheduling gate.
func Gate(name string) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		pod.Spec.SchedulingGates = append(pod.Spec.SchedulingGates, v1.PodSchedulingGate{Name: name})
	}
}

// Nominated sets status.nominatedNodeName.
func Nominated(node string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Status.NominatedNodeName = node }
}

// HostPort asks for a TCP port of the node.
func HostPort(port int32) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		main := &pod.Spec.Containers[0]
		main.Ports = append(main.Ports, v1.ContainerPort{ContainerPort: port, HostPort: port, Protocol: v1.ProtocolTCP})
	}
}

// Tolerates adds a toleration for a taint as Taint writes it; "*" tolerates all.
func Tolerates(taint string) func(*v1.Pod) {
	toleration := v1.Toleration{Operator: v1.TolerationOpExists}
	if taint != "*" {
		key, value, effect := parseTaint(taint)
		toleration = v1.Toleration{Key: key, Operator: v1.TolerationOpEqual, Value: value, Effect: v1.TaintEffect(effect)}
	}
	return func(pod *v1.Pod) { pod.Spec.Tolerations = append(pod.Spec.Tolerations, toleration) }
}

// Selects sets a node selector.
func Selects(key, value string) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		pod.Spec.NodeSelector[key] = value
	}
}

// RequiresNode requires a node label to have one of the values.
func RequiresNode(key string, values ...string) func(*v1.Pod) {
	return requiresNode(v1.NodeSelectorTerm{MatchExpressions: []v1.NodeSelectorRequirement{
		{Key: key, Operator: v1.NodeSelectorOpIn, Values: values}}})
}

// RequiresNodeNamed requires the node by its name (matchFields).
func RequiresNodeNamed(name string) func(*v1.Pod) {
	return requiresNode(v1.NodeSelectorTerm{MatchFields: []v1.NodeSelectorRequirement{
		{Key: metav1.ObjectNameField, Operator: v1.NodeSelectorOpIn, Values: []string{name}}}})
}

func requiresNode(term v1.NodeSelectorTerm) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		affinityOf(pod).NodeAffinity = &v1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{term}}}
	}
}

// PrefersNode prefers nodes that have the label value, with weight 100.
func PrefersNode(key, value string) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		affinityOf(pod).NodeAffinity = &v1.NodeAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []v1.PreferredSchedulingTerm{{Weight: 100,
				Preference: v1.NodeSelectorTerm{MatchExpressions: []v1.NodeSelectorRequirement{
					{Key: key, Operator: v1.NodeSelectorOpIn, Values: []string{value}}}}}}}
	}
}

func affinityOf(pod *v1.Pod) *v1.Affinity {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &v1.Affinity{}
	}
	return pod.Spec.Affinity
}

// Apart requires a domain of topologyKey without pods labelled app=app; change
// refines the term.
func Apart(topologyKey, app string, change ...func(*v1.PodAffinityTerm)) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		affinity := affinityOf(pod)
		if affinity.PodAntiAffinity == nil {
			affinity.PodAntiAffinity = &v1.PodAntiAffinity{}
		}
		terms := &affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		*terms = append(*terms, term(topologyKey, app, change))
	}
}

// Together requires a domain of topologyKey with a pod labelled app=app.
func Together(topologyKey, app string, change ...func(*v1.PodAffinityTerm)) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		affinity := affinityOf(pod)
		if affinity.PodAffinity == nil {
			affinity.PodAffinity = &v1.PodAffinity{}
		}
		terms := &affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		*terms = append(*terms, term(topologyKey, app, change))
	}
}

func term(topologyKey, app string, change []func(*v1.PodAffinityTerm)) v1.PodAffinityTerm {
	term := v1.PodAffinityTerm{TopologyKey: topologyKey, LabelSelector: App(app)}
	for _, f := range change {
		f(&term)
	}
	return term
}

// App selects pods labelled app=app.
func App(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
}

// Spread requires pods labelled app=app to be spread over topologyKey with at
// most the given skew; change refines the constraint.
func Spread(topologyKey string, maxSkew int32, app string, change ...func(*v1.TopologySpreadConstraint)) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		constraint := v1.TopologySpreadConstraint{
			MaxSkew: maxSkew, TopologyKey: topologyKey, WhenUnsatisfiable: v1.DoNotSchedule, LabelSelector: App(app),
		}
		for _, f := range change {
			f(&constraint)
		}
		pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, constraint)
	}
}
