package scaleup

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolsevents "k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func pending(name string) *v1.Pod {
	pod := simtest.Pod(name, "1", "1Gi")
	pod.UID = types.UID(name)
	pod.CreationTimestamp = *ago(time.Minute)
	return pod
}

func withNode(pod *v1.Pod, node string) *v1.Pod {
	pod = pod.DeepCopy()
	pod.Spec.NodeName = node
	return pod
}

func refused(pod *v1.Pod, message string) *v1.Pod {
	pod = pod.DeepCopy()
	pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: v1.PodReasonUnschedulable, Message: message}}
	return pod
}

// decided is a decision that puts each pod on a machine to buy, or on a node.
func decided(buy, existing map[string][]*v1.Pod) *decision {
	d := &decision{snapshot: &observe.Snapshot{}, pods: map[string]*v1.Pod{}, plan: &plan.Plan{Metadata: plan.Metadata{ID: "plan-1"}}}
	keys := func(pods []*v1.Pod) (names []string) {
		for _, pod := range pods {
			d.pods[observe.PodKey(pod)] = pod
			names = append(names, observe.PodKey(pod))
		}
		return names
	}
	for name, pods := range buy {
		d.buy = append(d.buy, plan.Machine{Name: name, NodeGroup: "web", Offering: "std-4", Datacenter: "fra", PricePerHour: 0.2, Pods: keys(pods)})
	}
	for name, pods := range existing {
		d.plan.Existing = append(d.plan.Existing, plan.ExistingNode{Name: name, Pods: keys(pods)})
	}
	return d
}

func TestPlannedAgainstBound(t *testing.T) {
	a, b, onNode, deleted := pending("a"), pending("b"), pending("c"), pending("d")
	clock := clocktesting.NewFakeClock(start)
	m, err := newMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	c := newComparer(clock, logr.Discard(), m)
	c.promise(decided(map[string][]*v1.Pod{"m1": {a, b, deleted}}, map[string][]*v1.Pod{"n1": {onNode}}))

	assert.False(t, c.bound(withNode(a, "m1")))
	assert.True(t, c.bound(withNode(b, "n7")), "another pod may have lost its place")
	assert.False(t, c.bound(withNode(onNode, "n2")), "nobody's nomination was broken")
	assert.False(t, c.bound(withNode(pending("unknown"), "n2")))
	assert.False(t, c.bound(withNode(a, "m1")), "each pod counts once")
	c.gone(deleted.UID)
	assert.False(t, c.bound(withNode(deleted, "m1")))

	count := func(target, result string) float64 {
		return testutil.ToFloat64(m.planned.WithLabelValues(target, result))
	}
	assert.InDelta(t, 1, count(onMachine, boundAsPlanned), 0)
	assert.InDelta(t, 1, count(onMachine, boundElsewhere), 0)
	assert.InDelta(t, 1, count("node", boundElsewhere), 0)
	assert.Equal(t, 1, testutil.CollectAndCount(m.pendingToBound))
}

// ofApp makes pods of one ReplicaSet.
func ofApp(app string, names ...string) (pods []*v1.Pod) {
	for _, name := range names {
		pod := pending(name)
		controller := true
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: app, UID: types.UID(app), Controller: &controller}}
		pods = append(pods, pod)
	}
	return pods
}

