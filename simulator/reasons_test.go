package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func TestTheSummaryIsTheSchedulersEvent(t *testing.T) {
	for name, tc := range map[string]struct {
		objects []runtime.Object
		pod     *v1.Pod
		summary string
	}{
		"a node holds it": {[]runtime.Object{Node("a", "1", "1Gi"), Node("b", "4", "8Gi")}, Pod("p", "2", "1Gi"), ""},
		"no nodes at all": {nil, Pod("p", "2", "1Gi"), "no nodes available to schedule pods"},
		"one refusal a node, counted": {
			[]runtime.Object{Node("a", "1", "1Gi"), Node("b", "1", "1Gi"), Node("c", "8", "8Gi", Taint("dedicated=db:NoSchedule"))}, Pod("p", "2", "1Gi"),
			"0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu."},
		"several resources of one node": {
			[]runtime.Object{Node("a", "1", "1Gi", Offers("pods", "1")), Pod("other", "", "", On("a"))}, Pod("p", "2", "2Gi", Wants("nvidia.com/gpu", "1")),
			"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Insufficient nvidia.com/gpu, 1 Too many pods."},
		"cordoned": {[]runtime.Object{Node("a", "8", "8Gi", Cordoned)}, Pod("p", "2", "1Gi"),
			"0/1 nodes are available: 1 node(s) were unschedulable."},
		"selector": {[]runtime.Object{Node("a", "8", "8Gi"), Node("b", "8", "8Gi")}, Pod("p", "2", "1Gi", Selects("disk", "ssd")),
			"0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."},
		"port": {[]runtime.Object{Node("a", "8", "8Gi"), Pod("old", "1", "1Gi", HostPort(80), On("a"))}, Pod("p", "1", "1Gi", HostPort(80)),
			"0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."},
		"one named node": {[]runtime.Object{Node("a", "1", "1Gi"), Node("b", "8", "8Gi"), Node("c", "8", "8Gi")}, Pod("p", "2", "1Gi", RequiresNodeNamed("a")),
			"0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."},
		"a named node that is not there": {[]runtime.Object{Node("a", "8", "8Gi"), Node("b", "8", "8Gi")}, Pod("p", "2", "1Gi", RequiresNodeNamed("gone")),
			"0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."},
		"two named nodes at once": {[]runtime.Object{Node("a", "8", "8Gi"), Node("b", "8", "8Gi")}, Pod("p", "2", "1Gi", func(pod *v1.Pod) {
			RequiresNodeNamed("a")(pod)
			term := &pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0]
			term.MatchFields = append(term.MatchFields, v1.NodeSelectorRequirement{Key: metav1.ObjectNameField, Operator: v1.NodeSelectorOpIn, Values: []string{"b"}})
		}), "0/2 nodes are available: pod affinity terms conflict."},
		"spread": {[]runtime.Object{Node("a", "8", "8Gi", Zone("a")), Node("b", "1", "1Gi", Zone("b")), Pod("old", "1", "1Gi", Label("app", "web"), On("a"))},
			Pod("p", "2", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web")),
			"0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints."},
		"spread over a key that nodes lack": {[]runtime.Object{Node("a", "8", "8Gi")}, Pod("p", "2", "1Gi", Spread(v1.LabelTopologyZone, 1, "web")),
			"0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label)."},
		"affinity": {[]runtime.Object{Node("a", "8", "8Gi")}, Pod("p", "2", "1Gi", Together(v1.LabelHostname, "web")),
			"0/1 nodes are available: 1 node(s) didn't match pod affinity rules."},
		"anti-affinity": {[]runtime.Object{Node("a", "8", "8Gi"), Pod("old", "1", "1Gi", Label("app", "web"), On("a"))}, Pod("p", "2", "1Gi", Apart(v1.LabelHostname, "web")),
			"0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."},
		"anti-affinity of the other": {[]runtime.Object{Node("a", "8", "8Gi"), Pod("old", "1", "1Gi", Apart(v1.LabelHostname, "web"), On("a"))}, Pod("p", "2", "1Gi", Label("app", "web")),
			"0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules."},
		"a selector that does not parse": {[]runtime.Object{Node("a", "8", "8Gi")}, Pod("p", "2", "1Gi", Spread(v1.LabelHostname, 1, "web", func(c *v1.TopologySpreadConstraint) {
			c.LabelSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Near"}}
		})), `running PreFilter plugin "PodTopologySpread": get constraints from pod: obtaining pod's hard topology spread constraints: "Near" is not a valid label selector operator`},
	} {
		t.Run(name, func(t *testing.T) {
			c := Cluster(t, tc.objects...)
			assert.Equal(t, tc.summary, Summary(t, c, tc.pod))
			for _, node := range c.NodeNames() {
				assert.Equal(t, Refusal(t, c, tc.pod, node) == "", len(Reasons(t, c, tc.pod, node)) == 0, "single plugins and all of them agree on %s", node)
			}
		})
	}
}

