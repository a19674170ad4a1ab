package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// Each test in this file is a case in which another autoscaler's model of the
// scheduler differs, or differed for years, from the scheduler; here the answer
// is the scheduler's.

// Karpenter (1): the scheduler's default constraints.
func TestKarpenterDefaultTopologySpread(t *testing.T) {
	service := &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}, Spec: v1.ServiceSpec{Selector: map[string]string{"app": "web"}}}
	objects := []runtime.Object{service, Node("a", "8", "16Gi", Zone("a")), Node("b", "8", "16Gi", Zone("b")), Pod("old", "1", "1Gi", Label("app", "web"), On("a"))}
	pod := Pod("new", "1", "1Gi", Label("app", "web"))

	assert.Equal(t, []string{"a", "b"}, Fits(t, Cluster(t, objects...), pod), "the system's own defaults only prefer")
	c := Configured(t, Config(t, strictSpread), objects...)
	assert.Equal(t, []string{"b"}, Fits(t, c, pod), "a user's defaults may require")
	assert.Equal(t, "PodTopologySpread: node(s) didn't match pod topology spread constraints", Refusal(t, c, pod, "a"))
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, Pod("other", "1", "1Gi", Label("app", "none"))), "they bind what a Service or an owner selects")
	own := Pod("own", "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 5, "web"))
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, own), "a pod's own constraints replace them")
}

// Karpenter (2): preferred terms are preferred.
func TestKarpenterPreferredTermsAreNotRequired(t *testing.T) {
	soft := func(constraint *v1.TopologySpreadConstraint) { constraint.WhenUnsatisfiable = v1.ScheduleAnyway }
	apart := func(pod *v1.Pod) {
		pod.Spec.Affinity.PodAntiAffinity = &v1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{{
			Weight: 100, PodAffinityTerm: v1.PodAffinityTerm{TopologyKey: v1.LabelHostname, LabelSelector: App("web")}}}}
	}
	c := Cluster(t, Node("a", "8", "16Gi", Zone("a")), Pod("old", "1", "1Gi", Label("app", "web"), On("a")))
	pod := Pod("new", "1", "1Gi", Label("app", "web"), PrefersNode("disk", "ssd"), apart, Spread(v1.LabelTopologyZone, 1, "web", soft))
	assert.Equal(t, []string{"a"}, Fits(t, c, pod), "no second machine is needed")
	addNodes(t, c, simulator.NodeSpec{Node: Node("b", "8", "16Gi", Zone("b"), NodeLabel("disk", "ssd"))})
	cycle, err := c.Cycle(pod)
	require.NoError(t, err)
	best, err := cycle.Best([]string{"a", "b"})
	require.NoError(t, err)
	assert.Equal(t, "b", best, "but a machine that is there anyway is preferred")
}

// Karpenter (3): the minimum of a hostname spread is that of the nodes there
// are, not zero because a new host could be made.
func TestKarpenterHostnameSpreadUsesTheRealMinimum(t *testing.T) {
	c := Cluster(t, Node("a", "8", "16Gi"), Node("b", "8", "16Gi"),
		Pod("a-0", "1", "1Gi", Label("app", "web"), On("a")), Pod("b-0", "1", "1Gi", Label("app", "web"), On("b")))
	pod := Pod("new", "1", "1Gi", Label("app", "web"), Spread(v1.LabelHostname, 1, "web"))
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, pod), "1 and 1: a second on either is a skew of 1")
	c.Fork()
	addNodes(t, c, simulator.NodeSpec{Node: Node("new", "8", "16Gi")})
	assert.Equal(t, []string{"new"}, Fits(t, c, pod), "an empty machine lowers the minimum for everybody")
	c.Revert()
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, pod))
}

