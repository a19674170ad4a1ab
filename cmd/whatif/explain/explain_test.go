package explain_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/explain"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// request is a cluster with two datacenters to buy in, and on offer a small
// machine everywhere, a large one that costs more per core, and one that is sold
// out.
func request(t *testing.T) *binpack.Request {
	t.Helper()
	machine := func(cores, gib int64) offerings.Resources {
		return offerings.Resources{MilliCPU: 1000 * cores, MemoryBytes: gib << 30, EphemeralBytes: 50 << 30, MaxPods: 110}
	}
	both := []string{"ams1", "fra1"}
	catalog, err := offerings.New("test", []offerings.Datacenter{{ID: "ams1"}, {ID: "fra1"}}, []offerings.Offering{
		{Name: "small", Identifier: "id-of-small", PricePerHour: 0.01, Allocatable: machine(2, 4), Datacenters: both},
		{Name: "large", PricePerHour: 0.05, Allocatable: machine(8, 16), Datacenters: both},
		{Name: "sold-out", PricePerHour: 0.001, Allocatable: machine(8, 16), Datacenters: both, Unavailable: both},
	})
	require.NoError(t, err)
	scheduler, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	return &binpack.Request{
		Catalog: catalog, Scheduler: scheduler,
		Objects: simulator.Objects{Namespaces: []*v1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, {ObjectMeta: metav1.ObjectMeta{Name: "ml"}}}},
	}
}

func addNode(r *binpack.Request, name, cpu string, taints ...v1.Taint) *v1.Node {
	allocatable := v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("8Gi"), v1.ResourcePods: resource.MustParse("110")}
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			v1.LabelHostname: name, v1.LabelTopologyZone: "ams1", v1.LabelInstanceTypeStable: "small", v1alpha1.NodeGroupLabel: "general",
		}},
		Spec:   v1.NodeSpec{Taints: taints},
		Status: v1.NodeStatus{Capacity: allocatable, Allocatable: allocatable},
	}
	r.Objects.Nodes = append(r.Objects.Nodes, node)
	return node
}

// addPod adds a pod that asks for some cores; node "" leaves it pending.
func addPod(r *binpack.Request, name, node, cpu string, change ...func(*v1.Pod)) *v1.Pod {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(fmt.Sprintf("%s-%d", name, len(r.Objects.Pods)))},
		Spec: v1.PodSpec{
			NodeName: node, SchedulerName: v1.DefaultSchedulerName,
			Containers: []v1.Container{{Name: "c", Image: "i", Resources: v1.ResourceRequirements{
				Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse("1Gi")},
			}}},
		},
	}
	for _, c := range change {
		c(pod)
	}
	r.Objects.Pods = append(r.Objects.Pods, pod)
	return pod
}

func ownedBy(kind, name string) func(*v1.Pod) {
	yes := true
	return func(pod *v1.Pod) {
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(name), Controller: &yes}}
	}
}

// verdicts as "name: plugin, plugin".
func verdicts(list []explain.Verdict) []string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.Name + ":"
		for _, r := range v.Reasons {
			words[i] += " " + r.Plugin
		}
		if v.Fits {
			words[i] += " fits"
		}
	}
	return words
}

func TestPodNamesEveryPluginThatRefuses(t *testing.T) {
	r := request(t)
	addNode(r, "free", "4")
	addNode(r, "full", "4")
	addNode(r, "taken", "1", v1.Taint{Key: "dedicated", Value: "db", Effect: v1.TaintEffectNoSchedule})
	addPod(r, "running", "full", "3")
	addPod(r, "web", "", "3", func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{v1.LabelTopologyZone: "ams1"} })

	m, err := explain.Pod(t.Context(), r, "shop/web")
	require.NoError(t, err)
	assert.Equal(t, "shop/web", m.Pod)
	assert.True(t, m.Fits)
	assert.Equal(t, []string{"free: fits", "full: NodeResourcesFit", "taken: TaintToleration NodeResourcesFit"}, verdicts(m.Nodes))
	assert.Equal(t, []string{
		"large/open/ams1: fits", "large/open/fra1: NodeAffinity",
		"small/open/ams1: NodeResourcesFit", "small/open/fra1: NodeAffinity NodeResourcesFit",
	}, verdicts(m.Templates))
	assert.Empty(t, m.Summary, "a node takes it")
	assert.Equal(t, explain.Reason{Plugin: "NodeResourcesFit", Message: "Insufficient cpu"}, m.Nodes[1].Reasons[0])
	assert.Equal(t, 1, m.FittingNodes())
	assert.Equal(t, 1, m.FittingTemplates())
}

func TestPodThatNothingTakes(t *testing.T) {
	r := request(t)
	addNode(r, "one", "4")
	addPod(r, "huge", "", "64")
	m, err := explain.Pod(t.Context(), r, "huge")
	require.NoError(t, err)
	assert.False(t, m.Fits)
	assert.Equal(t, "0/1 nodes are available: 1 Insufficient cpu.", m.Summary)
	assert.Equal(t, []string{"one: NodeResourcesFit"}, verdicts(m.Nodes))
	for _, v := range m.Templates {
		assert.NotEmpty(t, v.Reasons, v.Name)
	}
}