func TestPodsOfOneClassSwap(t *testing.T) {
	web, db := ofApp("web", "w1", "w2", "w3"), ofApp("db", "d1")
	type binding struct {
		pod  *v1.Pod
		node string
	}
	for name, test := range map[string]struct {
		bound                               []binding
		asPlanned, swapped, elsewhere, left int
		// places are those of the pods without a node in the end.
		places map[string]string
	}{
		"as planned":              {bound: []binding{{web[0], "m1"}, {web[1], "m2"}, {web[2], "m3"}, {db[0], "m1"}}, asPlanned: 4},
		"two swap":                {bound: []binding{{web[0], "m2"}, {web[1], "m1"}}, swapped: 2, places: map[string]string{"default/w3": "m3", "default/d1": "m1"}},
		"three in a ring":         {bound: []binding{{web[0], "m2"}, {web[1], "m3"}, {web[2], "m1"}}, swapped: 3, places: map[string]string{"default/d1": "m1"}},
		"the other is to follow":  {bound: []binding{{web[0], "m2"}}, swapped: 1, places: map[string]string{"default/w2": "m1", "default/w3": "m3", "default/d1": "m1"}},
		"the other has gone away": {bound: []binding{{web[1], "n7"}, {web[0], "m2"}}, swapped: 1, elsewhere: 1, places: map[string]string{"default/w3": "m3", "default/d1": "m1"}},
		"another class's place":   {bound: []binding{{db[0], "m2"}}, elsewhere: 1, places: map[string]string{"default/w1": "m1", "default/w2": "m2", "default/w3": "m3"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := newMetrics(nil)
			require.NoError(t, err)
			c := newComparer(clocktesting.NewFakeClock(start), logr.Discard(), m)
			c.promise(decided(map[string][]*v1.Pod{"m1": {web[0], db[0]}, "m2": {web[1]}, "m3": {web[2]}}, nil))
			apart := 0
			for _, b := range test.bound {
				if c.bound(withNode(b.pod, b.node)) {
					apart++
				}
			}
			for result, want := range map[string]int{boundAsPlanned: test.asPlanned, boundSwapped: test.swapped, boundElsewhere: test.elsewhere} {
				assert.InDelta(t, want, testutil.ToFloat64(m.planned.WithLabelValues(onMachine, result)), 0, result)
			}
			assert.Equal(t, test.elsewhere, apart, "what is swapped is no reason for a new plan")
			if test.places == nil {
				test.places = map[string]string{}
			}
			assert.Equal(t, test.places, c.places())
		})
	}
}

func TestPodsOfOneClass(t *testing.T) {
	a := ofApp("web", "w1", "w2")
	assert.Equal(t, classOf(a[0]), classOf(a[1]))
	assert.NotEqual(t, classOf(a[0]), classOf(ofApp("db", "w1")[0]), "another controller's")
	assert.NotEqual(t, classOf(pending("p1")), classOf(pending("p2")), "nobody's")
	for name, change := range map[string]func(*v1.Pod){
		"another template": func(p *v1.Pod) { p.Labels = map[string]string{"pod-template-hash": "2"} },
		"resized":          func(p *v1.Pod) { p.Spec.Containers[0].Resources.Requests = v1.ResourceList{} },
		"a claim of its own": func(p *v1.Pod) {
			p.Spec.Volumes = []v1.Volume{{VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "mine"}}}}
		},
		"an ephemeral volume": func(p *v1.Pod) {
			p.Spec.Volumes = []v1.Volume{{Name: "scratch", VolumeSource: v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{}}}}
		},
		"a device of its own": func(p *v1.Pod) {
			claim := "gpu"
			p.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "gpu", ResourceClaimName: &claim}}
		},
		"another priority": func(p *v1.Pod) { priority := int32(7); p.Spec.Priority = &priority },
	} {
		other := a[1].DeepCopy()
		change(other)
		assert.NotEqual(t, classOf(a[0]), classOf(other), name)
	}
	first, second := a[0].DeepCopy(), a[1].DeepCopy()
	first.Labels = map[string]string{"apps.kubernetes.io/pod-index": "0", "statefulset.kubernetes.io/pod-name": "w1", "app": "web"}
	second.Labels = map[string]string{"apps.kubernetes.io/pod-index": "1", "statefulset.kubernetes.io/pod-name": "w2", "app": "web"}
	second.Spec.Volumes = []v1.Volume{{Name: "kube-api-access-x7rlq"}}
	assert.Equal(t, classOf(first), classOf(second), "names tell nothing")
}