// Karpenter (4): zone anti-affinity blocks the zone that the pod is in.
func TestKarpenterZoneAntiAffinityOfUnpinnedPods(t *testing.T) {
	c := Cluster(t)
	for _, zone := range []string{"a", "b", "c"} {
		addNodes(t, c, simulator.NodeSpec{Node: Node("node-"+zone, "8", "16Gi", Zone(zone))})
	}
	replica := func(name string) *v1.Pod {
		return Pod(name, "1", "1Gi", Label("app", "db"), Apart(v1.LabelTopologyZone, "db"))
	}
	Place(t, c, replica("db-0"), "node-b")
	assert.Equal(t, []string{"node-a", "node-c"}, Fits(t, c, replica("db-1")))
	Place(t, c, replica("db-1"), "node-c")
	Place(t, c, replica("db-2"), "node-a")
	assert.Empty(t, Fits(t, c, replica("db-3")))
}

// Karpenter (5): the fields that came years later.
func TestKarpenterNamespacesOfTerms(t *testing.T) {
	namespace := func(name, team string) *v1.Namespace {
		return &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": team}}}
	}
	c := Cluster(t, Node("a", "8", "16Gi"), Node("b", "8", "16Gi"), namespace("one", "red"), namespace("two", "blue"), namespace("three", "red"),
		Pod("there", "1", "1Gi", In("two"), Label("app", "web"), On("a")))
	for name, tc := range map[string]struct {
		term func(*v1.PodAffinityTerm)
		fits []string
	}{
		"its own only": {func(*v1.PodAffinityTerm) {}, []string{"a", "b"}},
		"listed":       {func(term *v1.PodAffinityTerm) { term.Namespaces = []string{"two"} }, []string{"b"}},
		"selected":     {func(term *v1.PodAffinityTerm) { term.NamespaceSelector = teamSelector("blue") }, []string{"b"}},
		"not selected": {func(term *v1.PodAffinityTerm) { term.NamespaceSelector = teamSelector("red") }, []string{"a", "b"}},
		"all (empty)":  {func(term *v1.PodAffinityTerm) { term.NamespaceSelector = &metav1.LabelSelector{} }, []string{"b"}},
		"listed and selected": {func(term *v1.PodAffinityTerm) {
			term.Namespaces, term.NamespaceSelector = []string{"three"}, teamSelector("blue")
		}, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tc.fits, Fits(t, c, Pod("p", "1", "1Gi", In("one"), Apart(v1.LabelHostname, "web", tc.term))))
		})
	}
}

func teamSelector(team string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"team": team}}
}

func TestKarpenterMatchLabelKeys(t *testing.T) {
	rollout := func(name, revision string, options ...func(*v1.Pod)) *v1.Pod {
		return Pod(name, "1", "1Gi", append(options, Label("app", "web"), Label("pod-template-hash", revision))...)
	}
	c := Cluster(t, Node("a", "8", "16Gi"), Node("b", "8", "16Gi"), rollout("old-0", "1", On("a")), rollout("old-1", "1", On("a")), rollout("new-0", "2", On("b")))
	perRevision := func(constraint *v1.TopologySpreadConstraint) {
		constraint.MatchLabelKeys = []string{"pod-template-hash"}
	}
	assert.Equal(t, []string{"b"}, Fits(t, c, rollout("new-1", "2", Spread(v1.LabelHostname, 1, "web"))), "the old revision counts")
	assert.Equal(t, []string{"a"}, Fits(t, c, rollout("new-1", "2", Spread(v1.LabelHostname, 1, "web", perRevision))), "the new revision only")
}

func TestKarpenterMinDomains(t *testing.T) {
	min := func(domains int32) func(*v1.TopologySpreadConstraint) {
		return func(constraint *v1.TopologySpreadConstraint) { constraint.MinDomains = &domains }
	}
	c := Cluster(t, Node("a", "8", "16Gi", Zone("a")), Node("b", "8", "16Gi", Zone("b")),
		Pod("a-0", "1", "1Gi", Label("app", "web"), On("a")), Pod("b-0", "1", "1Gi", Label("app", "web"), On("b")))
	web := func(domains int32) *v1.Pod {
		return Pod("new", "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web", min(domains)))
	}
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, web(2)))
	assert.Empty(t, Fits(t, c, web(3)), "with fewer zones than asked for the minimum is 0")
	addNodes(t, c, simulator.NodeSpec{Node: Node("c", "8", "16Gi", Zone("c"))})
	assert.Equal(t, []string{"c"}, Fits(t, c, web(3)))
}

