package binpack

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func TestReasonsFold(t *testing.T) {
	var kinds []*kind
	for _, group := range []string{"g", "h"} {
		for _, offering := range []string{"big", "small"} {
			for _, datacenter := range []string{"a", "b"} {
				kinds = append(kinds, &kind{Template: &Template{Name: offering + "/" + group + "/" + datacenter,
					Offering: &offerings.Offering{Name: offering}, NodeGroup: nodeGroup(group)}})
			}
		}
	}
	for name, test := range map[string]struct {
		templates []int
		want      []string
	}{
		"all templates":                {[]int{0, 1, 2, 3, 4, 5, 6, 7}, []string{"*"}},
		"all of a group":               {[]int{4, 5, 6, 7}, []string{"*/h/*"}},
		"all datacenters of one":       {[]int{2, 3}, []string{"small/g/*"}},
		"one":                          {[]int{2}, []string{"small/g/a"}},
		"a group and more":             {[]int{0, 1, 2, 3, 4, 5, 6}, []string{"*/g/*", "big/h/*", "small/h/a"}},
		"the same of different groups": {[]int{0, 1, 4, 5}, []string{"big/g/*", "big/h/*"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFold(kinds)
			for _, i := range test.templates {
				f.add(i, "Plugin", "no")
			}
			var got []string
			for _, reason := range f.reasons() {
				assert.Equal(t, "Plugin", reason.Plugin)
				got = append(got, reason.Template)
			}
			assert.Equal(t, test.want, got)
		})
	}
	t.Run("each message on its own, sorted", func(t *testing.T) {
		f := newFold(kinds)
		for i := range kinds {
			f.add(i, "B", "two")
			f.add(i, "B", "one")
			f.add(i, "A", "three")
		}
		assert.Equal(t, []plan.Reason{{Template: "*", Plugin: "A", Message: "three"}, {Template: "*", Plugin: "B", Message: "one"}, {Template: "*", Plugin: "B", Message: "two"}}, f.reasons())
	})
}

func TestReasonsNameEveryPluginThatRefuses(t *testing.T) {
	r := request(t, sells(t, offer("big", 8, 32, 0.4, soldIn("a")), offer("small", 4, 16, 0.1)),
		simtest.Pod("web", "6", "1Gi", simtest.Selects("disk", "ssd"), simtest.Tolerates("batch=yes:NoSchedule")),
		simtest.Node("n", "1", "1Gi"))
	r.NodeGroups = []*v1alpha1.NodeGroup{
		nodeGroup("slow"),
		nodeGroup("tainted", labelledWith("disk", "ssd"), func(s *v1alpha1.NodeGroupSpec) { s.Taints = []v1alpha1.Taint{taintOf("special")} }),
	}
	p := scaleUp(t, r)
	require.Equal(t, []string{"web"}, left(p))
	assert.Equal(t, []string{
		"*/slow/* NodeAffinity: node(s) didn't match Pod's node affinity/selector",
		"*/tainted/* TaintToleration: node(s) had untolerated taint(s)",
		"small/slow/* NodeResourcesFit: Insufficient cpu",
		"small/tainted/* NodeResourcesFit: Insufficient cpu",
	}, reasonsOf(t, p, "web"))
	assert.Equal(t, "0/9 nodes are available: 4 node(s) had untolerated taint(s), 5 node(s) didn't match Pod's node affinity/selector.",
		p.Unschedulable[0].Summary, "one machine of each template stands beside today's node")
}

func TestReasonsOfOneClassAreShared(t *testing.T) {
	p := scaleUp(t, request(t, small(t), append(pods(50, "web", "99", "1Gi"), simtest.Pod("other", "98", "1Gi"))...))
	require.Len(t, p.Unschedulable, 51)
	assert.Equal(t, p.Unschedulable[1].Reasons, p.Unschedulable[50].Reasons)
	assert.Less(t, p.Stats.FilterCalls, 51*3, "each class is asked once, not each pod")
}

func TestWhatElseThePlanSays(t *testing.T) {
	t.Run("alternatives to a mix", func(t *testing.T) {
		p := scaleUp(t, request(t, sells(t, offer("cpu", 8, 8, 0.2), offer("memory", 2, 32, 0.2), offer("even", 8, 32, 0.35)),
			append(pods(8, "cpu", "2", "1Gi"), pods(8, "memory", "100m", "8Gi")...)...))
		require.Len(t, p.Alternatives, 2)
		for _, alternative := range p.Alternatives {
			assert.GreaterOrEqual(t, alternative.PricePerHour, p.PricePerHour.Added, alternative.Summary)
		}
		assert.Regexp(t, "^only ", p.Alternatives[0].Summary)
		assert.Regexp(t, "^without ", p.Alternatives[1].Summary)
	})
	t.Run("no alternative where there is none", func(t *testing.T) {
		assert.Empty(t, scaleUp(t, request(t, small(t), simtest.Pod("web", "1", "1Gi"))).Alternatives)
	})
	t.Run("a managed group cannot hold the placement", func(t *testing.T) {
		r := request(t, small(t), pods(5, "web", "1", "1Gi")...)
		assert.Equal(t, plan.PlacementNominated, scaleUp(t, r).Placement)
		r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) { s.Bootstrap.Mode = v1alpha1.BootstrapManaged })}
		assert.Equal(t, plan.PlacementScoreOrder, scaleUp(t, r).Placement)
	})
	t.Run("when the work ended the search", func(t *testing.T) {
		r := testRequest(t, objectsOf(nil))
		r.Objects.Pods = plain(300)
		r.Work = 1
		assert.True(t, scaleUp(t, r).Stats.Truncated)
		r.Work = 0
		assert.False(t, scaleUp(t, r).Stats.Truncated)
	})
	t.Run("stages as they begin", func(t *testing.T) {
		var stages []string
		r := request(t, small(t), simtest.Pod("web", "1", "1Gi"))
		r.Stage = func(name string) { stages = append(stages, name) }
		scaleUp(t, r)
		assert.Equal(t, []string{"decide", "verify", "decide"}, stages)
	})
	t.Run("names that a node has are passed over", func(t *testing.T) {
		r := request(t, small(t), simtest.Pod("web", "1", "1Gi"))
		p := scaleUp(t, r)
		pl := &planner{id: p.Metadata.ID, request: &Request{}, nodes: []*node{{name: p.Add[0].Name}}, pools: &pools{groups: []*v1alpha1.NodeGroup{openGroup()}}}
		s := &settled{machines: []*machine{{kind: &kind{Template: &Template{NodeGroup: openGroup()}}}}}
		pl.name(s)
		assert.NotEqual(t, p.Add[0].Name, s.machines[0].name)
		assert.Regexp(t, "^vpsie-open-[0-9a-f]{5}-002$", s.machines[0].name)
	})
}
