package input

import (
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
)

// The largest quantities that sums of a cluster stay within int64 with:
// 2^60 bytes (or pieces), and a billion cores.
var (
	maxQuantity = resource.NewQuantity(1<<60, resource.BinarySI)
	maxCores    = resource.NewQuantity(1_000_000_000, resource.DecimalSI)
)

// checkQuantities refuses quantities that are negative or that no machine has.
func checkQuantities(l *loaded) error {
	var wrong *fieldError
	switch obj := l.obj.(type) {
	case *v1.Pod:
		if l.spec.checked {
			return nil
		}
		l.spec.checked = true
		wrong = podQuantities(&l.spec.spec)
	case *v1.Node:
		wrong = firstWrong(
			listQuantities("status.allocatable", obj.Status.Allocatable),
			listQuantities("status.capacity", obj.Status.Capacity))
	case *v1.PersistentVolume:
		wrong = listQuantities("spec.capacity", obj.Spec.Capacity)
	case *v1.PersistentVolumeClaim:
		wrong = listQuantities("spec.resources.requests", obj.Spec.Resources.Requests)
	}
	if wrong != nil {
		return l.complain(wrong, "")
	}
	return nil
}

func podQuantities(spec *v1.PodSpec) *fieldError {
	wrong := listQuantities("spec.overhead", spec.Overhead)
	if spec.Resources != nil {
		wrong = firstWrong(wrong,
			listQuantities("spec.resources.requests", spec.Resources.Requests),
			listQuantities("spec.resources.limits", spec.Resources.Limits))
	}
	for name, containers := range map[string][]v1.Container{"containers": spec.Containers, "initContainers": spec.InitContainers} {
		for i := range containers {
			r := &containers[i].Resources
			if len(r.Requests)+len(r.Limits) == 0 {
				continue
			}
			path := fmt.Sprintf("spec.%s[%d].resources.", name, i)
			wrong = firstWrong(wrong, listQuantities(path+"requests", r.Requests), listQuantities(path+"limits", r.Limits))
		}
	}
	return wrong
}

// firstWrong is the first error by field name, so that one is named whatever
// the order of maps.
func firstWrong(found ...*fieldError) *fieldError {
	var first *fieldError
	for _, wrong := range found {
		if wrong != nil && (first == nil || wrong.field < first.field) {
			first = wrong
		}
	}
	return first
}

func listQuantities(path string, list v1.ResourceList) *fieldError {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		quantity, limit := list[name], maxQuantity
		if name == v1.ResourceCPU {
			limit = maxCores
		}
		switch {
		case quantity.Sign() < 0:
			return &fieldError{path + "." + string(name), quantity.String() + ": must not be negative"}
		case quantity.Cmp(*limit) > 0:
			return &fieldError{path + "." + string(name), fmt.Sprintf("%s: more than %s, which no machine has", quantity.String(), limit)}
		}
	}
	return nil
}

// dropUnknownNodes leaves out pods bound to nodes that are not in the input.
func (a *assembly) dropUnknownNodes() {
	nodes := make(map[string]bool, len(a.objects.Nodes))
	for _, node := range a.objects.Nodes {
		nodes[node.Name] = true
	}
	var first *v1.Pod
	before := len(a.objects.Pods)
	a.objects.Pods = slices.DeleteFunc(a.objects.Pods, func(pod *v1.Pod) bool {
		lost := pod.Spec.NodeName != "" && !nodes[pod.Spec.NodeName]
		if lost && (first == nil || keyOf(pod) < keyOf(first)) {
			first = pod
		}
		return lost
	})
	if first != nil {
		a.notes.remark("ignored %d pods bound to nodes that are not in the input, such as %s on %s",
			before-len(a.objects.Pods), keyOf(first), first.Spec.NodeName)
	}
}

// completeNamespaces creates the namespaces that objects are in but that are not
// in the input, sorted by name, behind those that are.
func (a *assembly) completeNamespaces() {
	known := make(map[string]bool)
	for _, namespace := range a.objects.Namespaces {
		known[namespace.Name] = true
	}
	missing := make(map[string]bool)
	for key := range a.seen {
		if key.namespace != "" && !known[key.namespace] {
			missing[key.namespace] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		namespace := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, UID: uidOf("Namespace", "", name)}}
		namespace.SetGroupVersionKind(v1.SchemeGroupVersion.WithKind("Namespace"))
		corev1.SetObjectDefaults_Namespace(namespace)
		a.objects.Namespaces = append(a.objects.Namespaces, namespace)
	}
}