func TestKarpenterNodePoliciesOfSpread(t *testing.T) {
	honor, ignore := v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore
	c := Cluster(t, Node("a", "8", "16Gi", Zone("a"), NodeLabel("disk", "ssd")), Node("b", "8", "16Gi", Zone("b")), Node("c", "8", "16Gi", Zone("c"), NodeLabel("disk", "ssd"), Taint("dedicated=db:NoSchedule")),
		Pod("a-0", "1", "1Gi", Label("app", "web"), On("a")))
	for name, tc := range map[string]struct {
		affinity, taints *v1.NodeInclusionPolicy
		fits             []string
	}{
		// Zone a holds one pod; b is not selected and c not tolerated, each empty.
		"default: selection honoured, taints ignored": {nil, nil, nil},
		"selection ignored":                           {&ignore, nil, nil},
		"both honoured":                               {&honor, &honor, []string{"a"}},
		"taints honoured, selection ignored":          {&ignore, &honor, nil},
	} {
		t.Run(name, func(t *testing.T) {
			pod := Pod("new", "1", "1Gi", Label("app", "web"), Selects("disk", "ssd"), Spread(v1.LabelTopologyZone, 1, "web",
				func(constraint *v1.TopologySpreadConstraint) {
					constraint.NodeAffinityPolicy, constraint.NodeTaintsPolicy = tc.affinity, tc.taints
				}))
			assert.Equal(t, tc.fits, Fits(t, c, pod))
		})
	}
}

// Karpenter (6): what a machine can attach is known before it exists; what else
// volumes forbid is in the tests of volumes.
func TestKarpenterVolumeLimitsOfNewNodes(t *testing.T) {
	c := Cluster(t, StorageClass("block", vpsieDriver), PVC("x", "block"), PVC("y", "block"), Pod("both", "1", "1Gi", Mounts("x"), Mounts("y")))
	for name, limit := range map[string]int32{"one": 1, "two": 2} {
		spec := machine(name, "fra")
		spec.CSINode = simulator.AttachLimit(name, vpsieDriver, limit, region)
		addNodes(t, c, spec)
	}
	assert.Equal(t, []string{"two"}, Fits(t, c, Pending(t, c, "both")))
}

// Karpenter (7): priority orders the queue, and nominated room counts; see also
// the tests of the queue.
func TestKarpenterTheQueueKnowsPriority(t *testing.T) {
	c := Cluster(t, Pod("large", "8", "16Gi"), Pod("small-important", "100m", "64Mi", Priority(1)))
	assert.Equal(t, []string{"small-important", "large"}, names(c.Pending()), "not the largest first")
}

// Karpenter (8): matchFields and labels that nobody declared.
func TestKarpenterMatchFieldsAndCustomLabels(t *testing.T) {
	c := Cluster(t, Node("a", "8", "16Gi"), Node("b", "8", "16Gi", NodeLabel("example.com/rack", "r7")))
	addNodes(t, c, simulator.NodeSpec{Node: Node("new", "8", "16Gi", NodeLabel("example.com/rack", "r8"))})
	assert.Equal(t, []string{"a"}, Fits(t, c, Pod("p", "1", "1Gi", RequiresNodeNamed("a"))))
	assert.Equal(t, []string{"new"}, Fits(t, c, Pod("p", "1", "1Gi", RequiresNodeNamed("new"))), "a machine that does not exist yet has a name, too")
	assert.Equal(t, []string{"b", "new"}, Fits(t, c, Pod("p", "1", "1Gi", RequiresNode("example.com/rack", "r7", "r8"))))
	assert.Equal(t, []string{"new"}, Fits(t, c, Pod("p", "1", "1Gi", Selects("example.com/rack", "r8"))))
}

