package binpack

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// odd changes a pod in ways that no API server would let pass, or hardly.
func (d *drawer) odd(pod *v1.Pod) {
	amount := func(name string) resource.Quantity {
		return *resource.NewQuantity(rapid.OneOf(rapid.SampledFrom([]int64{0, -1, 1, math.MaxInt64, math.MinInt64, 1 << 50}), rapid.Int64Range(-4, 1<<34)).Draw(d.T, name), resource.DecimalSI)
	}
	key := func(name string) string {
		return pick(d, name, "", zone, host, "no/such", "a b", "metadata.name")
	}
	selector := func(name string) *metav1.LabelSelector {
		return pick(d, name, nil, &metav1.LabelSelector{}, simtest.App("x"), &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: pick(d, name+" operator", metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists, "Near", ""), Values: pick(d, name+" values", nil, []string{"x"}, []string{""})}}})
	}
	node := func(name string) []v1.NodeSelectorRequirement {
		return []v1.NodeSelectorRequirement{{Key: key(name + " key"), Operator: pick(d, name+" operator", v1.NodeSelectorOpIn, v1.NodeSelectorOpGt, v1.NodeSelectorOpDoesNotExist, "Like"),
			Values: pick(d, name+" values", nil, []string{"a"}, []string{"1", "2"}, []string{"x y"})}}
	}
	term := func(name string) v1.PodAffinityTerm {
		return v1.PodAffinityTerm{TopologyKey: key(name), LabelSelector: selector(name + " selector"), NamespaceSelector: selector(name + " namespaces"),
			MatchLabelKeys: pick(d, name+" keys", nil, []string{"app"}, []string{""})}
	}
	container := &pod.Spec.Containers[0]
	for range rapid.IntRange(1, 3).Draw(d.T, "changes") {
		switch rapid.IntRange(0, 13).Draw(d.T, "change") {
		case 0:
			container.Resources.Requests[pick(d, "resource", v1.ResourceCPU, v1.ResourceMemory, v1.ResourcePods, "nvidia.com/gpu", "", "strange")] = amount("amount")
		case 1:
			pod.Spec.Containers = nil
			return
		case 2:
			pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, v1.TopologySpreadConstraint{
				MaxSkew: pick[int32](d, "skew", 0, -1, 1, math.MaxInt32), TopologyKey: key("spread"), LabelSelector: selector("spread selector"),
				WhenUnsatisfiable: pick(d, "when", v1.DoNotSchedule, v1.ScheduleAnyway, ""), MinDomains: pick(d, "domains", nil, ptr.To[int32](0), ptr.To[int32](-3), ptr.To[int32](9)),
				MatchLabelKeys: pick(d, "spread keys", nil, []string{"app"}, []string{"none"}),
			})
		case 3:
			pod.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{term("anti")}}}
		case 4:
			pod.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{term("near")}}}
		case 5:
			pod.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
				NodeSelectorTerms: pick(d, "terms", nil, []v1.NodeSelectorTerm{{}}, []v1.NodeSelectorTerm{{MatchFields: node("field")}}, []v1.NodeSelectorTerm{{MatchExpressions: node("label")}})}}}
		case 6:
			pod.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{}, PodAffinity: &v1.PodAffinity{}, PodAntiAffinity: &v1.PodAntiAffinity{}}
		case 7:
			container.Ports = append(container.Ports, v1.ContainerPort{HostPort: pick[int32](d, "port", 80, -1, math.MaxInt32), Protocol: pick(d, "protocol", v1.ProtocolTCP, "", "/"), HostIP: pick(d, "address", "", "::1", "x/y")})
		case 8:
			pod.Spec.Volumes = append(pod.Spec.Volumes, pick(d, "volume", v1.Volume{}, v1.Volume{VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "none"}}},
				v1.Volume{Name: "e", VolumeSource: v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}}, v1.Volume{Name: "i", VolumeSource: v1.VolumeSource{ISCSI: &v1.ISCSIVolumeSource{}}}))
		case 9:
			pod.Spec.SchedulerName = pick(d, "scheduler", "", "other")
		case 10:
			pod.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: pick(d, "group name", nil, ptr.To(""), ptr.To("g"))}
		case 11:
			pod.Spec.ResourceClaims = append(pod.Spec.ResourceClaims, v1.PodResourceClaim{Name: "c", ResourceClaimName: pick(d, "claim", nil, ptr.To("none"))})
		case 12:
			pod.Spec.Overhead = v1.ResourceList{v1.ResourceCPU: amount("overhead")}
		case 13:
			pod.Status.NominatedNodeName = pick(d, "nominated", "today", "gone")
		}
	}
}

// FuzzScaleUp wants a valid plan or an error of whatever pods, nodes and
// NodeGroups there are, and no panic.
func FuzzScaleUp(f *testing.F) {
	config, err := simulator.DefaultSchedulerConfig()
	if err != nil {
		f.Fatal(err)
	}
	property := func(t *rapid.T) {
		d := &drawer{T: t, config: config}
		r := d.request(4, 2)
		for _, pod := range r.Objects.Pods {
			if d.one(2, "odd?") {
				d.odd(pod)
			}
		}
		for _, group := range r.NodeGroups {
			switch rapid.IntRange(0, 5).Draw(t, "odd group?") {
			case 0:
				group.Spec.MaxNodes = pick[int32](d, "odd max", 0, -1, math.MaxInt32)
			case 1:
				group.Spec.MinNodes = pick[int32](d, "odd min", -1, 3)
			case 2:
				group.Spec.Limits = &v1alpha1.Limits{CPU: pick(d, "odd limit", quantity("0"), quantity("-1"), quantity("1E"))}
			case 3:
				group.Spec.Requirements = []v1alpha1.Requirement{{Key: "cpu", Operator: pick[v1.NodeSelectorOperator](d, "odd operator", "Gt", "Near"), Values: pick(d, "odd values", nil, []string{"x"})}}
			}
		}
		p, err := ScaleUp(context.Background(), r)
		if err != nil {
			return
		}
		if err := plan.Validate(p); err != nil {
			t.Fatalf("%v", err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		data := make([]byte, 16<<10)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(rapid.MakeFuzz(property))
}

func TestOddPodsNeverPanic(t *testing.T) {
	config, err := simulator.DefaultSchedulerConfig()
	if err != nil {
		t.Fatal(err)
	}
	errors := 0
	n := instances(t, 150)
	for seed := range n {
		r := rapid.Custom(func(rt *rapid.T) Request {
			d := &drawer{T: rt, config: config}
			r := d.request(4, 2)
			for _, pod := range r.Objects.Pods {
				d.odd(pod)
			}
			return r
		}).Example(seed)
		p, err := ScaleUp(t.Context(), r)
		if err != nil {
			errors++
			continue
		}
		judge(t, r, p)
	}
	t.Logf("%d of %d requests are errors", errors, n)
}
