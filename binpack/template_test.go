package binpack

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func templateNames(t *testing.T, catalog *offerings.Catalog, groups ...*v1alpha1.NodeGroup) []string {
	t.Helper()
	templates, err := Templates(catalog, groups, nil)
	require.NoError(t, err)
	names := []string{}
	for _, template := range templates {
		names = append(names, template.Name)
	}
	return names
}

func requires(key string, operator v1.NodeSelectorOperator, values ...string) func(*v1alpha1.NodeGroupSpec) {
	return func(spec *v1alpha1.NodeGroupSpec) {
		spec.Requirements = append(spec.Requirements, v1alpha1.Requirement{Key: key, Operator: operator, Values: values})
	}
}

// daemonSet runs a pod on every node whose taints it tolerates.
func daemonSet(name, cpu, memory string, change ...func(*v1.Pod)) *appsv1.DaemonSet {
	pod := simtest.Pod(name, cpu, memory, append(change, simtest.Label("daemon", name))...)
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kube-system", UID: "ds"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"daemon": name}},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels}, Spec: pod.Spec},
		},
	}
}

func TestWhichTemplatesANodeGroupHas(t *testing.T) {
	catalog := sells(t,
		offer("tiny", 1, 2, 0.01, soldIn("a")),
		offer("small", 2, 8, 0.05, soldIn("a", "b"), func(o *offerings.Offering) { o.Identifier = "id-17"; o.Unavailable = []string{"b"} }),
		offer("gpu", 8, 64, 1, soldIn("b"), withGPUs(2), func(o *offerings.Offering) { o.Labels = map[string]string{"gen": "3"} }),
	)
	everything := []string{"gpu/g/b", "small/g/a", "tiny/g/a"}
	for name, test := range map[string]struct {
		change func(*v1alpha1.NodeGroupSpec)
		want   []string
	}{
		"all that is available":        {func(*v1alpha1.NodeGroupSpec) {}, everything},
		"offerings by name":            {func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs = []string{"tiny"} }, []string{"tiny/g/a"}},
		"offerings by identifier":      {func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs = []string{"id-17"} }, []string{"small/g/a"}},
		"datacenters":                  {func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"b"} }, []string{"gpu/g/b"}},
		"a datacenter that sells none": {func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"c"} }, []string{}},
		"paused":                       {func(s *v1alpha1.NodeGroupSpec) { s.Paused = true }, []string{}},
		"cpu greater than":             {requires("cpu", v1.NodeSelectorOpGt, "1"), []string{"gpu/g/b", "small/g/a"}},
		"memory less than":             {requires("memory", v1.NodeSelectorOpLt, "8Gi"), []string{"tiny/g/a"}},
		"has a resource":               {requires("nvidia.com/gpu", v1.NodeSelectorOpExists), []string{"gpu/g/b"}},
		"lacks a resource":             {requires("nvidia.com/gpu", v1.NodeSelectorOpDoesNotExist), []string{"small/g/a", "tiny/g/a"}},
		"label in":                     {requires("gen", v1.NodeSelectorOpIn, "3", "4"), []string{"gpu/g/b"}},
		"label not in":                 {requires("gen", v1.NodeSelectorOpNotIn, "3"), []string{"small/g/a", "tiny/g/a"}},
		"label greater than":           {requires("gen", v1.NodeSelectorOpGt, "2"), []string{"gpu/g/b"}},
		"standard labels are seen":     {requires(zone, v1.NodeSelectorOpIn, "b"), []string{"gpu/g/b"}},
		"all requirements": {func(s *v1alpha1.NodeGroupSpec) {
			requires("cpu", v1.NodeSelectorOpGt, "1")(s)
			requires("cpu", v1.NodeSelectorOpLt, "4")(s)
		}, []string{"small/g/a"}},
		"named and required": {func(s *v1alpha1.NodeGroupSpec) {
			s.OfferingIDs = []string{"tiny", "small"}
			requires("cpu", v1.NodeSelectorOpGt, "1")(s)
		}, []string{"small/g/a"}},
		"a preference alone": {func(s *v1alpha1.NodeGroupSpec) { s.PreferredInstanceType = "small" }, everything},
		"only the preferred, by name": {func(s *v1alpha1.NodeGroupSpec) {
			s.PreferredInstanceType = "small"
			s.AllowMixedInstances = ptr.To(false)
		}, []string{"small/g/a"}},
		"only the preferred, by its ID": {func(s *v1alpha1.NodeGroupSpec) {
			s.PreferredInstanceType = "id-17"
			s.AllowMixedInstances = ptr.To(false)
		}, []string{"small/g/a"}},
		"mixed after all": {func(s *v1alpha1.NodeGroupSpec) {
			s.PreferredInstanceType = "small"
			s.AllowMixedInstances = ptr.To(true)
		}, everything},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, templateNames(t, catalog, nodeGroup("g", test.change)))
		})
	}

	t.Run("no NodeGroup is one open group", func(t *testing.T) {
		assert.Equal(t, []string{"gpu/open/b", "small/open/a", "tiny/open/a"}, templateNames(t, catalog))
	})
	t.Run("groups are sorted in", func(t *testing.T) {
		only := func(spec *v1alpha1.NodeGroupSpec) { spec.OfferingIDs = []string{"tiny", "gpu"} }
		assert.Equal(t, []string{"gpu/x/b", "gpu/y/b", "tiny/x/a", "tiny/y/a"}, templateNames(t, catalog, nodeGroup("y", only), nodeGroup("x", only)))
	})
}

