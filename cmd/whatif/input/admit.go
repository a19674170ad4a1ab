package input

import (
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	systemclasses "k8s.io/kubernetes/pkg/apis/scheduling/v1"
)

// defaultTolerationSeconds is what the admission plugin of that name grants to
// pods on nodes that are not ready or unreachable.
const defaultTolerationSeconds int64 = 300

// admission does to a pod what the API server does before it stores one, as far
// as the scheduler can see it.
type admission struct {
	classes map[string]*schedulingv1.PriorityClass
	// defaultClass is nil when no class is the global default.
	defaultClass *schedulingv1.PriorityClass
}

// newAdmission knows the given classes and the two that every cluster has.
func newAdmission(classes []*schedulingv1.PriorityClass) *admission {
	a := &admission{classes: make(map[string]*schedulingv1.PriorityClass)}
	for _, class := range slices.Concat(systemclasses.SystemPriorityClasses(), classes) {
		if class.PreemptionPolicy == nil {
			class = class.DeepCopy()
			systemclasses.SetObjectDefaults_PriorityClass(class)
		}
		a.classes[class.Name] = class
	}
	for _, class := range classes {
		// Of several defaults, which only a race can make, the lowest rules.
		if class.GlobalDefault && (a.defaultClass == nil || class.Value < a.defaultClass.Value) {
			a.defaultClass = a.classes[class.Name]
		}
	}
	return a
}

// fieldError is a complaint about one field of an object.
type fieldError struct {
	field string
	what  string
}

func (e *fieldError) Error() string { return e.field + ": " + e.what }

// spec completes the spec of a pod. A priority that is there already stands.
func (a *admission) spec(spec *v1.PodSpec) error {
	if err := a.templateSpec(spec); err != nil {
		return err
	}
	addDefaultTolerations(spec)
	return nil
}

// template completes the template of a DaemonSet. Its pods have the same labels,
// so label keys can be merged here.
func (a *admission) template(template *v1.PodTemplateSpec) error {
	if err := a.templateSpec(&template.Spec); err != nil {
		return err
	}
	like := &v1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	mergeLabelKeys(like)
	template.Spec = like.Spec
	return nil
}

// templateSpec is spec without the default tolerations: the controller of a
// DaemonSet adds tolerations of its own, and they come first.
func (a *admission) templateSpec(spec *v1.PodSpec) error {
	pod := &v1.Pod{Spec: *spec}
	corev1.SetObjectDefaults_Pod(pod)
	if pod.Spec.Resources != nil {
		if err := defaultPodLevelResources(pod); err != nil {
			return err
		}
	}
	if err := a.priority(&pod.Spec); err != nil {
		return err
	}
	*spec = pod.Spec
	return nil
}

// priority resolves spec.priorityClassName unless the priority is there already.
func (a *admission) priority(spec *v1.PodSpec) error {
	if spec.Priority != nil && spec.PreemptionPolicy != nil {
		return nil
	}
	value, policy, className := int32(0), v1.PreemptLowerPriority, spec.PriorityClassName
	switch class := a.classes[className]; {
	case className == "" && a.defaultClass != nil && spec.Priority == nil:
		className, value, policy = a.defaultClass.Name, a.defaultClass.Value, *a.defaultClass.PreemptionPolicy
	case className == "":
	case class != nil:
		value, policy = class.Value, *class.PreemptionPolicy
	case spec.Priority == nil:
		return &fieldError{"spec.priorityClassName", fmt.Sprintf("no PriorityClass %q in the input", className)}
	}
	if spec.Priority == nil {
		spec.PriorityClassName, spec.Priority = className, &value
	}
	if spec.PreemptionPolicy == nil {
		spec.PreemptionPolicy = &policy
	}
	return nil
}

// created refuses what the priority admission plugin refuses in a new pod: a
// priority or preemption policy other than that of its class.
func (a *admission) created(spec *v1.PodSpec, askedPriority *int32) error {
	resolved := v1.PodSpec{PriorityClassName: spec.PriorityClassName}
	if err := a.priority(&resolved); err != nil {
		return err
	}
	if askedPriority != nil && *askedPriority != *resolved.Priority {
		return &fieldError{"spec.priority", fmt.Sprintf("must not be %d: the PriorityClass %q gives %d",
			*askedPriority, resolved.PriorityClassName, *resolved.Priority)}
	}
	if *spec.PreemptionPolicy != *resolved.PreemptionPolicy {
		return &fieldError{"spec.preemptionPolicy", fmt.Sprintf("must not be %s: the PriorityClass %q gives %s",
			*spec.PreemptionPolicy, resolved.PriorityClassName, *resolved.PreemptionPolicy)}
	}
	return nil
}

