package verify

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// scenario is a cluster and a plan for it, written down pod by pod. Pods queue
// in the order in which they are added, unless a priority says otherwise.
type scenario struct {
	request Request
	pods    int
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func defaultConfig(t testing.TB) *simulator.SchedulerConfig {
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	return config
}

func newScenario(t testing.TB) *scenario {
	return &scenario{request: Request{
		Config:   defaultConfig(t),
		Planned:  map[types.NamespacedName]string{},
		Nominate: true,
	}}
}

type nodeOption func(*simulator.NodeSpec)

func machine(name string, milliCPU int64, options ...nodeOption) simulator.NodeSpec {
	capacity := v1.ResourceList{
		v1.ResourceCPU:    *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
		v1.ResourceMemory: *resource.NewQuantity(64<<30, resource.BinarySI),
		v1.ResourcePods:   *resource.NewQuantity(110, resource.DecimalSI),
	}
	spec := simulator.NodeSpec{Node: &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			v1.LabelHostname: name, v1.LabelTopologyZone: "a", v1.LabelArchStable: "amd64",
		}},
		Status: v1.NodeStatus{Capacity: capacity, Allocatable: capacity.DeepCopy()},
	}}
	for _, option := range options {
		option(&spec)
	}
	return spec
}

func zone(value string) nodeOption { return label(v1.LabelTopologyZone, value) }

func label(key, value string) nodeOption {
	return func(spec *simulator.NodeSpec) { spec.Node.Labels[key] = value }
}

func taint(key string) nodeOption {
	return func(spec *simulator.NodeSpec) {
		spec.Node.Spec.Taints = append(spec.Node.Spec.Taints, v1.Taint{Key: key, Effect: v1.TaintEffectNoSchedule})
	}
}

func podLimit(count int64) nodeOption {
	return func(spec *simulator.NodeSpec) {
		spec.Node.Status.Allocatable[v1.ResourcePods] = *resource.NewQuantity(count, resource.DecimalSI)
	}
}

// add puts machines into the plan.
func (s *scenario) add(specs ...simulator.NodeSpec) {
	s.request.Added = append(s.request.Added, specs...)
}

// today puts nodes into today's cluster.
func (s *scenario) today(specs ...simulator.NodeSpec) {
	for _, spec := range specs {
		s.request.Objects.Nodes = append(s.request.Objects.Nodes, spec.Node)
		if spec.CSINode != nil {
			s.request.Objects.CSINodes = append(s.request.Objects.CSINodes, spec.CSINode)
		}
		s.request.Objects.ResourceSlices = append(s.request.Objects.ResourceSlices, spec.ResourceSlices...)
		s.request.Objects.Pods = append(s.request.Objects.Pods, spec.Pods...)
	}
}

type podOption = func(*v1.Pod)

func newPod(name string, milliCPU int64, options ...podOption) *v1.Pod {
	requests := v1.ResourceList{}
	if milliCPU > 0 {
		requests[v1.ResourceCPU] = *resource.NewMilliQuantity(milliCPU, resource.DecimalSI)
	}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name), Labels: map[string]string{}},
		Spec: v1.PodSpec{
			SchedulerName: v1.DefaultSchedulerName,
			Containers:    []v1.Container{{Name: "main", Image: "app", Resources: v1.ResourceRequirements{Requests: requests}}},
		},
	}
	for _, option := range options {
		option(pod)
	}
	return pod
}

// pending adds a pod that waits.
func (s *scenario) pending(pod *v1.Pod) *v1.Pod {
	pod.CreationTimestamp = metav1.NewTime(epoch.Add(time.Duration(s.pods) * time.Second))
	s.pods++
	s.request.Objects.Pods = append(s.request.Objects.Pods, pod)
	return pod
}

// plan adds a pod that waits and plans it for a node.
func (s *scenario) plan(node, name string, milliCPU int64, options ...podOption) *v1.Pod {
	pod := s.pending(newPod(name, milliCPU, options...))
	s.request.Planned[nameOf(pod)] = node
	return pod
}

// running adds a pod that has a node today.
func (s *scenario) running(node, name string, milliCPU int64, options ...podOption) *v1.Pod {
	pod := newPod(name, milliCPU, options...)
	pod.Spec.NodeName = node
	s.request.Objects.Pods = append(s.request.Objects.Pods, pod)
	return pod
}

func app(value string) podOption { return simtest.Label("app", value) }

// among widens a term from the pod's own namespace to the given ones.
func among(namespaces ...string) func(*v1.PodAffinityTerm) {
	return func(term *v1.PodAffinityTerm) { term.Namespaces = namespaces }
}

// verify judges the scenario's plan.
func (s *scenario) verify(t testing.TB) *Result {
	t.Helper()
	result, err := Verify(context.Background(), s.request)
	require.NoError(t, err)
	return result
}

func name(pod string) types.NamespacedName {
	return types.NamespacedName{Namespace: "default", Name: pod}
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s-%04d", prefix, i) }
