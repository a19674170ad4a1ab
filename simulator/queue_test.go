package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func names(pods []*v1.Pod) []string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return names
}

func TestTheQueueTakesPriorityThenAgeThenName(t *testing.T) {
	c := Cluster(t,
		Pod("young", "1", "1Gi", Created(20)), Pod("old", "1", "1Gi", Created(10)),
		Pod("b", "1", "1Gi", Created(15)), Pod("a", "1", "1Gi", Created(15)), Pod("z", "1", "1Gi", Created(15), In("apps")),
		Pod("important", "1", "1Gi", Created(30), Priority(1000)), Pod("idle", "1", "1Gi", Created(1), Priority(-10)),
	)
	assert.Equal(t, []string{"important", "old", "z", "a", "b", "young", "idle"}, names(c.Pending()))
}

func TestPodsThatAreOverOrLeavingAreNotScheduled(t *testing.T) {
	phase := func(phase v1.PodPhase) func(*v1.Pod) { return func(pod *v1.Pod) { pod.Status.Phase = phase } }
	leaving := func(pod *v1.Pod) { pod.DeletionTimestamp = &metav1.Time{} }
	c := Cluster(t, Node("a", "2", "4Gi"),
		Pod("done", "2", "1Gi", On("a"), phase(v1.PodSucceeded)), Pod("failed", "2", "1Gi", On("a"), phase(v1.PodFailed)),
		Pod("evicted", "2", "1Gi", phase(v1.PodFailed)), Pod("deleted", "2", "1Gi", leaving), Pod("stopping", "1", "1Gi", On("a"), leaving),
		Pod("lost", "2", "1Gi", On("gone")), Pod("new", "1", "1Gi"), Pod("large", "2", "1Gi"),
	)
	assert.Equal(t, []string{"large", "new"}, names(c.Pending()))
	assert.Equal(t, []string{"a"}, Fits(t, c, Pending(t, c, "new")), "what has ended holds no room")
	assert.Empty(t, Fits(t, c, Pending(t, c, "large")), "what is stopping still does")
	assert.Equal(t, []string{"lost"}, names(c.Orphans()))
	assert.Len(t, c.Objects().Pods, 8)
}

func TestWhyAPodIsNotTried(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"))
	for name, tc := range map[string]struct {
		pod            *v1.Pod
		plugin, reason string
	}{
		"in the queue":    {Pod("p", "1", "1Gi"), "", ""},
		"no scheduler":    {Pod("p", "1", "1Gi", Scheduler("")), "", ""},
		"gated":           {Pod("p", "1", "1Gi", Gate("example.com/quota"), Gate("example.com/review")), "SchedulingGates", "waiting for scheduling gates: [example.com/quota example.com/review]"},
		"other scheduler": {Pod("p", "1", "1Gi", Scheduler("volcano")), "SchedulerName", `pod is left to the scheduler "volcano", which this configuration has no profile for`},
		"claim not made":  {Pod("p", "1", "1Gi", UsesTemplate("gone")), "DynamicResources", `pod "default/p": ResourceClaim not created yet`},
	} {
		t.Run(name, func(t *testing.T) {
			plugin, reason := c.Gated(tc.pod)
			assert.Equal(t, tc.plugin, plugin)
			assert.Equal(t, tc.reason, reason)
		})
	}
}

func TestNominatedPodsHoldTheirRoom(t *testing.T) {
	c := Cluster(t, Node("a", "2", "4Gi"), Pod("held", "2", "1Gi", Priority(10)),
		Pod("equal", "2", "1Gi", Priority(10)), Pod("lower", "2", "1Gi", Priority(5)), Pod("higher", "2", "1Gi", Priority(20)))
	held, equal, lower, higher := Pending(t, c, "held"), Pending(t, c, "equal"), Pending(t, c, "lower"), Pending(t, c, "higher")
	fits := func(pod *v1.Pod) bool {
		cycle, err := c.Cycle(pod)
		require.NoError(t, err)
		assert.True(t, cycle.Filter("a").IsSuccess(), "the node itself is free")
		return cycle.FilterNominated("a").IsSuccess()
	}
	for _, pod := range []*v1.Pod{held, equal, lower, higher} {
		assert.True(t, fits(pod))
	}
	c.Fork()
	require.NoError(t, c.Nominate(held, "a"))
	assert.Equal(t, "a", c.NominatedNode(held))
	assert.True(t, fits(held), "its own room")
	assert.False(t, fits(equal))
	assert.False(t, fits(lower))
	assert.True(t, fits(higher), "a nomination binds nobody of higher priority")
	assert.Equal(t, "0/1 nodes are available: 1 Insufficient cpu.", Summary(t, c, lower), "the event tells of the room that is kept")
	c.Fork()
	Place(t, c, held, "a")
	assert.Empty(t, c.NominatedNode(held), "a placed pod needs no nomination")
	c.Revert()
	assert.Equal(t, "a", c.NominatedNode(held))
	require.NoError(t, c.Nominate(held, ""))
	assert.True(t, fits(lower))
	c.Revert()
	assert.Empty(t, c.NominatedNode(held))
	assert.True(t, fits(equal))
}

