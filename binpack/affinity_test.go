package binpack

import (
	"testing"

	"github.com/stretchr/testify/assert"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func appOf(name string) func(*v1.Pod) { return simtest.Label("app", name) }

// runs is a running pod of an app.
func runs(app, node string, change ...func(*v1.Pod)) *v1.Pod {
	return simtest.Pod("runs-"+app+"-"+node, "100m", "64Mi", append(change, simtest.On(node), appOf(app))...)
}

func TestHostnameAntiAffinity(t *testing.T) {
	for name, test := range map[string]struct {
		objects []runtime.Object
		// together lists how many pods called web share a machine.
		together []int
		add      int
	}{
		"own":                           {pods(3, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "web")), []int{1, 1, 1}, 3},
		"own, beside others":            {append(pods(2, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "web")), pods(6, "job", "1", "1Gi")...), []int{1, 1}, 2},
		"of one class against another":  {append(pods(2, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "db")), pods(2, "db", "1", "1Gi", appOf("db"))...), []int{2}, 2},
		"mutual":                        {append(pods(2, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "db")), pods(2, "db", "1", "1Gi", appOf("db"), simtest.Apart(host, "web"))...), []int{2}, 2},
		"own and against another":       {append(pods(2, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "web"), simtest.Apart(host, "db")), pods(1, "db", "1", "1Gi", appOf("db"))...), []int{1, 1}, 3},
		"of what runs on the node":      {append(pods(1, "web", "1", "1Gi", appOf("web")), simtest.Node("n", "4", "16Gi"), runs("db", "n", simtest.Apart(host, "web"))), []int{1}, 1},
		"against what runs on the node": {append(pods(1, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "db")), simtest.Node("n", "4", "16Gi"), runs("db", "n")), []int{1}, 1},
		"not across namespaces":         {append(pods(1, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "db")), simtest.Node("n", "4", "16Gi"), runs("db", "n", simtest.In("other"))), []int{1}, 0},
		"across the namespaces that are named": {append(pods(1, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "db", func(term *v1.PodAffinityTerm) {
			term.Namespaces = []string{"other"}
		})), simtest.Node("n", "4", "16Gi"), runs("db", "n", simtest.In("other"))), []int{1}, 1},
		"across the namespaces that are selected": {append(pods(1, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "db", func(term *v1.PodAffinityTerm) {
			term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "x"}}
		})), simtest.Node("n", "4", "16Gi"), runs("db", "n", simtest.In("other")),
			&v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{"team": "x"}}}), []int{1}, 1},
		"not across others": {append(pods(1, "web", "1", "1Gi", appOf("web"), simtest.Apart(host, "db", func(term *v1.PodAffinityTerm) {
			term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "x"}}
		})), simtest.Node("n", "4", "16Gi"), runs("db", "n", simtest.In("other")),
			&v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{"team": "y"}}}), []int{1}, 0},
		"a DaemonSet that refuses": {append(pods(2, "web", "1", "1Gi", appOf("web")), daemonSet("agent", "100m", "64Mi", simtest.Apart(host, "web", func(term *v1.PodAffinityTerm) {
			term.Namespaces = []string{"default"}
		}))), nil, 0},
		"preferred only": {pods(3, "web", "1", "1Gi", appOf("web"), func(pod *v1.Pod) {
			pod.Spec.Affinity = &v1.Affinity{PodAntiAffinity: &v1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{
				{Weight: 100, PodAffinityTerm: v1.PodAffinityTerm{TopologyKey: host, LabelSelector: simtest.App("web")}}}}}
		}), []int{3}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := scaleUp(t, request(t, small(t), test.objects...))
			assert.Equal(t, test.together, perMachine(p, "web"))
			assert.Len(t, p.Add, test.add)
		})
	}
}

