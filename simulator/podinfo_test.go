package simulator

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func drawList(t *rapid.T, label string) v1.ResourceList {
	if rapid.IntRange(0, 2).Draw(t, label+" set") == 0 {
		return nil
	}
	list := v1.ResourceList{}
	for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory, "example.com/gpu"} {
		if amount := rapid.SampledFrom([]string{"", "0", "1", "2", "100m", "1500m", "1Gi", "1n"}).Draw(t, label); amount != "" {
			list[name] = resource.MustParse(amount)
		}
	}
	return list
}

func drawSizedPod(t *rapid.T, serial int) *v1.Pod {
	requirements := func(label string) *v1.ResourceRequirements {
		if rapid.IntRange(0, 3).Draw(t, label+" set") > 0 {
			return nil
		}
		return &v1.ResourceRequirements{Requests: drawList(t, label)}
	}
	containers := func(label string, atLeast int) (containers []v1.Container, statuses []v1.ContainerStatus) {
		for i := range rapid.IntRange(atLeast, 2).Draw(t, label) {
			container := v1.Container{Name: fmt.Sprint(label, i), Resources: v1.ResourceRequirements{Requests: drawList(t, label)}}
			if label == "init" && rapid.Bool().Draw(t, "sidecar") {
				container.RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
			}
			containers = append(containers, container)
			if rapid.Bool().Draw(t, label+" has a status") {
				statuses = append(statuses, v1.ContainerStatus{Name: container.Name, AllocatedResources: drawList(t, label+" allocated"), Resources: requirements(label + " actual")})
			}
		}
		return containers, statuses
	}
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("p", serial), UID: types.UID(fmt.Sprint(serial))}}
	pod.Spec.Containers, pod.Status.ContainerStatuses = containers("main", 1)
	pod.Spec.InitContainers, pod.Status.InitContainerStatuses = containers("init", 0)
	pod.Spec.Resources = requirements("pod")
	if rapid.IntRange(0, 3).Draw(t, "overhead") == 0 {
		pod.Spec.Overhead = drawList(t, "overhead")
	}
	if rapid.IntRange(0, 3).Draw(t, "pod status") == 0 {
		pod.Status.AllocatedResources, pod.Status.Resources = drawList(t, "pod allocated"), requirements("pod actual")
	}
	if rapid.IntRange(0, 3).Draw(t, "infeasible") == 0 {
		pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodResizePending, Reason: v1.PodReasonInfeasible}}
	}
	if rapid.IntRange(0, 5).Draw(t, "devices") == 0 {
		pod.Status.NodeAllocatableResourceClaimStatuses = []v1.NodeAllocatableResourceClaimStatus{{
			Mapping: []v1.NodeAllocatableMappedResources{{Name: v1.ResourceCPU, Quantity: ptr.To(*resource.NewQuantity(int64(serial), resource.DecimalSI))}}}}
	}
	return pod
}

// Pods that share a sum would each have had it, and pods that differ in one
// thing only do not share it.
func TestASharedSumIsEachPodsOwn(t *testing.T) {
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.DRANodeAllocatableResources, true)
	rapid.Check(t, func(rt *rapid.T) {
		infos := newPodInfos()
		check := func(pod *v1.Pod) {
			own, err := framework.NewPodInfo(pod)
			require.NoError(rt, err)
			shared := infos.make(pod)
			require.Same(rt, pod, shared.Pod)
			require.Equal(rt, own.CalculateResource(), shared.CalculateResource())
		}
		pod := drawSizedPod(rt, 1)
		check(pod)
		for serial := range 6 {
			// Take one part from another pod.
			other, next := drawSizedPod(rt, serial+2), pod.DeepCopy()
			switch rapid.IntRange(0, 9).Draw(rt, "part") {
			case 0:
				next.Spec.Containers[0].Resources = other.Spec.Containers[0].Resources
			case 1:
				next.Spec.InitContainers = other.Spec.InitContainers
			case 2:
				next.Spec.Resources = other.Spec.Resources
			case 3:
				next.Spec.Overhead = other.Spec.Overhead
			case 4:
				next.Status.ContainerStatuses = other.Status.ContainerStatuses
			case 5:
				next.Status.InitContainerStatuses = other.Status.InitContainerStatuses
			case 6:
				next.Status.AllocatedResources = other.Status.AllocatedResources
			case 7:
				next.Status.Resources = other.Status.Resources
			case 8:
				next.Status.Conditions = other.Status.Conditions
			case 9:
				next.UID, next.Status.NodeAllocatableResourceClaimStatuses = other.UID, other.Status.NodeAllocatableResourceClaimStatuses
			}
			check(next)
			pod = next
		}
	})
}