// A pod may also need its nominated neighbours to be there: kube-scheduler asks
// with and without them.
func TestANominatedPodIsNotCountedOnForAffinity(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"), Pod("friend", "1", "1Gi", Label("app", "friend"), Priority(10)), Pod("needy", "1", "1Gi", Together(v1.LabelHostname, "friend")))
	require.NoError(t, c.Nominate(Pending(t, c, "friend"), "a"))
	cycle, err := c.Cycle(Pending(t, c, "needy"))
	require.NoError(t, err)
	assert.Equal(t, "node(s) didn't match pod affinity rules", cycle.FilterNominated("a").Message())
}

func TestNominationsOfTheClusterAreKnown(t *testing.T) {
	c := Cluster(t, Node("a", "2", "4Gi"), Pod("waiting", "2", "1Gi", Nominated("a"), Priority(10)), Pod("next", "1", "1Gi"))
	assert.Equal(t, "a", c.NominatedNode(Pending(t, c, "waiting")))
	assert.Equal(t, "0/1 nodes are available: 1 Insufficient cpu.", Summary(t, c, Pending(t, c, "next")))
}

// The preemption policy is the planner's to read: Filter evicts nobody.
func TestFilterPreemptsNobody(t *testing.T) {
	lower := v1.PreemptLowerPriority
	c := Cluster(t, Node("a", "2", "4Gi"), Pod("victim", "2", "1Gi", On("a"), Priority(0)),
		Pod("important", "2", "1Gi", Priority(1000), func(pod *v1.Pod) { pod.Spec.PreemptionPolicy = &lower }))
	assert.Equal(t, "NodeResourcesFit: Insufficient cpu", Refusal(t, c, Pending(t, c, "important"), "a"))
	assert.Equal(t, lower, *Pending(t, c, "important").Spec.PreemptionPolicy)
	c.Fork()
	require.NoError(t, c.Evict(c.Objects().Pods[0]))
	Place(t, c, Pending(t, c, "important"), "a")
	c.Revert()
	assert.Equal(t, "a", c.NodeOf(c.Objects().Pods[0]))
}

func TestPodsAreCompletedAsTheControlPlaneWould(t *testing.T) {
	pod := Pod("p", "1", "1Gi", In("apps"))
	pod.UID = ""
	theirs := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "db", Labels: map[string]string{"team": "db"}}}
	claim := PVC("data", "block")
	claim.UID, claim.Status.Phase = "", ""
	device := DeviceClaim("own", "gpu", 1)
	device.UID = ""
	c := Cluster(t, pod, Pod("q", "1", "1Gi", In("db")), Pod("r", "1", "1Gi", In("apps")), theirs, claim, device)

	assert.NotEmpty(t, Pending(t, c, "p").UID)
	assert.NotEmpty(t, c.Objects().PersistentVolumeClaims[0].UID)
	assert.Equal(t, v1.ClaimPending, c.Objects().PersistentVolumeClaims[0].Status.Phase)
	assert.NotEmpty(t, c.Objects().ResourceClaims[0].UID)
	var namespaces []string
	for _, namespace := range c.Objects().Namespaces {
		namespaces = append(namespaces, namespace.Name)
	}
	assert.Equal(t, []string{"db", "apps"}, namespaces, "one is made for the pods that live in none")
	assert.Equal(t, map[string]string{v1.LabelMetadataName: "apps"}, c.Objects().Namespaces[1].Labels)

	assert.Empty(t, pod.UID, "the caller's objects are left alone")
	assert.Empty(t, claim.UID)
	assert.Empty(t, device.UID)
}

func TestAddedNodesAreSeenInTheirOrder(t *testing.T) {
	c := Cluster(t, Node("b", "1", "1Gi"), Node("a", "1", "1Gi"))
	addNodes(t, c, simulator.NodeSpec{Node: Node("0-new", "1", "1Gi")})
	assert.Equal(t, []string{"a", "b", "0-new"}, c.NodeNames(), "those of the cluster by name, then the new ones")
	before := c.FilterCalls()
	Fits(t, c, Pod("p", "", ""))
	assert.Equal(t, before+3, c.FilterCalls())
	assert.Equal(t, "a", c.Node("a").Node().Name)
	assert.Nil(t, c.Node("gone"))
	assert.NotNil(t, c.Context())
}
