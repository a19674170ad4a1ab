package binpack

import (
	"sort"
	"strconv"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1"
)

// keyWriter builds the text by which equal pods are recognised. Every part is
// written with its length, so that two different sequences never read the same.
type keyWriter struct{ buffer []byte }

func (w *keyWriter) text(s string) {
	w.number(int64(len(s)))
	w.buffer = append(w.buffer, s...)
}

func (w *keyWriter) number(n int64) {
	w.buffer = strconv.AppendInt(w.buffer, n, 10)
	w.buffer = append(w.buffer, ';')
}

func (w *keyWriter) section(name byte) { w.buffer = append(w.buffer, '\n', name) }

func (w *keyWriter) texts(list []string) {
	w.number(int64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

func (w *keyWriter) labels(m map[string]string) {
	w.number(int64(len(m)))
	for _, key := range sortedKeys(m) {
		w.text(key)
		w.text(m[key])
	}
}

func (w *keyWriter) selector(s *metav1.LabelSelector) {
	if s == nil {
		w.section('-')
		return
	}
	w.labels(s.MatchLabels)
	for i := range s.MatchExpressions {
		e := &s.MatchExpressions[i]
		w.text(e.Key)
		w.text(string(e.Operator))
		w.texts(e.Values)
	}
}

// static writes what decides, apart from requests and other pods, whether a
// pod may run on a node.
func (w *keyWriter) static(pod *v1.Pod, volumes string) {
	spec := &pod.Spec
	w.text(spec.SchedulerName)
	w.text(volumes)
	if len(spec.NodeSelector) > 0 {
		w.section('s')
		w.labels(spec.NodeSelector)
	}
	if spec.Affinity != nil && spec.Affinity.NodeAffinity != nil {
		w.nodeAffinity(spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	}
	if len(spec.Tolerations) > 0 {
		w.section('t')
		for i := range spec.Tolerations {
			t := &spec.Tolerations[i]
			w.text(t.Key)
			w.text(string(t.Operator))
			w.text(t.Value)
			w.text(string(t.Effect))
		}
	}
	w.ports(spec)
	if spec.OS != nil {
		w.section('o')
		w.text(string(spec.OS.Name))
	}
}

func (w *keyWriter) nodeAffinity(required *v1.NodeSelector) {
	if required == nil {
		return
	}
	w.section('n')
	for i := range required.NodeSelectorTerms {
		term := &required.NodeSelectorTerms[i]
		w.section('|')
		for _, list := range [][]v1.NodeSelectorRequirement{term.MatchExpressions, term.MatchFields} {
			w.number(int64(len(list)))
			for j := range list {
				w.text(list[j].Key)
				w.text(string(list[j].Operator))
				w.texts(list[j].Values)
			}
		}
	}
}

func (w *keyWriter) ports(spec *v1.PodSpec) {
	for _, port := range hostPorts(spec) {
		w.section('p')
		w.text(port)
	}
}

// hostPorts lists "protocol/ip/port" of each host port, sorted.
func hostPorts(spec *v1.PodSpec) []string {
	var ports []string
	each := func(containers []v1.Container) {
		for i := range containers {
			for j := range containers[i].Ports {
				if p := &containers[i].Ports[j]; p.HostPort > 0 {
					ports = append(ports, string(p.Protocol)+"/"+p.HostIP+"/"+strconv.Itoa(int(p.HostPort)))
				}
			}
		}
	}
	each(spec.Containers)
	for i := range spec.InitContainers {
		if policy := spec.InitContainers[i].RestartPolicy; policy != nil && *policy == v1.ContainerRestartPolicyAlways {
			each(spec.InitContainers[i : i+1])
		}
	}
	sort.Strings(ports)
	return ports
}

// requests writes what a pod asks for and its place in the queue.
func (w *keyWriter) requests(pod *v1.Pod) {
	spec := &pod.Spec
	w.section('r')
	w.number(int64(corev1.PodPriority(pod)))
	if spec.PreemptionPolicy != nil {
		w.text(string(*spec.PreemptionPolicy))
	}
	for i := range spec.Containers {
		w.resources(spec.Containers[i].Resources.Requests)
	}
	for i := range spec.InitContainers {
		w.section('i')
		if policy := spec.InitContainers[i].RestartPolicy; policy != nil {
			w.text(string(*policy))
		}
		w.resources(spec.InitContainers[i].Resources.Requests)
	}
	if len(spec.Overhead) > 0 {
		w.section('o')
		w.resources(spec.Overhead)
	}
	if spec.Resources != nil {
		w.section('l')
		w.resources(spec.Resources.Requests)
	}
}

func (w *keyWriter) resources(list v1.ResourceList) {
	w.section('q')
	if len(list) <= 2 {
		// The usual two, without sorting a slice of names.
		cpu, hasCPU := list[v1.ResourceCPU]
		memory, hasMemory := list[v1.ResourceMemory]
		if hasCPU {
			w.text("c")
			w.text(cpu.String())
		}
		if hasMemory {
			w.text("m")
			w.text(memory.String())
		}
		if count(hasCPU)+count(hasMemory) == len(list) {
			return
		}
	}
	names := make([]string, 0, len(list))
	for name := range list {
		names = append(names, string(name))
	}
	sort.Strings(names)
	for _, name := range names {
		quantity := list[v1.ResourceName(name)]
		w.text(name)
		w.text(quantity.String())
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// coupling writes the required terms by which a pod looks at other pods, and
// the labels by which others look at it.
func (w *keyWriter) coupling(pod *v1.Pod, group string, visible []string) {
	w.text(group)
	if a := pod.Spec.Affinity; a != nil {
		if a.PodAffinity != nil {
			w.section('a')
			w.terms(a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
		}
		if a.PodAntiAffinity != nil {
			w.section('x')
			w.terms(a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
		}
	}
	for i := range pod.Spec.TopologySpreadConstraints {
		c := &pod.Spec.TopologySpreadConstraints[i]
		if c.WhenUnsatisfiable != v1.DoNotSchedule {
			continue
		}
		w.section('d')
		w.number(int64(c.MaxSkew))
		w.text(c.TopologyKey)
		w.selector(c.LabelSelector)
		w.texts(c.MatchLabelKeys)
		if c.MinDomains != nil {
			w.number(int64(*c.MinDomains))
		}
		if c.NodeAffinityPolicy != nil {
			w.text(string(*c.NodeAffinityPolicy))
		}
		if c.NodeTaintsPolicy != nil {
			w.section('T')
			w.text(string(*c.NodeTaintsPolicy))
		}
	}
	if visible == nil {
		return
	}
	w.section('N')
	w.text(pod.Namespace)
	for _, key := range visible {
		if value, ok := pod.Labels[key]; ok {
			w.text(key)
			w.text(value)
		}
	}
}

func (w *keyWriter) terms(terms []v1.PodAffinityTerm) {
	for i := range terms {
		t := &terms[i]
		w.section('|')
		w.text(t.TopologyKey)
		w.selector(t.LabelSelector)
		w.texts(t.Namespaces)
		w.selector(t.NamespaceSelector)
		w.texts(t.MatchLabelKeys)
		w.texts(t.MismatchLabelKeys)
	}
}
