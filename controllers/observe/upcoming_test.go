package observe

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

const host = "vpsie-web-00001-001"

func sells(t testing.TB) *offerings.Catalog {
	c, err := offerings.New("test", []offerings.Datacenter{{ID: "fra", Region: "eu"}}, []offerings.Offering{
		{Name: "std-4", PricePerHour: 0.2, Allocatable: offerings.Resources{MilliCPU: 4000, MemoryBytes: 16 << 30, MaxPods: 110}, Datacenters: []string{"fra"}},
		{Name: "gpu", PricePerHour: 2, Allocatable: offerings.Resources{MilliCPU: 8000, MemoryBytes: 32 << 30, MaxPods: 110, Extended: map[string]int64{"nvidia.com/gpu": 1}}, Datacenters: []string{"fra"}},
	})
	require.NoError(t, err)
	return c
}

func web() *v1alpha1.NodeGroup {
	return &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: v1alpha1.NodeGroupSpec{
		Labels:        map[string]v1alpha1.LabelValue{"tier": "front"},
		Taints:        []v1alpha1.Taint{{Key: "dedicated", Value: "web", Effect: v1.TaintEffectNoSchedule}},
		StartupTaints: []v1alpha1.Taint{{Key: "example.com/cni", Effect: v1.TaintEffectNoSchedule}},
	}}
}

func machine(phase v1alpha1.VPSieNodePhase, change ...func(*v1alpha1.VPSieNode)) *v1alpha1.VPSieNode {
	m := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: host},
		Spec: v1alpha1.VPSieNodeSpec{
			NodeGroup: "web", Offering: "std-4", Datacenter: "fra", Hostname: host, PlanID: "plan-1",
			Allocatable: v1.ResourceList{v1.ResourceCPU: resource.MustParse("3900m"), v1.ResourceMemory: resource.MustParse("15Gi"), v1.ResourcePods: resource.MustParse("110")},
		},
		Status: v1alpha1.VPSieNodeStatus{Phase: phase},
	}
	for _, f := range change {
		f(m)
	}
	return m
}

func requested(m *v1alpha1.VPSieNode) { m.Status.RequestedAt = &metav1.Time{} }
func deleted(m *v1alpha1.VPSieNode)   { m.DeletionTimestamp = &metav1.Time{} }

func agent() *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "agent", UID: "ds-1"},
		Spec: appsv1.DaemonSetSpec{Template: v1.PodTemplateSpec{Spec: v1.PodSpec{
			Tolerations: []v1.Toleration{{Operator: v1.TolerationOpExists}},
			Containers:  []v1.Container{{Name: "agent"}},
		}}},
	}
}

func nodeNamed(s *Snapshot, name string) *v1.Node {
	for _, node := range s.Objects.Nodes {
		if node.Name == name {
			return node
		}
	}
	return nil
}

func TestWhichMachinesCountAsRoom(t *testing.T) {
	for name, test := range map[string]struct {
		machine *v1alpha1.VPSieNode
		joined  bool
		// node says that there is one, room that it takes pods as an upcoming one.
		node, room bool
	}{
		"just written down":                    {machine: machine(""), node: true, room: true},
		"ordered":                              {machine: machine(v1alpha1.PhaseProvisioning, requested), node: true, room: true},
		"runs":                                 {machine: machine(v1alpha1.PhaseProvisioned, requested), node: true, room: true},
		"joins":                                {machine: machine(v1alpha1.PhaseJoining), joined: true, node: true, room: true},
		"ready":                                {machine: machine(v1alpha1.PhaseReady), joined: true, node: true},
		"ready, its Node gone: still paid":     {machine: machine(v1alpha1.PhaseReady), node: true},
		"failed":                               {machine: machine(v1alpha1.PhaseFailed, requested)},
		"deleted before it was ordered":        {machine: machine(v1alpha1.PhasePending, deleted)},
		"deleted while ordered: still paid":    {machine: machine(v1alpha1.PhaseProvisioning, requested, deleted), node: true},
		"being given back: still paid":         {machine: machine(v1alpha1.PhaseDeleting, requested, deleted), node: true},
		"being drained: the Node as it is":     {machine: machine(v1alpha1.PhaseTerminating, requested, deleted), joined: true, node: true},
		"of a NodeGroup that is gone":          {machine: machine("", func(m *v1alpha1.VPSieNode) { m.Spec.NodeGroup = "gone" })},
		"of an offering that is gone":          {machine: machine("", func(m *v1alpha1.VPSieNode) { m.Spec.Offering = "old" }), node: true, room: true},
		"of an offering gone, size not stated": {machine: machine("", func(m *v1alpha1.VPSieNode) { m.Spec.Offering, m.Spec.Allocatable = "old", nil })},
		"in a datacenter that is gone":         {machine: machine("", func(m *v1alpha1.VPSieNode) { m.Spec.Datacenter = "mars" }), node: true, room: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Snapshot{NodeGroups: []*v1alpha1.NodeGroup{web()}, Machines: []*v1alpha1.VPSieNode{test.machine}}
			real := simtest.Node(host, "4", "16Gi")
			if test.joined {
				s.Objects.Nodes = append(s.Objects.Nodes, real)
			}
			s.complete(sells(t))
			node := nodeNamed(s, host)
			assert.Equal(t, test.node, node != nil)
			assert.Equal(t, test.room, s.Upcoming[host] != nil)
			if test.node && !test.room {
				assert.True(t, node == real || node.Spec.Unschedulable, "the real Node, or one that is closed")
			}
			if test.room && !test.joined {
				assert.Equal(t, "3900m", node.Status.Allocatable.Cpu().String(), "what the plan counted on")
				assert.Equal(t, map[string]string{"tier": "front", v1alpha1.NodeGroupLabel: "web", v1.LabelTopologyZone: test.machine.Spec.Datacenter},
					pick(node.Labels, "tier", v1alpha1.NodeGroupLabel, v1.LabelTopologyZone))
				assert.Equal(t, []v1.Taint{{Key: "dedicated", Value: "web", Effect: v1.TaintEffectNoSchedule}}, node.Spec.Taints)
			}
		})
	}
}

