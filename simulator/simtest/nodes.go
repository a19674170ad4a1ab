package simtest

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Node is a ready node with room for 110 pods of cpu and memory in all
// (quantities), its hostname label set.
func Node(name, cpu, memory string, options ...func(*v1.Node)) *v1.Node {
	room := v1.ResourceList{
		v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory), v1.ResourcePods: resource.MustParse("110"),
	}
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name}},
		Status:     v1.NodeStatus{Capacity: room.DeepCopy(), Allocatable: room},
	}
	for _, option := range options {
		option(node)
	}
	return node
}

// NodeLabel sets a label.
func NodeLabel(key, value string) func(*v1.Node) {
	return func(node *v1.Node) { node.Labels[key] = value }
}

// Zone sets the zone label.
func Zone(zone string) func(*v1.Node) { return NodeLabel(v1.LabelTopologyZone, zone) }

// Cordoned makes the node unschedulable, with the taint that goes with it.
func Cordoned(node *v1.Node) {
	node.Spec.Unschedulable = true
	Taint(v1.TaintNodeUnschedulable + ":NoSchedule")(node)
}

// Taint adds a taint written as kubectl writes it: "key=value:Effect" or
// "key:Effect".
func Taint(text string) func(*v1.Node) {
	key, value, effect := parseTaint(text)
	return func(node *v1.Node) {
		node.Spec.Taints = append(node.Spec.Taints, v1.Taint{Key: key, Value: value, Effect: v1.TaintEffect(effect)})
	}
}

func parseTaint(text string) (key, value, effect string) {
	rest, effect, ok := strings.Cut(text, ":")
	if !ok {
		panic(fmt.Sprintf("simtest: taint %q has no effect", text))
	}
	key, value, _ = strings.Cut(rest, "=")
	return key, value, effect
}

// Offers adds an amount of any resource, such as nvidia.com/gpu or pods.
func Offers(name v1.ResourceName, amount string) func(*v1.Node) {
	return func(node *v1.Node) { node.Status.Allocatable[name] = resource.MustParse(amount) }
}

// HasImage puts a pulled image of size bytes on the node.
func HasImage(name string, size int64) func(*v1.Node) {
	return func(node *v1.Node) {
		node.Status.Images = append(node.Status.Images, v1.ContainerImage{Names: []string{name}, SizeBytes: size})
	}
}
