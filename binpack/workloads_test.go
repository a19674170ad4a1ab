package binpack

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// testPod is a pending pod of the default scheduler.
func testPod(name string, milliCPU, mebibytes int64, change ...func(*v1.Pod)) *v1.Pod {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name), Labels: map[string]string{}},
		Spec: v1.PodSpec{
			SchedulerName: v1.DefaultSchedulerName,
			Containers: []v1.Container{{Name: "c", Image: "pause", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
				v1.ResourceCPU:    *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
				v1.ResourceMemory: *resource.NewQuantity(mebibytes<<20, resource.BinarySI),
			}}}},
		},
	}
	for _, f := range change {
		f(pod)
	}
	return pod
}

func labelled(key, value string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Labels[key] = value }
}

func selecting(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func spreadOver(topologyKey string, maxSkew int32, key, value string) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, v1.TopologySpreadConstraint{
			MaxSkew: maxSkew, TopologyKey: topologyKey, WhenUnsatisfiable: v1.DoNotSchedule, LabelSelector: selecting(key, value),
		})
	}
}

func affinityOf(pod *v1.Pod) *v1.Affinity {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &v1.Affinity{}
	}
	return pod.Spec.Affinity
}

func nearTo(topologyKey, key, value string) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		affinityOf(pod).PodAffinity = &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{
			{TopologyKey: topologyKey, LabelSelector: selecting(key, value)},
		}}
	}
}

func awayFrom(topologyKey, key, value string) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		affinityOf(pod).PodAntiAffinity = &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{
			{TopologyKey: topologyKey, LabelSelector: selecting(key, value)},
		}}
	}
}

// upstreamMix is the mix of Karpenter's scheduling benchmark: equal parts of
// plain pods, zone spread, hostname spread, zone self-affinity and hostname
// anti-affinity, requests and labels drawn at random.
func upstreamMix(n int) []*v1.Pod {
	random := rand.New(rand.NewSource(42))
	cpus := []int64{100, 250, 500, 1000, 1500}
	memories := []int64{100, 256, 512, 1024, 2048, 4096}
	letter := func() string { return string(rune('a' + random.Intn(7))) }
	pods := make([]*v1.Pod, n)
	for i := range pods {
		cpu, memory := cpus[random.Intn(len(cpus))], memories[random.Intn(len(memories))]
		name := fmt.Sprintf("pod-%06d", i)
		label := letter()
		switch i % 5 {
		case 0:
			pods[i] = testPod(name, cpu, memory, labelled("my-label", label))
		case 1:
			pods[i] = testPod(name, cpu, memory, labelled("my-zonespread", label), spreadOver(v1.LabelTopologyZone, 1, "my-zonespread", label))
		case 2:
			pods[i] = testPod(name, cpu, memory, labelled("my-hostspread", label), spreadOver(v1.LabelHostname, 1, "my-hostspread", label))
		case 3:
			pods[i] = testPod(name, cpu, memory, labelled("my-affinity", label), nearTo(v1.LabelTopologyZone, "my-affinity", label))
		case 4:
			pods[i] = testPod(name, cpu, memory, labelled("app", "nginx"), awayFrom(v1.LabelHostname, "app", "nginx"))
		}
	}
	return pods
}

// testCatalog sells sizes of 1 to 96 cores with 2, 4 and 8 GiB a core, in
// three zones, at a price that is linear in size.
func testCatalog(t testing.TB) *offerings.Catalog {
	var list []offerings.Offering
	for _, cores := range []int64{1, 2, 4, 8, 16, 32, 48, 64, 96} {
		for _, ratio := range []int64{2, 4, 8} {
			size := offerings.Resources{MilliCPU: cores * 1000, MemoryBytes: cores * ratio << 30, EphemeralBytes: 100 << 30, MaxPods: 110}
			list = append(list, offerings.Offering{
				Name: fmt.Sprintf("t-%dc%dg", cores, cores*ratio), Allocatable: size, Capacity: size,
				PricePerHour: float64(cores)*0.02 + float64(cores*ratio)*0.003, Datacenters: []string{"z1", "z2", "z3"},
			})
		}
	}
	catalog, err := offerings.New("test", []offerings.Datacenter{{ID: "z1"}, {ID: "z2"}, {ID: "z3"}}, list)
	require.NoError(t, err)
	return catalog
}

func testRequest(t testing.TB, objects simulator.Objects) Request {
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	return Request{Objects: objects, Scheduler: config, Catalog: testCatalog(t)}
}

func zoneSpread(n int) []*v1.Pod {
	pods := make([]*v1.Pod, n)
	for i := range pods {
		app := fmt.Sprintf("app-%d", i%10)
		pods[i] = testPod(fmt.Sprintf("pod-%06d", i), []int64{250, 500, 1000}[i%3], []int64{512, 1024, 3072, 2048}[i%4],
			labelled("app", app), spreadOver(v1.LabelTopologyZone, 1, "app", app))
	}
	return pods
}

func plain(n int) []*v1.Pod {
	pods := make([]*v1.Pod, n)
	for i := range pods {
		k := int64(i % 10)
		pods[i] = testPod(fmt.Sprintf("pod-%06d", i), 100+150*k, 128*(1+(k*7)%10), labelled("app", fmt.Sprintf("app-%d", i%500)))
	}
	return pods
}