func TestZoneAntiAffinity(t *testing.T) {
	t.Run("one pod per zone, and the rest is told why", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(5, "web", "1", "1Gi", appOf("web"), simtest.Apart(zone, "web"))...))
		evenly(t, zonesOf(p, "web"), 1, 1, 1)
		assert.Equal(t, []string{"* InterPodAffinity: node(s) didn't match pod anti-affinity rules"}, reasonsOf(t, p, left(p)[0]))
	})
	t.Run("mutual classes get zones of their own", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(4, "web", "1", "1Gi", appOf("web"), simtest.Apart(zone, "db")), pods(4, "db", "1", "1Gi", appOf("db"), simtest.Apart(zone, "web"))...)...))
		assert.Empty(t, p.Unschedulable)
		for z := range zonesOf(p, "web") {
			assert.NotContains(t, zonesOf(p, "db"), z)
		}
		assert.Len(t, p.Add, 2)
	})
	t.Run("what runs keeps its zone", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(2, "web", "1", "1Gi", appOf("web"), simtest.Apart(zone, "db")),
			simtest.Node("n", "4", "16Gi", simtest.Zone("a")), runs("db", "n"))...))
		assert.NotContains(t, zonesOf(p, "web"), "a")
		assert.Empty(t, p.Existing)
	})
	t.Run("what runs refuses a zone", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(2, "web", "1", "1Gi", appOf("web")),
			simtest.Node("n", "4", "16Gi", simtest.Zone("a")), runs("db", "n", simtest.Apart(zone, "web")))...))
		assert.NotContains(t, zonesOf(p, "web"), "a")
		assert.Len(t, p.Add, 1)
	})
	t.Run("a node without the label is in no zone", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi", appOf("web"), simtest.Apart(zone, "web")), simtest.Node("n", "4", "16Gi"))...))
		assert.Empty(t, p.Unschedulable)
	})
}

