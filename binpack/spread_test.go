package binpack

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

type constraint = v1.TopologySpreadConstraint

func atLeastDomains(n int32) func(*constraint) {
	return func(c *constraint) { c.MinDomains = &n }
}

// evenly checks how many pods the zones hold, in any order.
func evenly(t *testing.T, zones map[string]int, counts ...int) {
	t.Helper()
	var got []int
	for _, n := range zones {
		got = append(got, n)
	}
	assert.ElementsMatch(t, counts, got, "%v", zones)
}

func TestZoneSpread(t *testing.T) {
	app := simtest.Label("app", "web")
	spread := func(skew int32, change ...func(*constraint)) func(*v1.Pod) {
		return simtest.Spread(zone, skew, "web", change...)
	}

	t.Run("evenly over all zones for sale", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(8, "web", "1", "1Gi", app, spread(1))...))
		evenly(t, zonesOf(p, "web"), 3, 3, 2)
		assert.Len(t, p.Add, 3)
	})
	t.Run("within the skew", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(16, "web", "1", "1Gi", app, spread(4))...))
		for _, n := range zonesOf(p, "web") {
			assert.InDelta(t, 5.3, n, 4)
		}
		assert.Len(t, p.Add, 4, "eight pods in one zone and four in each other cost less than even zones")
	})
	t.Run("two classes of one app", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web-a", "1", "1Gi", app, spread(1)), pods(4, "web-b", "2", "1Gi", app, spread(1))...)...))
		evenly(t, zonesOf(p, "web"), 3, 2, 2)
	})
	t.Run("pods that are counted but not bound fill up", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(6, "web-bound", "1", "1Gi", app, spread(1)), pods(3, "web-free", "1", "1Gi", app)...)...))
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("what runs counts", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(4, "web", "1", "1Gi", app, spread(1)),
			simtest.Node("n", "2", "16Gi", simtest.Zone("a")), simtest.Pod("runs-0", "1", "1Gi", simtest.On("n"), app), simtest.Pod("runs-1", "1", "1Gi", simtest.On("n"), app))...))
		assert.Equal(t, map[string]int{"b": 2, "c": 2}, zonesOf(p, "web"))
	})
	t.Run("what ends does not count", func(t *testing.T) {
		going := func(pod *v1.Pod) { pod.DeletionTimestamp = &metav1.Time{} }
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi", app, spread(1)),
			simtest.Node("n", "2", "16Gi", simtest.Zone("a")), simtest.Pod("going-0", "1", "1Gi", simtest.On("n"), app, going), simtest.Pod("going-1", "1", "1Gi", simtest.On("n"), app, going))...))
		evenly(t, zonesOf(p, "web"), 1, 1, 1)
	})
	t.Run("another namespace does not count", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi", app, spread(1)),
			simtest.Node("n", "2", "16Gi", simtest.Zone("a")), simtest.Pod("runs-0", "1", "1Gi", simtest.On("n"), app, simtest.In("other")),
			simtest.Pod("runs-1", "1", "1Gi", simtest.On("n"), app, simtest.In("other")))...))
		evenly(t, zonesOf(p, "web"), 1, 1, 1)
	})
	t.Run("a full zone that cannot grow holds the others back", func(t *testing.T) {
		// Zone d is not for sale: its node has room for two, so five fit per other zone with skew 3.
		p := scaleUp(t, request(t, small(t), append(pods(20, "web", "1", "1Gi", app, spread(3)), simtest.Node("n", "2", "16Gi", simtest.Zone("d")))...))
		assert.Len(t, p.Unschedulable, 20-2-3*5)
		assert.Equal(t, map[string]int{"a": 5, "b": 5, "c": 5}, zonesOf(p, "web"))
		assert.Contains(t, reasonsOf(t, p, left(p)[0]), "* PodTopologySpread: node(s) didn't match pod topology spread constraints")
	})
	t.Run("a zone whose only node is cordoned counts all the same", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(6, "web", "1", "1Gi", app, spread(1)), simtest.Node("n", "4", "16Gi", simtest.Zone("d"), simtest.Cordoned))...))
		assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, zonesOf(p, "web"))
		assert.Len(t, p.Unschedulable, 3)
	})
	t.Run("unless taints are honoured", func(t *testing.T) {
		honour := func(c *constraint) { c.NodeTaintsPolicy = ptr.To(v1.NodeInclusionPolicyHonor) }
		p := scaleUp(t, request(t, small(t), append(pods(6, "web", "1", "1Gi", app, spread(1, honour)), simtest.Node("n", "4", "16Gi", simtest.Zone("d"), simtest.Cordoned))...))
		evenly(t, zonesOf(p, "web"), 2, 2, 2)
	})
	t.Run("zones that the pod's own selector excludes do not count", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(4, "web", "1", "1Gi", app, spread(1), simtest.RequiresNode(zone, "a", "b")),
			simtest.Node("n", "4", "16Gi", simtest.Zone("d"), simtest.Cordoned))...))
		assert.Equal(t, map[string]int{"a": 2, "b": 2}, zonesOf(p, "web"))
	})
	t.Run("unless node affinity is ignored", func(t *testing.T) {
		ignore := func(c *constraint) { c.NodeAffinityPolicy = ptr.To(v1.NodeInclusionPolicyIgnore) }
		p := scaleUp(t, request(t, small(t), append(pods(4, "web", "1", "1Gi", app, spread(1, ignore), simtest.RequiresNode(zone, "a", "b")),
			simtest.Node("n", "4", "16Gi", simtest.Zone("d"), simtest.Cordoned))...))
		assert.Equal(t, map[string]int{"a": 1, "b": 1}, zonesOf(p, "web"))
		assert.Len(t, p.Unschedulable, 2)
	})
	t.Run("fewer domains than minDomains make the minimum zero", func(t *testing.T) {
		p := scaleUp(t, request(t, sellsIn(t, []string{"a", "b"}, offer("small", 4, 16, 0.1)), pods(6, "web", "1", "1Gi", app, spread(2, atLeastDomains(3)))...))
		assert.Equal(t, map[string]int{"a": 2, "b": 2}, zonesOf(p, "web"))
		assert.Len(t, p.Unschedulable, 2)
	})
	t.Run("minDomains makes more zones be opened", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(3, "web", "1", "1Gi", app, spread(1, atLeastDomains(3)))...))
		evenly(t, zonesOf(p, "web"), 1, 1, 1)
	})
	t.Run("a single existing domain allows everything", func(t *testing.T) {
		// kube-scheduler's answer: the spread is over the zones there are. A
		// machine in a second zone would only tighten the constraint.
		p := scaleUp(t, request(t, sellsIn(t, []string{"a"}, offer("small", 4, 16, 0.1)), pods(8, "web", "1", "1Gi", app, spread(1))...))
		assert.Len(t, p.Add, 2)
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("nodes without the label take none", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi", app, spread(1)), simtest.Node("n", "8", "16Gi"))...))
		assert.Empty(t, p.Existing)
	})
	t.Run("a constraint that does not select its own pod", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(6, "job", "1", "1Gi", simtest.Label("app", "job"), spread(1)), pods(3, "web", "1", "1Gi", app)...)...))
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("an invalid selector is an error that names the pod", func(t *testing.T) {
		wrong := func(c *constraint) {
			c.LabelSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}
		}
		_, err := ScaleUp(t.Context(), request(t, small(t), simtest.Pod("web", "1", "1Gi", app, spread(1, wrong))))
		require.ErrorContains(t, err, "default/web")
	})
	t.Run("a nil selector counts nobody", func(t *testing.T) {
		nobody := func(c *constraint) { c.LabelSelector = nil }
		p := scaleUp(t, request(t, small(t), pods(6, "web", "1", "1Gi", app, spread(1, nobody))...))
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("matchLabelKeys separate revisions", func(t *testing.T) {
		byRevision := spread(1, func(c *constraint) { c.MatchLabelKeys = []string{"rev"} })
		p := scaleUp(t, request(t, small(t), append(pods(3, "web-new", "1", "1Gi", app, byRevision, simtest.Label("rev", "2")),
			simtest.Node("n", "3", "16Gi", simtest.Zone("a")), simtest.Pod("old-0", "1", "1Gi", simtest.On("n"), app, simtest.Label("rev", "1")),
			simtest.Pod("old-1", "1", "1Gi", simtest.On("n"), app, simtest.Label("rev", "1")), simtest.Pod("old-2", "1", "1Gi", simtest.On("n"), app, simtest.Label("rev", "1")))...))
		evenly(t, zonesOf(p, "web-new"), 1, 1, 1)
	})
	t.Run("a soft constraint costs nothing", func(t *testing.T) {
		soft := spread(1, func(c *constraint) { c.WhenUnsatisfiable = v1.ScheduleAnyway })
		p := scaleUp(t, request(t, small(t), pods(4, "web", "1", "1Gi", app, soft)...))
		assert.Len(t, p.Add, 1)
	})
	t.Run("over a label of the group's own", func(t *testing.T) {
		r := request(t, small(t), pods(4, "web", "1", "1Gi", app, simtest.Spread("rack", 1, "web"))...)
		for _, rack := range []string{"r1", "r2"} {
			r.NodeGroups = append(r.NodeGroups, nodeGroup(rack, labelledWith("rack", rack)))
		}
		p := scaleUp(t, r)
		require.Len(t, p.Add, 2)
		assert.Equal(t, []int{2, 2}, perMachine(p, "web"))
		assert.NotEqual(t, p.Add[0].NodeGroup, p.Add[1].NodeGroup)
	})
	t.Run("a zone that others open counts, although it has nothing for these", func(t *testing.T) {
		// In zone c only small machines are sold, and they are cheapest for the
		// plain pods. But a machine there is a domain without web pods.
		catalog := sells(t, offer("big", 8, 32, 0.4, soldIn("a", "b")), offer("tiny", 2, 8, 0.01, soldIn("c")))
		p := scaleUp(t, request(t, catalog, append(pods(6, "web", "8", "1Gi", app, spread(1)), pods(2, "plain", "2", "1Gi")...)...))
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("over zone and host at once", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(6, "web", "1", "1Gi", app, spread(1), simtest.Spread(host, 1, "web"))...))
		evenly(t, zonesOf(p, "web"), 2, 2, 2)
	})
}