// Filter stops at the first plugin; the reasons name them all, each with the
// state of its own PreFilter.
func TestEveryRefusingPluginIsNamed(t *testing.T) {
	c := Cluster(t,
		Node("a", "1", "4Gi", Cordoned, Taint("dedicated=db:NoSchedule"), Zone("a")), Node("b", "8", "8Gi", Zone("b")),
		Pod("old", "1", "1Gi", Label("app", "web"), HostPort(80), Apart(v1.LabelHostname, "web"), On("a")),
	)
	pod := Pod("p", "2", "1Gi", Label("app", "web"), HostPort(80), Selects("disk", "ssd"), Apart(v1.LabelHostname, "web"), Mounts("gone"), UsesClaim("gone"),
		Spread(v1.LabelTopologyZone, 1, "web", func(constraint *v1.TopologySpreadConstraint) {
			// By default nodes that the pod does not select are not counted.
			constraint.NodeAffinityPolicy = ptr.To(v1.NodeInclusionPolicyIgnore)
		}))
	assert.ElementsMatch(t, []string{
		"NodeUnschedulable: node(s) were unschedulable",
		"TaintToleration: node(s) had untolerated taint(s)",
		"NodeAffinity: node(s) didn't match Pod's node affinity/selector",
		"NodePorts: node(s) didn't have free ports for the requested pod ports",
		"NodeResourcesFit: Insufficient cpu",
		`VolumeRestrictions: persistentvolumeclaim "gone" not found`,
		`NodeVolumeLimits: looking up PVC default/gone: persistentvolumeclaim "gone" not found`,
		`VolumeBinding: persistentvolumeclaim "gone" not found`,
		`VolumeZone: persistentvolumeclaim "gone" not found`,
		`DynamicResources: resourceclaims.resource.k8s.io "gone" not found`,
		"PodTopologySpread: node(s) didn't match pod topology spread constraints",
		"InterPodAffinity: node(s) didn't match pod anti-affinity rules",
	}, Reasons(t, c, pod, "a"))
	assert.ElementsMatch(t, []string{
		"NodeAffinity: node(s) didn't match Pod's node affinity/selector",
		`VolumeRestrictions: persistentvolumeclaim "gone" not found`,
		`NodeVolumeLimits: looking up PVC default/gone: persistentvolumeclaim "gone" not found`,
		`VolumeBinding: persistentvolumeclaim "gone" not found`,
		`VolumeZone: persistentvolumeclaim "gone" not found`,
		`DynamicResources: resourceclaims.resource.k8s.io "gone" not found`,
	}, Reasons(t, c, pod, "b"))
	assert.Empty(t, Reasons(t, c, Pod("q", "1", "1Gi"), "b"))
	assert.Equal(t, []string{`NodeName: node "gone" is not in the simulated cluster`}, Reasons(t, c, pod, "gone"))
}

func TestANodeThatPreFilterLeavesOutIsThatPluginsRefusal(t *testing.T) {
	c := Cluster(t, Node("a", "1", "1Gi"), Node("b", "1", "1Gi"))
	pod := Pod("p", "2", "1Gi", RequiresNodeNamed("a"))
	assert.Equal(t, []string{"NodeResourcesFit: Insufficient cpu"}, Reasons(t, c, pod, "a"))
	assert.ElementsMatch(t, []string{"NodeAffinity: node(s) didn't satisfy plugin(s) [NodeAffinity]", "NodeResourcesFit: Insufficient cpu"}, Reasons(t, c, pod, "b"))
	assert.Equal(t, "NodeAffinity: node(s) didn't satisfy plugin(s) [NodeAffinity]", Refusal(t, c, pod, "b"))
	cycle, err := c.Cycle(pod)
	require.NoError(t, err)
	assert.Nil(t, cycle.Refused(), "one node is left")
}

// Probing uses the plugins that decide, not copies with caches of their own: it
// sees forks as they do.
func TestReasonsFollowTheFork(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"), StorageClass("local", "kubernetes.io/no-provisioner"), PV("disk", "local", v1.LabelHostname, "a"),
		PVC("x", "local"), PVC("y", "local"), Pod("x", "1", "1Gi", Mounts("x")), Pod("y", "1", "1Gi", Mounts("y")))
	y := Pending(t, c, "y")
	assert.Empty(t, Reasons(t, c, y, "a"))
	c.Fork()
	Place(t, c, Pending(t, c, "x"), "a")
	assert.Equal(t, []string{"VolumeBinding: node(s) didn't find available persistent volumes to bind"}, Reasons(t, c, y, "a"))
	c.Revert()
	assert.Empty(t, Reasons(t, c, y, "a"))
}