func TestNamesThatTheCatalogueLacksAreErrors(t *testing.T) {
	catalog := small(t)
	for name, test := range map[string]struct {
		change func(*v1alpha1.NodeGroupSpec)
		want   string
	}{
		"offering":   {func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs = []string{"small", "smal"} }, `NodeGroup g: catalogue test has no offering "smal"`},
		"preferred":  {func(s *v1alpha1.NodeGroupSpec) { s.PreferredInstanceType = "large" }, `NodeGroup g: catalogue test has no offering "large"`},
		"datacenter": {func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"z"} }, `NodeGroup g: datacenter "z" is not in the catalogue`},
		"even of a paused group": {func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"z"}; s.Paused = true },
			`NodeGroup g: datacenter "z" is not in the catalogue`},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, catalog, simtest.Pod("p", "1", "1Gi"))
			r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g", test.change)}
			_, err := ScaleUp(t.Context(), r)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestATemplateIsTheNodeThatItWillBe(t *testing.T) {
	catalog, err := offerings.New("test", []offerings.Datacenter{{ID: "fra", Region: "eu"}}, []offerings.Offering{
		offer("gpu", 8, 64, 1, withGPUs(2), soldIn("fra"), func(o *offerings.Offering) {
			o.Capacity = offerings.Resources{MilliCPU: 8000, MemoryBytes: 72 << 30, EphemeralBytes: 200 << 30, MaxPods: 110}
			o.Labels = map[string]string{"gen": "3", "kubernetes.io/arch": "arm64"}
		})})
	require.NoError(t, err)
	group := nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) {
		s.Labels = map[string]v1alpha1.LabelValue{"team": "ml"}
		s.Taints = []v1alpha1.Taint{{Key: "gpu", Value: "yes", Effect: v1.TaintEffectNoSchedule}}
		s.StartupTaints = []v1alpha1.Taint{{Key: "cni", Effect: v1.TaintEffectNoExecute}}
	})
	templates, err := Templates(catalog, []*v1alpha1.NodeGroup{group}, []*appsv1.DaemonSet{
		daemonSet("agent", "100m", "128Mi", simtest.Tolerates("gpu=yes:NoSchedule")), daemonSet("picky", "100m", "128Mi"),
	})
	require.NoError(t, err)
	require.Len(t, templates, 1)
	spec := templates[0].Node("vpsie-g-1")

	assert.Equal(t, map[string]string{
		"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64", "beta.kubernetes.io/arch": "arm64",
		"kubernetes.io/hostname": "vpsie-g-1", "node.kubernetes.io/instance-type": "gpu",
		"topology.kubernetes.io/zone": "fra", "topology.kubernetes.io/region": "eu", "region": "fra",
		"autoscaler.vpsie.com/nodegroup": "g", "team": "ml", "gen": "3",
	}, spec.Node.Labels)
	assert.Equal(t, []v1.Taint{{Key: "gpu", Value: "yes", Effect: v1.TaintEffectNoSchedule}}, spec.Node.Spec.Taints, "startup taints are gone")
	allocatable, capacity := spec.Node.Status.Allocatable, spec.Node.Status.Capacity
	assert.Equal(t, int64(64<<30), allocatable.Memory().Value())
	assert.Equal(t, int64(72<<30), capacity.Memory().Value())
	assert.Equal(t, int64(8000), allocatable.Cpu().MilliValue())
	assert.Equal(t, int64(110), allocatable.Pods().Value())
	assert.Equal(t, "2", ptr.To(allocatable["nvidia.com/gpu"]).String())

	require.Len(t, spec.CSINode.Spec.Drivers, 1)
	driver := spec.CSINode.Spec.Drivers[0]
	assert.Equal(t, "vpsie-g-1", spec.CSINode.Name)
	assert.Equal(t, "vpsie.csi.vpsie.com", driver.Name)
	assert.Equal(t, int32(7), *driver.Allocatable.Count)
	assert.Equal(t, []string{"region"}, driver.TopologyKeys)

	require.Len(t, spec.Pods, 1, "only the DaemonSet that tolerates the taint")
	assert.Equal(t, "agent-vpsie-g-1", spec.Pods[0].Name)
	assert.Equal(t, "vpsie-g-1", spec.Pods[0].Spec.NodeName)

	require.Len(t, spec.ResourceSlices, 1)
	slice := spec.ResourceSlices[0].Spec
	assert.Equal(t, "gpu.nvidia.com", slice.Driver)
	assert.Equal(t, "vpsie-g-1", *slice.NodeName)
	require.Len(t, slice.Devices, 2)
	assert.Equal(t, "gpu-1", slice.Devices[1].Name)
}