func TestHostnameSpread(t *testing.T) {
	app := simtest.Label("app", "web")
	t.Run("machines beside empty ones of today hold no more than the skew", func(t *testing.T) {
		objects := append(pods(6, "web", "1", "1Gi", app, simtest.Spread(host, 2, "web")), simtest.Node("full", "4", "16Gi"), simtest.Pod("runs", "4", "1Gi", simtest.On("full")))
		p := scaleUp(t, request(t, small(t), objects...))
		assert.Equal(t, []int{2, 2, 2}, perMachine(p, "web"))
	})
	t.Run("a DaemonSet of one per node by minDomains", func(t *testing.T) {
		// "At most N per node" is a spread with more domains than nodes.
		p := scaleUp(t, request(t, small(t), pods(5, "web", "1", "1Gi", app, simtest.Spread(host, 2, "web", atLeastDomains(1000)))...))
		assert.Equal(t, []int{1, 2, 2}, perMachine(p, "web"))
	})
	t.Run("what runs on nodes of today counts", func(t *testing.T) {
		objects := append(pods(3, "web", "1", "1Gi", app, simtest.Spread(host, 1, "web")),
			simtest.Node("n1", "4", "16Gi"), simtest.Pod("runs", "1", "1Gi", simtest.On("n1"), app), simtest.Node("n2", "4", "16Gi"))
		p := scaleUp(t, request(t, small(t), objects...))
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("two classes share the cap", func(t *testing.T) {
		objects := append(pods(2, "web-a", "1", "1Gi", app, simtest.Spread(host, 1, "web", atLeastDomains(1000))), pods(2, "web-b", "500m", "1Gi", app, simtest.Spread(host, 1, "web", atLeastDomains(1000)))...)
		p := scaleUp(t, request(t, small(t), objects...))
		assert.Equal(t, []int{1, 1, 1, 1}, perMachine(p, "web"))
	})
}

func TestDefaultSpreadConstraintsOfTheProfile(t *testing.T) {
	config := simtest.Config(t, `
profiles:
- pluginConfig:
  - name: PodTopologySpread
    args:
      defaultingType: List
      defaultConstraints:
      - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}
`)
	service := &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}, Spec: v1.ServiceSpec{Selector: map[string]string{"app": "web"}}}
	objects := append(pods(6, "web", "1", "1Gi", simtest.Label("app", "web")), service)
	objects = append(objects, pods(2, "lonely", "100m", "1Gi", simtest.Label("app", "lonely"))...)
	r := request(t, small(t), objects...)
	r.Scheduler = config
	p := scaleUp(t, r)
	evenly(t, zonesOf(p, "web"), 2, 2, 2)
	assert.Len(t, p.Add, 3, "pods that no Service selects are not spread")

	r = request(t, small(t), objects...)
	assert.Less(t, len(scaleUp(t, r).Add), 3, "the system's own defaults are soft")
}