// Karpenter (9): the DaemonSet pods that a machine will have are decided by the
// controller's own test and take their room, ports and claims at once.
func TestKarpenterDaemonOverheadIsReserved(t *testing.T) {
	sets := []*appsv1.DaemonSet{
		daemonSet(Pod("agent", "500m", "512Mi", HostPort(9100), Tolerates("*"))),
		daemonSet(Pod("gpu-driver", "1", "1Gi", Selects("gpu", "true"), Tolerates("gpu=true:NoSchedule"))),
		daemonSet(Pod("edge", "4", "8Gi", RequiresNode(v1.LabelTopologyZone, "edge"))),
	}
	c := Cluster(t)
	for _, node := range []*v1.Node{
		Node("plain", "2", "4Gi"), Node("gpu", "2", "4Gi", NodeLabel("gpu", "true"), Taint("gpu=true:NoSchedule")),
	} {
		addNodes(t, c, simulator.NodeSpec{Node: node, Pods: simulator.DaemonPods(node, sets)})
	}
	all := Tolerates("*")
	assert.Equal(t, []string{"plain"}, Fits(t, c, Pod("p", "1500m", "1Gi", all)))
	assert.Equal(t, []string{"plain", "gpu"}, Fits(t, c, Pod("p", "500m", "1Gi", all)))
	assert.Empty(t, Fits(t, c, Pod("p", "1600m", "1Gi", all)))
	assert.Empty(t, Fits(t, c, Pod("p", "100m", "1Gi", all, HostPort(9100))))
}

// Karpenter (10): the pod goes where the scores send it, not to the first node
// that fits.
func TestKarpenterThePodLandsOnTheBestScore(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"), Node("b", "4", "8Gi"), Node("c", "4", "8Gi"), Pod("old-a", "2", "4Gi", On("a")), Pod("old-b", "1", "2Gi", On("b")))
	pod := Pod("p", "1", "2Gi")
	cycle, err := c.Cycle(pod)
	require.NoError(t, err)
	best, err := cycle.Best(Fits(t, c, pod))
	require.NoError(t, err)
	assert.Equal(t, "c", best)
	best, err = cycle.Best([]string{"b"})
	require.NoError(t, err)
	assert.Equal(t, "b", best)
	best, err = cycle.Best([]string{"b", "a"})
	require.NoError(t, err)
	assert.Equal(t, "b", best, "whatever the order they are named in")
}

func TestTheBestNodeMayBeTheOneThatHasTheImage(t *testing.T) {
	const image = "registry.example/app:1"
	c := Cluster(t, Node("a", "4", "8Gi"), Node("b", "4", "8Gi", HasImage(image, 900<<20)))
	best := func() string {
		cycle, err := c.Cycle(Pod("p", "1", "2Gi"))
		require.NoError(t, err)
		best, err := cycle.Best(c.NodeNames())
		require.NoError(t, err)
		return best
	}
	assert.Equal(t, "b", best())
	c.Fork()
	require.NoError(t, c.RemoveNode("b"))
	addNodes(t, c, simulator.NodeSpec{Node: Node("c", "4", "8Gi")})
	assert.Equal(t, "a", best(), "the first of equals")
	c.Revert()
	assert.Equal(t, "b", best())
}

// Karpenter (11): a machine's size is what is given as allocatable, to the byte.
func TestKarpenterAllocatableIsNotAnEstimate(t *testing.T) {
	c := Cluster(t)
	addNodes(t, c, simulator.NodeSpec{Node: Node("learned", "3920m", "7391Mi")})
	assert.Equal(t, []string{"learned"}, Fits(t, c, Pod("p", "3920m", "7391Mi")))
	assert.Empty(t, Fits(t, c, Pod("p", "3921m", "7391Mi")))
	assert.Empty(t, Fits(t, c, Pod("p", "3920m", "7392Mi")))
}