func TestOverduePodsAreCountedOnceAndExplained(t *testing.T) {
	pod := refused(pending("a"), "0/3 nodes are available: 3 Insufficient cpu.")
	clock := clocktesting.NewFakeClock(start)
	m, err := newMetrics(nil)
	require.NoError(t, err)
	var logged []string
	c := newComparer(clock, funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{}), m)
	d := decided(map[string][]*v1.Pod{"m1": {pod}}, nil)
	c.promise(d)
	node := simtest.Node("m1", "4", "16Gi")
	node.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}}
	current := pod
	look := func(after time.Duration) bool {
		clock.Step(after)
		return c.overdue(20*time.Second, func(string) *v1.Node { return node }, func(string) *v1.Pod { return current })
	}
	node.Spec.Taints = []v1.Taint{{Key: v1alpha1.StartupTaint}}
	assert.False(t, look(time.Hour), "its node does not take pods yet")
	node.Spec.Taints = nil
	assert.False(t, look(0), "it does from now on")
	assert.False(t, look(19*time.Second))
	c.promise(d)
	assert.True(t, look(time.Second), "a new plan that says the same changes nothing")
	assert.False(t, look(time.Hour), "counted already")
	assert.InDelta(t, 1, testutil.ToFloat64(m.planned.WithLabelValues(onMachine, stillPending)), 0)
	require.Len(t, logged, 1)
	assert.Contains(t, logged[0], "for a pod that found no node")
	assert.Contains(t, logged[0], "3 Insufficient cpu")

	current = withNode(pod, "n9")
	assert.True(t, look(0), "it was bound while nobody listened")
	assert.InDelta(t, 1, testutil.ToFloat64(m.planned.WithLabelValues(onMachine, boundElsewhere)), 0)
	assert.False(t, look(0))
	c.promise(d)
	current = nil
	assert.False(t, look(time.Hour), "it is gone")
}

func TestAttemptsAreOverWhenBackoffIs(t *testing.T) {
	young, old := pending("young"), pending("old")
	young.CreationTimestamp = metav1.Time{Time: start.Add(-time.Second)}
	clock := clocktesting.NewFakeClock(start)
	a := newAttempts(clock)
	after := func(pods ...*v1.Pod) time.Duration { return a.over(pods).Sub(start) }

	a.stir()
	a.sawPod(young.UID)
	a.sawPod(old.UID)
	assert.Equal(t, 2*time.Second, after(young), "its back-off is at most as long as it is old, and one second")
	assert.Equal(t, 10*time.Second, after(old))
	assert.Equal(t, 10*time.Second, after(old, young))

	clock.Step(time.Minute)
	a.stir()
	assert.Equal(t, time.Minute, after(old), "its back-off was over: it is tried at once")
	clock.Step(100 * time.Millisecond)
	a.sawPod(old.UID)
	assert.Equal(t, 70*time.Second+100*time.Millisecond, after(old), "that attempt may have begun before the change")
	clock.Step(200 * time.Millisecond)
	a.sawPod(old.UID)
	assert.Equal(t, time.Minute+300*time.Millisecond, after(old), "tried since: it rests until the next change")
	assert.True(t, a.stirredSince(start))
	assert.False(t, a.stirredSince(clock.Now()))
	a.forgetPod(old.UID)
	assert.Equal(t, time.Minute, after(old))
}

func TestTracesOfASchedulingCycle(t *testing.T) {
	pod := refused(pending("a"), "0/3 nodes are available")
	nominated := pod.DeepCopy()
	nominated.Status.NominatedNodeName = "m1"
	labelled := pod.DeepCopy()
	labelled.Labels = map[string]string{"new": "label"}
	assert.True(t, attempted(pending("a"), pod))
	assert.True(t, attempted(pod, refused(pod, "0/4 nodes are available")))
	assert.True(t, attempted(nominated, pod), "wiped")
	assert.False(t, attempted(pod, nominated), "our own doing")
	assert.False(t, attempted(pod, labelled))
}

func TestWhatMakesTheSchedulerTryAgain(t *testing.T) {
	change := func(f func(*v1.Node)) bool {
		before := simtest.Node("n", "4", "16Gi")
		after := before.DeepCopy()
		f(after)
		return stirs(before, after)
	}
	startup := v1.Taint{Key: v1alpha1.StartupTaint, Effect: v1.TaintEffectNoSchedule}
	assert.True(t, change(func(n *v1.Node) { n.Labels["a"] = "b" }))
	assert.True(t, change(func(n *v1.Node) { n.Status.Allocatable = nil }))
	assert.True(t, change(func(n *v1.Node) { n.Spec.Unschedulable = true }))
	assert.True(t, change(func(n *v1.Node) { n.Spec.Taints = []v1.Taint{{Key: "x"}} }))
	assert.False(t, change(func(n *v1.Node) { n.Spec.Taints = []v1.Taint{startup, {Key: "x"}} }), "pods stay off anyway")
	assert.False(t, change(func(n *v1.Node) { n.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady}} }))
}