func TestUnevenSkewsAndSizesStayFeasible(t *testing.T) {
	// Three apps of different skews in one problem, with a zone that is half full already.
	objects := list(simtest.Node("n", "4", "16Gi", simtest.Zone("b")))
	for i, skew := range []int32{1, 2, 5} {
		app := fmt.Sprintf("app%d", i)
		objects = append(objects, pods(7, app, "700m", "1Gi", simtest.Label("app", app), simtest.Spread(zone, skew, app))...)
		objects = append(objects, simtest.Pod("runs-"+app, "1", "1Gi", simtest.On("n"), simtest.Label("app", app)))
	}
	p := scaleUp(t, request(t, small(t), objects...))
	assert.Empty(t, p.Unschedulable)
}

func TestUpstreamMix(t *testing.T) {
	r := testRequest(t, objectsOf(nil))
	r.Objects.Pods = upstreamMix(600)
	p := scaleUp(t, r)
	assert.Empty(t, p.Unschedulable)
	assert.Less(t, p.LowerBound.Gap, 0.1)

	// With a limit that binds, each priority in its turn.
	r.Limits.MilliCPU = 200_000
	for i, pod := range r.Objects.Pods {
		simtest.Priority(int32(i % 3))(pod)
	}
	p = scaleUp(t, r)
	waiting := map[int32]int{}
	for _, pod := range r.Objects.Pods {
		if placeOf(p, pod.Name) == "" {
			waiting[*pod.Spec.Priority]++
		}
	}
	assert.Zero(t, waiting[2])
	assert.Greater(t, waiting[0], 150)
}