// Cluster Autoscaler: a hostname spread or anti-affinity limits what an upcoming
// node takes, like any other node.
func TestClusterAutoscalerHostnameLimitsOfUpcomingNodes(t *testing.T) {
	c := Cluster(t)
	addNodes(t, c, simulator.NodeSpec{Node: Node("up-0", "8", "16Gi")}, simulator.NodeSpec{Node: Node("up-1", "8", "16Gi")})
	apart := func(name string) *v1.Pod {
		return Pod(name, "1", "1Gi", Label("app", "db"), Apart(v1.LabelHostname, "db"))
	}
	Place(t, c, apart("db-0"), "up-0")
	assert.Equal(t, []string{"up-1"}, Fits(t, c, apart("db-1")))
	spread := func(name string) *v1.Pod {
		return Pod(name, "1", "1Gi", Label("app", "web"), Spread(v1.LabelHostname, 2, "web"))
	}
	Place(t, c, spread("web-0"), "up-0")
	Place(t, c, spread("web-1"), "up-0")
	assert.Equal(t, []string{"up-1"}, Fits(t, c, spread("web-2")))
}

// Cluster Autoscaler: a spread with a single existing domain is met by it.
func TestClusterAutoscalerSpreadWithASingleDomain(t *testing.T) {
	c := Cluster(t, Node("a", "8", "16Gi", Zone("a")))
	for _, name := range []string{"web-0", "web-1", "web-2"} {
		Place(t, c, Pod(name, "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web")), "a")
	}
	addNodes(t, c, simulator.NodeSpec{Node: Node("b", "8", "16Gi", Zone("b"))})
	assert.Equal(t, []string{"b"}, Fits(t, c, Pod("web-3", "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web"))))
}

// Cluster Autoscaler (#6045): pods placed on upcoming nodes are on them for the
// next pod; nothing is bought twice.
func TestClusterAutoscalerUpcomingNodesHoldTheirPods(t *testing.T) {
	c := Cluster(t, Pod("a", "3", "4Gi"), Pod("b", "3", "4Gi"))
	addNodes(t, c, simulator.NodeSpec{Node: Node("upcoming", "4", "8Gi")})
	Place(t, c, Pending(t, c, "a"), "upcoming")
	assert.Empty(t, Fits(t, c, Pending(t, c, "b")))
}

// Cluster Autoscaler: a node on its way out still counts for spread until it is
// out, then no more: its ghost makes spread oscillate.
func TestClusterAutoscalerGhostNodeAndSpread(t *testing.T) {
	c := Cluster(t, Node("a", "8", "16Gi", Zone("a")), Node("b", "8", "16Gi", Zone("b")), Node("c", "8", "16Gi", Zone("c")),
		Pod("web-a", "1", "1Gi", Label("app", "web"), On("a")), Pod("web-b", "1", "1Gi", Label("app", "web"), On("b")))
	moved := Pod("moved", "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web"))
	assert.Equal(t, []string{"c"}, Fits(t, c, moved))
	c.Fork()
	require.NoError(t, c.RemoveNode("c"))
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, moved), "no zone c, no minimum of 0")
	c.Revert()
	assert.Equal(t, []string{"c"}, Fits(t, c, moved))
}

// Cluster Autoscaler (#7268): a startup taint keeps pods off a node while it is
// there; a planned node is drawn without it.
func TestClusterAutoscalerStartupTaints(t *testing.T) {
	const startup = "vpsie.com/not-ready:NoSchedule"
	c := Cluster(t, Node("starting", "8", "16Gi", Taint(startup)))
	assert.Empty(t, Fits(t, c, Pod("p", "1", "1Gi")))
	addNodes(t, c, simulator.NodeSpec{Node: Node("planned", "8", "16Gi")})
	assert.Equal(t, []string{"planned"}, Fits(t, c, Pod("p", "1", "1Gi")))
}