func TestPodsOfOneSizeShareTheirSum(t *testing.T) {
	infos := newPodInfos()
	pod := func(name, cpu string) *v1.Pod {
		return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.PodSpec{Containers: []v1.Container{{
			Name: name, Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("1Gi")}}}}}}
	}
	a, b, other := infos.make(pod("a", "1")), infos.make(pod("b", "1000m")), infos.make(pod("c", "1001m"))
	assert.Same(t, a.CalculateResource().Resource, b.CalculateResource().Resource, "whatever they are called and however it is written")
	assert.NotSame(t, a.CalculateResource().Resource, other.CalculateResource().Resource)
	again := pod("a", "1")
	assert.Same(t, infos.keep(again), infos.keep(again))
}

func TestATermThatDoesNotParseIsLeftOut(t *testing.T) {
	bad := &v1.Pod{Spec: v1.PodSpec{Affinity: &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
		TopologyKey: v1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Near"}}}}}}}}}
	assert.Empty(t, newPodInfos().make(bad).RequiredAntiAffinityTerms)
}

// What a kubelet reports of a resize counts, each part of it.
func TestEveryPartOfAResizeCounts(t *testing.T) {
	cpu := func(amount string) v1.ResourceList {
		return v1.ResourceList{v1.ResourceCPU: resource.MustParse(amount)}
	}
	base := func() *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{
			Containers:     []v1.Container{{Name: "main", Resources: v1.ResourceRequirements{Requests: cpu("1")}}},
			InitContainers: []v1.Container{{Name: "init", Resources: v1.ResourceRequirements{Requests: cpu("1")}}},
		}}
	}
	infos := newPodInfos()
	assert.Equal(t, int64(1000), infos.make(base()).CalculateResource().Resource.GetMilliCPU())
	for name, tc := range map[string]struct {
		change func(*v1.Pod)
		milli  int64
	}{
		"allocated to a container": {func(p *v1.Pod) {
			p.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "main", AllocatedResources: cpu("2")}}
		}, 2000},
		"allocated less": {func(p *v1.Pod) {
			p.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "main", AllocatedResources: cpu("500m")}}
		}, 1000},
		"actual of a container": {func(p *v1.Pod) {
			p.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "main", Resources: &v1.ResourceRequirements{Requests: cpu("3")}}}
		}, 3000},
		"actual and more": {func(p *v1.Pod) {
			p.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "main", Resources: &v1.ResourceRequirements{Requests: cpu("6")}}}
		}, 6000},
		"allocated to an init container": {func(p *v1.Pod) {
			p.Status.InitContainerStatuses = []v1.ContainerStatus{{Name: "init", AllocatedResources: cpu("4")}}
		}, 4000},
		"a status of another container": {func(p *v1.Pod) {
			p.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "other", AllocatedResources: cpu("2")}}
		}, 1000},
		"of the pod": {func(p *v1.Pod) {
			p.Status.AllocatedResources, p.Status.Resources = cpu("5"), &v1.ResourceRequirements{Requests: cpu("5")}
		}, 5000},
		"of the pod, more allocated": {func(p *v1.Pod) {
			p.Status.AllocatedResources, p.Status.Resources = cpu("6"), &v1.ResourceRequirements{Requests: cpu("5")}
		}, 6000},
		"of the pod, more actual": {func(p *v1.Pod) {
			p.Status.AllocatedResources, p.Status.Resources = cpu("5"), &v1.ResourceRequirements{Requests: cpu("7")}
		}, 7000},
	} {
		t.Run(name, func(t *testing.T) {
			pod := base()
			tc.change(pod)
			assert.Equal(t, tc.milli, infos.make(pod).CalculateResource().Resource.GetMilliCPU())
		})
	}
}