// A machine of a template is looked at alone, so that the templates do not share
// out the zones between them.
func TestPodWithSpreadSeesOneMachineAtATime(t *testing.T) {
	r := request(t)
	addNode(r, "one", "8")
	spread := func(p *v1.Pod) {
		p.Labels = map[string]string{"app": "web"}
		p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: v1.LabelTopologyZone, WhenUnsatisfiable: v1.DoNotSchedule,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		}}
	}
	addPod(r, "web-0", "one", "1", spread)
	addPod(r, "web-1", "", "1", spread)
	m, err := explain.Pod(t.Context(), r, "web-1")
	require.NoError(t, err)
	assert.Equal(t, []string{"one: fits"}, verdicts(m.Nodes), "with one zone there is no skew")
	assert.Equal(t, []string{"large/open/ams1: fits", "large/open/fra1: fits", "small/open/ams1: fits", "small/open/fra1: fits"}, verdicts(m.Templates))
}

func TestRunningPodIsSeenAsIfItDidNotRun(t *testing.T) {
	r := request(t)
	addNode(r, "here", "4")
	addPod(r, "web", "here", "3")
	m, err := explain.Pod(t.Context(), r, "web")
	require.NoError(t, err)
	assert.Equal(t, "here", m.Node)
	assert.Equal(t, []string{"here: fits"}, verdicts(m.Nodes), "its own 3 cores are free")
}

func TestPodThatTheSchedulerLeavesAlone(t *testing.T) {
	r := request(t)
	addNode(r, "one", "4")
	addPod(r, "gated", "", "1", func(p *v1.Pod) { p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "example.com/wait"}} })
	addPod(r, "foreign", "", "64", func(p *v1.Pod) { p.Spec.SchedulerName = "other" })

	gated, err := explain.Pod(t.Context(), r, "gated")
	require.NoError(t, err)
	assert.False(t, gated.Fits)
	assert.Equal(t, []string{"one: SchedulingGates"}, verdicts(gated.Nodes))
	assert.Contains(t, gated.Summary, "example.com/wait")

	foreign, err := explain.Pod(t.Context(), r, "foreign")
	require.NoError(t, err)
	assert.False(t, foreign.Fits)
	require.Len(t, foreign.Nodes[0].Reasons, 1, "no plugin of this configuration is asked")
	assert.Contains(t, foreign.Nodes[0].Reasons[0].Message, `"other"`)
}

func TestPodIsFoundByName(t *testing.T) {
	r := request(t)
	addNode(r, "one", "16")
	addPod(r, "web-7d4-aaa", "one", "1", ownedBy("ReplicaSet", "web-7d4"))
	addPod(r, "web-7d4-bbb", "", "1", ownedBy("ReplicaSet", "web-7d4"))
	addPod(r, "web-api-5c-ccc", "", "1", ownedBy("ReplicaSet", "web-api-5c"))
	addPod(r, "db-0", "", "1", ownedBy("StatefulSet", "db"))
	addPod(r, "twin", "", "1")
	addPod(r, "twin", "", "1", func(p *v1.Pod) { p.Namespace = "ml" })
	addPod(r, "train-0", "", "1", ownedBy("Job", "train"))
	addPod(r, "train-1", "", "1", ownedBy("Job", "train"), func(p *v1.Pod) { p.Namespace = "ml" })

	for name, want := range map[string]string{
		"shop/db-0":   "shop/db-0",
		"db-0":        "shop/db-0",
		"db":          "shop/db-0",
		"web":         "shop/web-7d4-bbb", // a pending pod, and not web-api's
		"shop/web":    "shop/web-7d4-bbb",
		"web-7d4-aaa": "shop/web-7d4-aaa",
		"ml/twin":     "ml/twin",
		"ml/train":    "ml/train-1",
	} {
		m, err := explain.Pod(t.Context(), r, name)
		require.NoError(t, err, name)
		assert.Equal(t, want, m.Pod, name)
	}
	for name, want := range map[string]string{
		"twin":                                 "pod twin is in several namespaces: ml/twin, shop/twin",
		"train":                                "pods of train are in several namespaces",
		"shop/dv0":                             "",
		"ml/db-0":                              `there is no pod "ml/db-0"; did you mean shop/db-0?`,
		"shop/db0":                             `there is no pod "shop/db0"; did you mean shop/db-0?`,
		"nothing-like-it-in-the-whole-cluster": `there is no pod "nothing-like-it-in-the-whole-cluster"`,
	} {
		_, err := explain.Pod(t.Context(), r, name)
		assert.ErrorContains(t, err, want, name)
	}
}

func TestRunningPodOfAWorkloadWhenNoneIsPending(t *testing.T) {
	r := request(t)
	addNode(r, "one", "16")
	addPod(r, "db-0", "one", "1", ownedBy("StatefulSet", "db"))
	m, err := explain.Pod(t.Context(), r, "db")
	require.NoError(t, err)
	assert.Equal(t, "shop/db-0", m.Pod)
}