func TestPackingKnowsWhatTemplatesHold(t *testing.T) {
	t.Run("DaemonSet pods take their share of every machine", func(t *testing.T) {
		// 4 cores each, one of which the DaemonSet takes.
		p := scaleUp(t, request(t, small(t), append(pods(6, "web", "1", "1Gi"), daemonSet("agent", "1", "1Gi"))...))
		assert.Equal(t, []int{3, 3}, perMachine(p, "web"))
	})
	t.Run("allocatable is what pods get, not capacity", func(t *testing.T) {
		catalog := sells(t, offer("small", 2, 4, 0.1, func(o *offerings.Offering) {
			o.Capacity = offerings.Resources{MilliCPU: 4000, MemoryBytes: 8 << 30, EphemeralBytes: 100 << 30, MaxPods: 110}
		}))
		p := scaleUp(t, request(t, catalog, pods(4, "web", "1", "1Gi")...))
		assert.Equal(t, []int{2, 2}, perMachine(p, "web"))
	})
	t.Run("pods per machine", func(t *testing.T) {
		catalog := sells(t, offer("small", 4, 16, 0.1, func(o *offerings.Offering) { o.Allocatable.MaxPods = 3 }))
		p := scaleUp(t, request(t, catalog, pods(6, "web", "", "")...))
		assert.Equal(t, []int{3, 3}, perMachine(p, "web"))
	})
	t.Run("ephemeral storage", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(4, "web", "", "", simtest.Wants(v1.ResourceEphemeralStorage, "50Gi"))...))
		assert.Equal(t, []int{2, 2}, perMachine(p, "web"))
	})
	t.Run("extended resources", func(t *testing.T) {
		catalog := sells(t, offer("plain", 64, 256, 0.1), offer("gpu", 8, 64, 1, withGPUs(2)))
		p := scaleUp(t, request(t, catalog, append(pods(4, "train", "1", "1Gi", simtest.Wants("nvidia.com/gpu", "1")), simtest.Pod("web", "1", "1Gi"))...))
		assert.Equal(t, map[string]int{"gpu": 2}, bought(p), "the plain pod has room beside the GPUs")
	})
	t.Run("the group's taints keep pods out", func(t *testing.T) {
		r := request(t, small(t), simtest.Pod("web", "1", "1Gi"), simtest.Pod("job", "1", "1Gi", simtest.Tolerates("batch=yes:NoSchedule")))
		r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) {
			s.Taints = []v1alpha1.Taint{{Key: "batch", Value: "yes", Effect: v1.TaintEffectNoSchedule}}
			s.StartupTaints = []v1alpha1.Taint{{Key: "cni", Effect: v1.TaintEffectNoSchedule}}
		})}
		p := scaleUp(t, r)
		assert.Equal(t, []string{"web"}, left(p))
		assert.NotEmpty(t, placeOf(p, "job"), "startup taints are gone by then")
		assert.Equal(t, []string{"* TaintToleration: node(s) had untolerated taint(s)"}, reasonsOf(t, p, "web"))
	})
	t.Run("selectors find labels of group, offering and machine", func(t *testing.T) {
		r := request(t, sells(t, offer("big", 8, 32, 0.3), offer("small", 4, 16, 0.1)),
			simtest.Pod("team", "1", "1Gi", simtest.Selects("team", "ml")),
			simtest.Pod("type", "1", "1Gi", simtest.Selects(v1.LabelInstanceTypeStable, "big")),
			simtest.Pod("zone", "1", "1Gi", simtest.RequiresNode(zone, "c", "z")))
		r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("x"), nodeGroup("y", func(s *v1alpha1.NodeGroupSpec) {
			s.Labels = map[string]v1alpha1.LabelValue{"team": "ml"}
		})}
		p := scaleUp(t, r)
		assert.Empty(t, left(p))
		assert.Equal(t, map[string]int{"big": 1}, bought(p), "one machine can be all three")
		assert.Equal(t, "c", p.Add[0].Zone)
		assert.Equal(t, "y", p.Add[0].NodeGroup)
	})
}

