package binpack

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

func TestUnavailableTemplatesAreNotBought(t *testing.T) {
	for name, test := range map[string]struct {
		unavailable []string
		want        map[string]int
	}{
		"nothing":                     {nil, map[string]int{"small": 3}},
		"the cheap one, sold out":     {[]string{"small/*/*"}, map[string]int{"large": 1}},
		"the cheap one, in one group": {[]string{"small/g/*"}, map[string]int{"small": 3}},
		"a whole group":               {[]string{"*/g/*"}, map[string]int{"small": 3}},
		"all groups":                  {[]string{"*/g/*", "*/h/*"}, map[string]int{}},
		"one of three datacenters":    {[]string{"small/*/a"}, map[string]int{"small": 3}},
		"every datacenter by name":    {[]string{"small/*/a", "small/*/b", "small/*/c"}, map[string]int{"large": 1}},
		"something nobody sells":      {[]string{"huge/*/*", "odd"}, map[string]int{"small": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, sells(t, offer("small", 4, 16, 0.1), offer("large", 16, 64, 0.9)), pods(10, "web", "1", "1Gi")...)
			r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g"), nodeGroup("h")}
			r.Unavailable = test.unavailable
			assert.Equal(t, test.want, bought(scaleUp(t, r)))
		})
	}
}

func TestMinimumOfAGroupThatHasNothingToBuy(t *testing.T) {
	r := request(t, small(t), pods(2, "web", "1", "1Gi")...)
	r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup("g", func(s *v1alpha1.NodeGroupSpec) { s.MinNodes = 3 })}
	r.Unavailable = []string{"*/g/*"}
	p := scaleUp(t, r)
	assert.Empty(t, p.Add)
	assert.Len(t, p.Unschedulable, 2)
}

func TestWhatIsUnavailableOrTakenMakesAnotherPlan(t *testing.T) {
	r := request(t, small(t), pods(5, "web", "1", "1Gi")...)
	before := scaleUp(t, r)
	taken := r
	taken.TakenNames = []string{before.Add[0].Name}
	after := scaleUp(t, taken)
	assert.NotEqual(t, before.Metadata.ID, after.Metadata.ID)
	for _, m := range after.Add {
		assert.NotContains(t, taken.TakenNames, m.Name)
	}
	r.Unavailable = []string{"small/*/b"}
	assert.NotEqual(t, before.Metadata.ID, scaleUp(t, r).Metadata.ID)
}

func TestHostnamesOfLongGroupsAreLabels(t *testing.T) {
	group := strings.Repeat("g", 50)
	r := request(t, small(t), pods(40, "web", "1", "1Gi")...)
	r.NodeGroups = []*v1alpha1.NodeGroup{nodeGroup(group)}
	p := scaleUp(t, r)
	names := map[string]bool{}
	for _, m := range p.Add {
		names[m.Name] = true
		assert.Empty(t, validation.IsDNS1123Label(m.Name))
		assert.True(t, strings.HasPrefix(m.Name, "vpsie-"+group+"-"), m.Name)
	}
	assert.Len(t, names, 10, "no name twice")

	r.TakenNames = []string{p.Add[0].Name}
	for _, m := range scaleUp(t, r).Add {
		assert.NotEqual(t, r.TakenNames[0], m.Name)
	}
}

func TestRememberedSumsMakeTheSamePlan(t *testing.T) {
	r := request(t, small(t), pods(5, "web", "1", "1Gi")...)
	plain := asJSON(t, scaleUp(t, r))
	r.Sums = &Sums{}
	for range 3 {
		assert.Equal(t, plain, asJSON(t, scaleUp(t, r)))
	}
	before := scaleUp(t, r).Metadata.ID
	changed := r.Objects.Pods[0].DeepCopy()
	changed.Labels = map[string]string{"app": "other"}
	r.Objects.Pods[0] = changed
	assert.NotEqual(t, before, scaleUp(t, r).Metadata.ID)

	r.Objects.Pods = r.Objects.Pods[:1]
	scaleUp(t, r)
	assert.Contains(t, r.Sums.before, any(changed))
	assert.LessOrEqual(t, len(r.Sums.before), 1+len(r.Objects.Nodes), "what is gone is forgotten")
}

func TestSkippedScoreOrderIsTheSamePlan(t *testing.T) {
	r := request(t, small(t), pods(5, "web", "1", "1Gi")...)
	want := scaleUp(t, r)
	r.SkipScoreOrder = true
	got := scaleUp(t, r)
	assert.Less(t, got.Stats.FilterCalls, want.Stats.FilterCalls)
	got.Stats = want.Stats
	assert.Equal(t, want, got)
}