func TestNodeRoomAndWhatItWouldTake(t *testing.T) {
	r := request(t)
	addNode(r, "one", "4")
	addNode(r, "two", "64")
	addPod(r, "b", "one", "1")
	addPod(r, "a", "one", "1500m")
	addPod(r, "small", "", "1")
	addPod(r, "big", "", "2")

	room, err := explain.Node(t.Context(), r, "one")
	require.NoError(t, err)
	assert.Equal(t, "small", room.Offering)
	assert.Equal(t, "general", room.NodeGroup)
	assert.Equal(t, "ams1", room.Datacenter)
	assert.Equal(t, 0.01, room.PricePerHour)
	assert.Equal(t, []explain.RunningPod{{"shop/a", 1500, 1 << 30}, {"shop/b", 1000, 1 << 30}}, room.Pods)
	assert.Equal(t, []explain.Room{
		{"cpu", 4000, 2500, 1500}, {"memory", 8 << 30, 2 << 30, 6 << 30}, {"pods", 110, 2, 108},
	}, room.Resources)
	assert.Equal(t, []string{"shop/big: NodeResourcesFit", "shop/small: fits"}, verdicts(room.Pending))

	_, err = explain.Node(t.Context(), r, "ones")
	assert.EqualError(t, err, `there is no node "ones"; did you mean one?`)
	_, err = explain.Node(t.Context(), r, string(make([]byte, 1000)))
	assert.ErrorContains(t, err, "there is no node")
}

func TestNodeThatIsCordoned(t *testing.T) {
	r := request(t)
	addNode(r, "one", "4").Spec.Unschedulable = true
	addPod(r, "web", "", "1")
	room, err := explain.Node(t.Context(), r, "one")
	require.NoError(t, err)
	assert.True(t, room.Unschedulable)
	assert.Equal(t, []string{"shop/web: NodeUnschedulable"}, verdicts(room.Pending))
}

func TestOfferingThatIsBought(t *testing.T) {
	r := request(t)
	for i := range 4 {
		addPod(r, fmt.Sprintf("web-%d", i), "", "2")
	}
	addPod(r, "huge", "", "64")
	choice, err := explain.Offering(t.Context(), r, "id-of-small")
	require.NoError(t, err)
	assert.Equal(t, "small", choice.Offering)
	assert.True(t, choice.Chosen)
	assert.Equal(t, 4, choice.Machines)
	assert.Equal(t, 4, choice.PlannedPods)
	assert.Equal(t, 4, choice.FittingPods)
	assert.Equal(t, 5, choice.PendingPods)
	assert.Equal(t, []string{"small/open/ams1", "small/open/fra1"}, choice.Templates)
	assert.InDelta(t, 0.04, choice.Plan.AddedPerHour, 1e-9)
	assert.Equal(t, 1, choice.Plan.Unschedulable)
	require.NotNil(t, choice.Without)
	assert.InDelta(t, 0.05, choice.Without.AddedPerHour, 1e-9, "one large machine is second best")
	assert.Equal(t, map[string]int{"large": 1}, choice.Without.Machines)
	assert.Nil(t, choice.ChosenAt)
}

func TestOfferingThatIsTooDear(t *testing.T) {
	r := request(t)
	for i := range 4 {
		addPod(r, fmt.Sprintf("web-%d", i), "", "2")
	}
	choice, err := explain.Offering(t.Context(), r, "large")
	require.NoError(t, err)
	assert.False(t, choice.Chosen)
	assert.Nil(t, choice.Without)
	require.NotNil(t, choice.ChosenAt)
	assert.LessOrEqual(t, *choice.ChosenAt, 0.04, "what four small ones cost")
	assert.Greater(t, *choice.ChosenAt, 0.04-0.05/16, "and the trials come near to that")
}

func TestOfferingThatNothingHelps(t *testing.T) {
	r := request(t)
	addPod(r, "web", "", "100m")
	hopeless, err := explain.Offering(t.Context(), r, "large")
	require.NoError(t, err)
	assert.Equal(t, 1, hopeless.FittingPods)
	assert.Nil(t, hopeless.ChosenAt, "at half its price it still costs more than a small one")

	soldOut, err := explain.Offering(t.Context(), r, "sold-out")
	require.NoError(t, err)
	assert.Empty(t, soldOut.Templates)
	assert.Zero(t, soldOut.FittingPods)
	assert.False(t, soldOut.Chosen)

	_, err = explain.Offering(t.Context(), r, "smal")
	assert.ErrorContains(t, err, "did you mean small?")
}

func TestPodsOfOtherSchedulersFitNoOffering(t *testing.T) {
	r := request(t)
	addPod(r, "foreign", "", "1", func(p *v1.Pod) { p.Spec.SchedulerName = "other" })
	choice, err := explain.Offering(t.Context(), r, "small")
	require.NoError(t, err)
	assert.Zero(t, choice.FittingPods)
}