func TestAffinity(t *testing.T) {
	near := simtest.Together
	t.Run("to a pod that runs in a zone", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(4, "web", "1", "1Gi", near(zone, "db")), simtest.Node("n", "1", "1Gi", simtest.Zone("b")), runs("db", "n"))...))
		assert.Equal(t, map[string]int{"b": 4}, zonesOf(p, "web"))
	})
	t.Run("to a pod that runs on a node", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(4, "web", "1", "1Gi", near(host, "db")), simtest.Node("n", "3", "16Gi"), runs("db", "n"))...))
		assert.Equal(t, []int{2}, perMachine(p, "web"))
		assert.Len(t, p.Unschedulable, 2)
		assert.Equal(t, []string{"* InterPodAffinity: node(s) didn't match pod affinity rules"}, reasonsOf(t, p, left(p)[0]))
	})
	t.Run("to a pod that waits, in a zone", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(5, "web", "1", "1Gi", near(zone, "db")), simtest.Pod("db", "1", "1Gi", appOf("db"), simtest.RequiresNode(zone, "c")))...))
		assert.Equal(t, map[string]int{"c": 5}, zonesOf(p, "web"))
	})
	t.Run("to a pod that waits, on a machine", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi", near(host, "db")), simtest.Pod("db", "1", "1Gi", appOf("db")))...))
		assert.Len(t, p.Add, 1)
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("to nobody", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(2, "web", "1", "1Gi", near(zone, "db"))...))
		assert.Empty(t, p.Add)
		assert.Len(t, p.Unschedulable, 2)
	})
	t.Run("to itself in a zone", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(9, "web", "1", "1Gi", appOf("web"), near(zone, "web"))...))
		evenly(t, zonesOf(p, "web"), 9)
		assert.Len(t, p.Add, 3)
	})
	t.Run("to itself on a machine that must be big enough", func(t *testing.T) {
		catalog := sells(t, offer("small", 4, 16, 0.1), offer("big", 16, 64, 1))
		p := scaleUp(t, request(t, catalog, pods(6, "web", "1", "1Gi", appOf("web"), near(host, "web"))...))
		assert.Equal(t, map[string]int{"big": 1}, bought(p))
	})
	t.Run("to itself on a machine, more than any holds", func(t *testing.T) {
		// kube-scheduler fills one machine and leaves the rest pending.
		p := scaleUp(t, request(t, small(t), pods(6, "web", "1", "1Gi", appOf("web"), near(host, "web"))...))
		assert.Equal(t, []int{4}, perMachine(p, "web"))
		assert.Len(t, p.Unschedulable, 2)
	})
	t.Run("to itself where it runs already", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi", appOf("web"), near(zone, "web")), simtest.Node("n", "1", "1Gi", simtest.Zone("c")), runs("web", "n"))...))
		assert.Equal(t, map[string]int{"c": 3}, zonesOf(p, "web"))
	})
	t.Run("a chain over zones", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), all(
			pods(3, "a", "1", "1Gi", appOf("a"), near(zone, "b")),
			pods(3, "b", "1", "1Gi", appOf("b"), near(zone, "c")),
			pods(3, "c", "1", "1Gi", appOf("c"), simtest.RequiresNode(zone, "b")))...))
		assert.Equal(t, map[string]int{"b": 3}, zonesOf(p, "a"))
		assert.Equal(t, map[string]int{"b": 3}, zonesOf(p, "b"))
	})
	t.Run("a chain over machines", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), all(
			pods(1, "a", "1", "1Gi", appOf("a"), near(host, "b")),
			pods(1, "b", "1", "1Gi", appOf("b"), near(host, "c")),
			pods(1, "c", "1", "1Gi", appOf("c")))...))
		assert.Empty(t, p.Unschedulable)
		assert.Len(t, p.Add, 1)
	})
	t.Run("each beside a cache of its own", func(t *testing.T) {
		// The well-known pair: web pods apart from each other, each on a machine with a cache.
		p := scaleUp(t, request(t, small(t), append(
			pods(3, "cache", "1", "1Gi", appOf("cache"), simtest.Apart(host, "cache")),
			pods(3, "web", "2", "1Gi", appOf("web"), simtest.Apart(host, "web"), near(host, "cache"))...)...))
		assert.Equal(t, []int{1, 1, 1}, perMachine(p, "web"))
		assert.Len(t, p.Add, 3)
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("to a pod that could go elsewhere for less", func(t *testing.T) {
		catalog := sells(t, offer("usual", 4, 16, 0.2), offer("bargain", 4, 16, 0.1, soldIn("b")))
		p := scaleUp(t, request(t, catalog, append(pods(2, "web", "1", "1Gi", near(zone, "db"), simtest.Selects(zone, "c")), pods(5, "db", "1", "1Gi", appOf("db"))...)...))
		assert.Empty(t, p.Unschedulable)
		assert.InDelta(t, 0.3, p.PricePerHour.Added, 1e-9, "one db pod goes along, the others where it is cheap")
	})
	t.Run("two terms at once", func(t *testing.T) {
		both := func(pod *v1.Pod) { near(zone, "db")(pod); near(zone, "cache")(pod) }
		objects := append(pods(1, "web", "1", "1Gi", both), simtest.Node("n1", "1", "1Gi", simtest.Zone("a")), simtest.Node("n2", "1", "1Gi", simtest.Zone("b")), runs("db", "n1"), runs("cache", "n2"))
		assert.Equal(t, []string{"web-0"}, left(scaleUp(t, request(t, small(t), objects...))), "no pod is both db and cache")
	})
	t.Run("zone and host at once", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi", appOf("web"), near(zone, "db"), simtest.Apart(host, "web")), simtest.Pod("db", "1", "1Gi", appOf("db")))...))
		evenly(t, zonesOf(p, "web"), 3)
		assert.Equal(t, []int{1, 1, 1}, perMachine(p, "web"))
		assert.Len(t, p.Add, 3)
	})
	t.Run("a preference costs nothing", func(t *testing.T) {
		prefers := func(pod *v1.Pod) {
			pod.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []v1.WeightedPodAffinityTerm{
				{Weight: 100, PodAffinityTerm: v1.PodAffinityTerm{TopologyKey: zone, LabelSelector: simtest.App("nobody")}}}}}
			simtest.PrefersNode(zone, "nowhere")(pod)
		}
		p := scaleUp(t, request(t, small(t), pods(4, "web", "1", "1Gi", prefers)...))
		assert.Len(t, p.Add, 1)
	})
}