func pick(labels map[string]string, keys ...string) map[string]string {
	picked := map[string]string{}
	for _, key := range keys {
		picked[key] = labels[key]
	}
	return picked
}

func TestNodeThatJoinedCountsAsItWillBe(t *testing.T) {
	real := simtest.Node(host, "3800m", "15Gi", simtest.NodeLabel("kubelet", "says"))
	real.Spec.Taints = []v1.Taint{
		{Key: v1alpha1.StartupTaint, Effect: v1.TaintEffectNoSchedule},
		{Key: v1.TaintNodeNotReady, Effect: v1.TaintEffectNoSchedule},
		{Key: "example.com/cni", Effect: v1.TaintEffectNoSchedule},
		{Key: "dedicated", Value: "web", Effect: v1.TaintEffectNoSchedule},
		{Key: "someone", Effect: v1.TaintEffectNoExecute},
	}
	mine := func(m *v1alpha1.VPSieNode) { m.Spec.Offering, m.Spec.Allocatable = "gpu", nil }
	before := real.DeepCopy()
	s := &Snapshot{NodeGroups: []*v1alpha1.NodeGroup{web()}, Machines: []*v1alpha1.VPSieNode{machine(v1alpha1.PhaseJoining, mine)}}
	s.Objects.Nodes = []*v1.Node{simtest.Node("other", "1", "1Gi"), real}
	s.complete(sells(t))

	assert.Equal(t, before, real, "the cache's object is left as it is")
	require.Len(t, s.Objects.Nodes, 2)
	node := nodeNamed(s, host)
	assert.Equal(t, "3800m", node.Status.Allocatable.Cpu().String(), "what it says itself")
	gpus := node.Status.Allocatable["nvidia.com/gpu"]
	assert.Equal(t, int64(1), gpus.Value(), "what its device plugin will say")
	assert.Equal(t, map[string]string{"tier": "front", "kubelet": "says"}, pick(node.Labels, "tier", "kubelet"))
	assert.Equal(t, []v1.Taint{
		{Key: "dedicated", Value: "web", Effect: v1.TaintEffectNoSchedule}, {Key: "someone", Effect: v1.TaintEffectNoExecute},
	}, node.Spec.Taints)

	bare := simtest.Node(host, "0", "0")
	s = &Snapshot{NodeGroups: []*v1alpha1.NodeGroup{web()}, Machines: []*v1alpha1.VPSieNode{machine(v1alpha1.PhaseJoining)}}
	s.Objects.Nodes = []*v1.Node{bare}
	s.complete(sells(t))
	assert.Equal(t, "3900m", nodeNamed(s, host).Status.Allocatable.Cpu().String(), "it has not said yet")
}