func TestEventsSayEachThingOnce(t *testing.T) {
	recorder := toolsevents.NewFakeRecorder(10_000)
	clock := clocktesting.NewFakePassiveClock(start)
	a := newAnnouncer(recorder, clock)
	drain := func() (said []string) {
		for len(recorder.Events) > 0 {
			said = append(said, <-recorder.Events)
		}
		return said
	}
	pod := pending("a")
	d := decided(nil, nil)
	d.pods[observe.PodKey(pod)] = pod
	d.plan.Unschedulable = []plan.Unschedulable{{Pod: observe.PodKey(pod), Summary: "0/3 nodes are available"}}
	a.announce(d, false)
	assert.Equal(t, []string{"Warning NotTriggerScaleUp no machine that can be bought would take this pod: 0/3 nodes are available"}, drain())
	a.announce(d, false)
	assert.Empty(t, drain(), "said already")
	d.plan.Unschedulable[0].Summary = "0/4 nodes are available" + strings.Repeat(" ä", 2000)
	a.announce(d, false)
	said := drain()
	require.Len(t, said, 1)
	assert.LessOrEqual(t, len(said[0]), len("Warning NotTriggerScaleUp ")+maxNote)
	a.announce(decided(nil, nil), false)
	assert.Empty(t, a.said, "what is gone is forgotten")

	many := decided(nil, nil)
	for i := range eventBurst + 10 {
		p := pending(strings.Repeat("x", 1+i))
		many.pods[observe.PodKey(p)] = p
		many.plan.Unschedulable = append(many.plan.Unschedulable, plan.Unschedulable{Pod: observe.PodKey(p), Summary: "no"})
	}
	a.announce(many, false)
	assert.Len(t, drain(), eventBurst-2, "a flood is held back")
	clock.SetTime(start.Add(time.Second))
	a.announce(many, false)
	assert.Len(t, drain(), 12, "and the rest is said later")
}

// absent is an API server that answers every Get alike.
type absent struct {
	client.Reader
	err error
}

func (a absent) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return a.err
}

func TestExpectationsAreMetByTheCopyOrFoundVainLive(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(start)
	e := newExpectations(clock)
	want := &v1alpha1.VPSieNode{ObjectMeta: metav1.ObjectMeta{Name: "m", Generation: 2}}
	seen := map[string]*v1alpha1.VPSieNode{}
	met := func(err error) bool {
		t.Helper()
		ok, failed := e.met(t.Context(), func(name string) *v1alpha1.VPSieNode { return seen[name] }, absent{err: err})
		assert.Equal(t, err != nil && !apierrors.IsNotFound(err) && clock.Since(start) >= slow, failed != nil)
		return ok
	}
	notFound := apierrors.NewNotFound(schema.GroupResource{}, "m")
	assert.True(t, met(nil), "nothing was written")
	e.expect(want)
	assert.False(t, met(notFound), "the copy is a moment behind")
	seen["m"] = &v1alpha1.VPSieNode{ObjectMeta: metav1.ObjectMeta{Name: "m", Generation: 1}}
	assert.False(t, met(notFound), "it shows what was there before")
	seen["m"] = want
	assert.True(t, met(notFound))

	delete(seen, "m")
	e.expect(want)
	clock.SetTime(start.Add(slow))
	e.generations["m"] = generation{number: 2, at: start}
	assert.False(t, met(errors.New("the API server is away")))
	assert.False(t, met(nil), "it is there, the copy is late")
	assert.True(t, met(notFound), "somebody deleted it")
}

func TestSummaryOfWhatIsBought(t *testing.T) {
	m := func(offering string, pods ...string) plan.Machine {
		return plan.Machine{Offering: offering, Datacenter: "fra", PricePerHour: 0.25, Pods: pods}
	}
	assert.Equal(t, "2 × b in fra, 1 × a in fra for 3 pods, 0.7500 $/h", summary([]plan.Machine{m("a", "p1"), m("b", "p2"), m("b", "p3")}))
	assert.Equal(t, "1 × a in fra for 1 pod, 0.2500 $/h", summary([]plan.Machine{m("a", "p")}))
}

func TestOptionsMustBeComplete(t *testing.T) {
	_, err := New(Options{})
	assert.ErrorContains(t, err, "scaleup: Observer, Client, Live")
}