// Cluster Autoscaler: mirror pods (static pods of the kubelet) take room, and
// leave with their node.
func TestClusterAutoscalerMirrorPods(t *testing.T) {
	mirror := func(pod *v1.Pod) { pod.Annotations = map[string]string{v1.MirrorPodAnnotationKey: "hash"} }
	c := Cluster(t, Node("a", "2", "4Gi"), Pod("kube-proxy-a", "1", "1Gi", mirror, On("a")))
	assert.Empty(t, Fits(t, c, Pod("p", "1500m", "1Gi")))
	require.NoError(t, c.RemoveNode("a"))
	assert.Empty(t, c.NodeOf(c.Objects().Pods[0]))
}

func TestHostPortsAreOfOneAddressAndProtocol(t *testing.T) {
	c := Cluster(t, Node("a", "8", "16Gi"), Pod("old", "1", "1Gi", HostPort(53), On("a")))
	port := func(change func(*v1.ContainerPort)) *v1.Pod {
		return Pod("p", "1", "1Gi", HostPort(53), func(pod *v1.Pod) { change(&pod.Spec.Containers[0].Ports[0]) })
	}
	assert.Empty(t, Fits(t, c, port(func(p *v1.ContainerPort) { p.Protocol = "" })), "TCP is the default")
	assert.Empty(t, Fits(t, c, port(func(p *v1.ContainerPort) { p.HostIP = "10.0.0.1" })), "all addresses include this one")
	assert.Equal(t, []string{"a"}, Fits(t, c, port(func(p *v1.ContainerPort) { p.Protocol = v1.ProtocolUDP })))
	assert.Equal(t, []string{"a"}, Fits(t, c, port(func(p *v1.ContainerPort) { p.HostPort = 54 })))
}

// The first pod of a group that wants to be together may go anywhere; the
// others then follow it.
func TestTheFirstOfAGroupThatWantsToBeTogether(t *testing.T) {
	c := Cluster(t, Node("a", "8", "16Gi", Zone("a")), Node("b", "8", "16Gi", Zone("b")))
	member := func(name string) *v1.Pod {
		return Pod(name, "1", "1Gi", Label("app", "team"), Together(v1.LabelTopologyZone, "team"))
	}
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, member("m-0")))
	Place(t, c, member("m-0"), "b")
	assert.Equal(t, []string{"b"}, Fits(t, c, member("m-1")))
	addNodes(t, c, simulator.NodeSpec{Node: Node("b2", "8", "16Gi", Zone("b"))})
	assert.Equal(t, []string{"b", "b2"}, Fits(t, c, member("m-1")))
}

// A pod's size is the larger of its init containers and the rest, sidecars
// counted with the rest, overhead on top.
func TestAPodsSizeIsTheSchedulers(t *testing.T) {
	init := func(cpu string, sidecar bool) func(*v1.Pod) {
		return func(pod *v1.Pod) {
			container := Pod("init", cpu, "").Spec.Containers[0]
			if sidecar {
				container.RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
			}
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, container)
		}
	}
	c := Cluster(t, Node("a", "4", "8Gi"))
	assert.Equal(t, []string{"a"}, Fits(t, c, Pod("p", "4", "", init("4", false))))
	assert.Empty(t, Fits(t, c, Pod("p", "1", "", init("5", false))))
	assert.Empty(t, Fits(t, c, Pod("p", "3", "", init("2", true))))
	assert.Empty(t, Fits(t, c, Pod("p", "4", "", func(pod *v1.Pod) {
		pod.Spec.Overhead = v1.ResourceList{v1.ResourceCPU: *ptr.To(pod.Spec.Containers[0].Resources.Requests[v1.ResourceCPU])}
	})))
}