func TestDaemonPodsOfUpcomingNodesCountOnce(t *testing.T) {
	pod := func(node string, bound bool) *v1.Pod {
		p := simtest.Pod("agent-real", "100m", "1Mi")
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Name: "agent", UID: "ds-1", Controller: ptr.To(true)}}
		if bound {
			p.Spec.NodeName = node
			return p
		}
		p.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{
			NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchFields: []v1.NodeSelectorRequirement{{Key: "metadata.name", Operator: v1.NodeSelectorOpIn, Values: []string{node}}}}},
		}}}
		return p
	}
	for name, test := range map[string]struct {
		joined bool
		real   *v1.Pod
		pods   int
	}{
		"not joined":            {false, nil, 1},
		"joined, none yet":      {true, nil, 1},
		"joined, there already": {true, pod(host, true), 1},
		"joined, on its way":    {true, pod(host, false), 1},
		"another node's":        {true, pod("other", true), 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Snapshot{NodeGroups: []*v1alpha1.NodeGroup{web()}, Machines: []*v1alpha1.VPSieNode{machine(v1alpha1.PhaseJoining)}}
			s.Objects.DaemonSets = []*appsv1.DaemonSet{agent()}
			if test.joined {
				s.Objects.Nodes = []*v1.Node{simtest.Node(host, "4", "16Gi")}
			}
			if test.real != nil {
				s.Objects.Pods = []*v1.Pod{test.real}
			}
			s.complete(sells(t))
			assert.Len(t, s.Objects.Pods, test.pods)
		})
	}
}

func TestAttachLimitOfUpcomingNodes(t *testing.T) {
	csi := func(drivers ...string) *storagev1.CSINode {
		c := &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: host}}
		for _, name := range drivers {
			c.Spec.Drivers = append(c.Spec.Drivers, storagev1.CSINodeDriver{Name: name, NodeID: "real"})
		}
		return c
	}
	for name, test := range map[string]struct {
		real *storagev1.CSINode
		want []string
	}{
		"none yet":                  {nil, []string{binpack.CSIDriver}},
		"the driver is to come":     {csi("other"), []string{"other", binpack.CSIDriver}},
		"the driver has registered": {csi(binpack.CSIDriver), []string{binpack.CSIDriver}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Snapshot{NodeGroups: []*v1alpha1.NodeGroup{web()}, Machines: []*v1alpha1.VPSieNode{machine(v1alpha1.PhaseJoining)}}
			s.Objects.Nodes = []*v1.Node{simtest.Node(host, "4", "16Gi")}
			if test.real != nil {
				s.Objects.CSINodes = []*storagev1.CSINode{test.real}
			}
			s.complete(sells(t))
			require.Len(t, s.Objects.CSINodes, 1)
			var got []string
			for _, driver := range s.Objects.CSINodes[0].Spec.Drivers {
				got = append(got, driver.Name)
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestPlannedPodsAreNominatedInTheSnapshot(t *testing.T) {
	pending, preempting, bound := simtest.Pod("pending", "1", "1Gi"), simtest.Pod("preempting", "1", "1Gi"), simtest.Pod("bound", "1", "1Gi")
	preempting.Status.NominatedNodeName = "elsewhere"
	bound.Spec.NodeName = "n1"
	gone := simtest.Pod("gone", "1", "1Gi")
	gone.DeletionTimestamp = &metav1.Time{}
	var planned []string
	for _, pod := range []*v1.Pod{pending, preempting, bound, gone} {
		planned = append(planned, PodKey(pod))
	}
	s := &Snapshot{NodeGroups: []*v1alpha1.NodeGroup{web()}, Machines: []*v1alpha1.VPSieNode{machine("", func(m *v1alpha1.VPSieNode) { m.Spec.Pods = planned })}}
	s.Objects = simulator.Objects{Nodes: []*v1.Node{simtest.Node("n1", "4", "16Gi")}, Pods: []*v1.Pod{pending, preempting, bound, gone}}
	s.complete(sells(t))
	nominated := map[string]string{}
	for _, pod := range s.Objects.Pods {
		nominated[pod.Name] = pod.Status.NominatedNodeName
	}
	assert.Equal(t, map[string]string{"pending": host, "preempting": "elsewhere", "bound": ""}, nominated)
	assert.Empty(t, pending.Status.NominatedNodeName, "the cache's object is left as it is")
}

func TestTwoMachinesOfOneHostname(t *testing.T) {
	twin := machine("")
	twin.Name = "twin"
	s := &Snapshot{NodeGroups: []*v1alpha1.NodeGroup{web()}, Machines: []*v1alpha1.VPSieNode{twin, machine("")}}
	s.complete(sells(t))
	assert.Len(t, s.Objects.Nodes, 1)
	assert.Equal(t, []string{"VPSieNode vpsie-web-00001-001: another one has its hostname vpsie-web-00001-001"}, s.Notes[:1])
}