func TestPreferredInstanceType(t *testing.T) {
	catalog := sells(t, offer("cheap", 4, 16, 0.1), offer("preferred", 4, 16, 0.3), offer("huge", 32, 128, 2))
	prefers := nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) { s.PreferredInstanceType = "preferred" })
	t.Run("is bought wherever it fits, at any price", func(t *testing.T) {
		r := request(t, catalog, pods(4, "web", "1", "1Gi")...)
		r.NodeGroups = []*v1alpha1.NodeGroup{prefers}
		p := scaleUp(t, r)
		assert.Equal(t, map[string]int{"preferred": 1}, bought(p))
		assert.LessOrEqual(t, p.LowerBound.PricePerHour, 0.3)
	})
	t.Run("others only for pods that it cannot hold", func(t *testing.T) {
		r := request(t, catalog, append(pods(4, "web", "1", "1Gi"), simtest.Pod("big", "16", "1Gi"))...)
		r.NodeGroups = []*v1alpha1.NodeGroup{prefers}
		p := scaleUp(t, r)
		assert.Equal(t, 1, bought(p)["huge"])
		assert.Zero(t, bought(p)["cheap"])
		assert.Empty(t, left(p))
	})
	t.Run("others where it is sold out", func(t *testing.T) {
		sold := sells(t, offer("cheap", 4, 16, 0.1), offer("preferred", 4, 16, 0.3, func(o *offerings.Offering) { o.Unavailable = []string{"a", "b", "c"} }))
		r := request(t, sold, pods(4, "web", "1", "1Gi")...)
		r.NodeGroups = []*v1alpha1.NodeGroup{prefers}
		assert.Equal(t, map[string]int{"cheap": 1}, bought(scaleUp(t, r)))
	})
	t.Run("is the only one where mixing is forbidden", func(t *testing.T) {
		r := request(t, catalog, append(pods(4, "web", "1", "1Gi"), simtest.Pod("big", "16", "1Gi"))...)
		r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) {
			s.PreferredInstanceType, s.AllowMixedInstances = "preferred", ptr.To(false)
		})}
		p := scaleUp(t, r)
		assert.Equal(t, map[string]int{"preferred": 1}, bought(p))
		assert.Equal(t, []string{"big"}, left(p))
		assert.Equal(t, []string{"* NodeResourcesFit: Insufficient cpu"}, reasonsOf(t, p, "big"))
	})
	t.Run("does not bind other groups", func(t *testing.T) {
		r := request(t, catalog, pods(4, "web", "1", "1Gi")...)
		r.NodeGroups = []*v1alpha1.NodeGroup{prefers, nodeGroup("other")}
		p := scaleUp(t, r)
		assert.Equal(t, map[string]int{"cheap": 1}, bought(p))
		assert.Equal(t, "other", p.Add[0].NodeGroup)
	})
}