func addDefaultTolerations(spec *v1.PodSpec) {
	for _, key := range []string{v1.TaintNodeNotReady, v1.TaintNodeUnreachable} {
		tolerated := slices.ContainsFunc(spec.Tolerations, func(t v1.Toleration) bool {
			return (t.Key == key || t.Key == "") && (t.Effect == v1.TaintEffectNoExecute || t.Effect == "")
		})
		if tolerated {
			continue
		}
		seconds := defaultTolerationSeconds
		// A full slice makes append copy: the array may belong to a template.
		spec.Tolerations = append(slices.Clip(spec.Tolerations), v1.Toleration{
			Key: key, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &seconds,
		})
	}
}

// defaultPodLevelResources completes spec.resources from the containers'. The
// upstream function works on the internal type.
func defaultPodLevelResources(pod *v1.Pod) error {
	var internal core.Pod
	if err := corev1.Convert_v1_Pod_To_core_Pod(pod.DeepCopy(), &internal, nil); err != nil {
		return err
	}
	podutil.DefaultPodLevelResources(&internal)
	var resources v1.ResourceRequirements
	if err := corev1.Convert_core_ResourceRequirements_To_v1_ResourceRequirements(internal.Spec.Resources, &resources, nil); err != nil {
		return err
	}
	pod.Spec.Resources = &resources
	return nil
}

// usesLabelKeys is true for a spec whose selectors depend on the pod's labels.
func usesLabelKeys(spec *v1.PodSpec) bool {
	for i := range spec.TopologySpreadConstraints {
		if len(spec.TopologySpreadConstraints[i].MatchLabelKeys) > 0 {
			return true
		}
	}
	for _, term := range affinityTerms(spec.Affinity) {
		if len(term.MatchLabelKeys)+len(term.MismatchLabelKeys) > 0 {
			return true
		}
	}
	return false
}

// mergeLabelKeys writes matchLabelKeys and mismatchLabelKeys into the selectors,
// as the API server does when a pod is created. A pod that has them already is
// left as it is; what is changed is copied before.
func mergeLabelKeys(pod *v1.Pod) {
	if !usesLabelKeys(&pod.Spec) {
		return
	}
	pod.Spec.Affinity = pod.Spec.Affinity.DeepCopy()
	for _, term := range affinityTerms(pod.Spec.Affinity) {
		mergeKeys(term.LabelSelector, term.MatchLabelKeys, metav1.LabelSelectorOpIn, pod.Labels)
		mergeKeys(term.LabelSelector, term.MismatchLabelKeys, metav1.LabelSelectorOpNotIn, pod.Labels)
	}
	constraints := make([]v1.TopologySpreadConstraint, len(pod.Spec.TopologySpreadConstraints))
	for i := range constraints {
		pod.Spec.TopologySpreadConstraints[i].DeepCopyInto(&constraints[i])
		mergeKeys(constraints[i].LabelSelector, constraints[i].MatchLabelKeys, metav1.LabelSelectorOpIn, pod.Labels)
	}
	pod.Spec.TopologySpreadConstraints = constraints
}

// mergeKeys leaves a nil selector alone: it matches nothing whatever the keys.
func mergeKeys(selector *metav1.LabelSelector, keys []string, operator metav1.LabelSelectorOperator, labels map[string]string) {
	if selector == nil {
		return
	}
	for _, key := range keys {
		value, ok := labels[key]
		if !ok {
			continue
		}
		merged := slices.ContainsFunc(selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool {
			return r.Key == key && r.Operator == operator && len(r.Values) == 1 && r.Values[0] == value
		})
		if !merged {
			selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
				Key: key, Operator: operator, Values: []string{value},
			})
		}
	}
}

// affinityTerms are all terms about pods, required and preferred.
func affinityTerms(affinity *v1.Affinity) []*v1.PodAffinityTerm {
	if affinity == nil {
		return nil
	}
	var terms []*v1.PodAffinityTerm
	add := func(required []v1.PodAffinityTerm, preferred []v1.WeightedPodAffinityTerm) {
		for i := range required {
			terms = append(terms, &required[i])
		}
		for i := range preferred {
			terms = append(terms, &preferred[i].PodAffinityTerm)
		}
	}
	if a := affinity.PodAffinity; a != nil {
		add(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a := affinity.PodAntiAffinity; a != nil {
		add(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return terms
}
