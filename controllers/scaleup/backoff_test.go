package scaleup

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// ago is a moment before start.
func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: start.Add(-d)} }

func failedMachine(planID, reason string, at *metav1.Time) *v1alpha1.VPSieNode {
	return &v1alpha1.VPSieNode{
		Spec:   v1alpha1.VPSieNodeSpec{NodeGroup: "web", Offering: "std-4", Datacenter: "fra", PlanID: planID},
		Status: v1alpha1.VPSieNodeStatus{Phase: v1alpha1.PhaseFailed, Reason: reason, FailedAt: at},
	}
}

func namedGroup(name string, change ...func(*v1alpha1.NodeGroupSpec)) *v1alpha1.NodeGroup {
	g := &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, f := range change {
		f(&g.Spec)
	}
	return g
}

func managed(cluster string) func(*v1alpha1.NodeGroupSpec) {
	return func(s *v1alpha1.NodeGroupSpec) {
		s.Bootstrap = v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapManaged, ClusterID: cluster}
	}
}

func TestWhatFailedIsLeftAloneForAWhile(t *testing.T) {
	groups := []*v1alpha1.NodeGroup{namedGroup("web"), namedGroup("db"), namedGroup("m1", managed("c1")), namedGroup("m2", managed("c1")), namedGroup("m3", managed("c2"))}
	inManaged := failedMachine("p", v1alpha1.ReasonQuota, ago(0))
	inManaged.Spec.NodeGroup = "m1"
	inNone := failedMachine("p", v1alpha1.ReasonQuota, ago(0))
	inNone.Spec.NodeGroup = "deleted"
	for name, test := range map[string]struct {
		machine   *v1alpha1.VPSieNode
		templates []string
		groups    map[string]string
	}{
		"sold out: everybody, there":    {failedMachine("p", v1alpha1.ReasonStockOut, ago(0)), []string{"std-4/*/fra"}, nil},
		"refused: that group, there":    {failedMachine("p", v1alpha1.ReasonRejected, ago(0)), []string{"std-4/web/fra"}, nil},
		"never ran: that group, there":  {failedMachine("p", v1alpha1.ReasonProvisionTimeout, ago(0)), []string{"std-4/web/fra"}, nil},
		"never joined: the group":       {failedMachine("p", v1alpha1.ReasonJoinTimeout, ago(0)), nil, map[string]string{"web": "JoinTimeout"}},
		"never ready: the group":        {failedMachine("p", v1alpha1.ReasonReadyTimeout, ago(0)), nil, map[string]string{"web": "ReadyTimeout"}},
		"no user data: the group":       {failedMachine("p", v1alpha1.ReasonBootstrap, ago(0)), nil, map[string]string{"web": "Bootstrap"}},
		"the account's quota":           {failedMachine("p", v1alpha1.ReasonQuota, ago(0)), nil, map[string]string{"web": "Quota", "db": "Quota"}},
		"the managed cluster's quota":   {inManaged, nil, map[string]string{"m1": "Quota", "m2": "Quota"}},
		"quota of a group that is gone": {inNone, nil, nil},
		"vanished: nobody":              {failedMachine("p", v1alpha1.ReasonMachineGone, ago(0)), nil, nil},
		"a long time ago":               {failedMachine("p", v1alpha1.ReasonStockOut, ago(time.Minute)), nil, nil},
		"failed, it is not known when":  {failedMachine("p", v1alpha1.ReasonStockOut, nil), nil, nil},
		"just about":                    {failedMachine("p", v1alpha1.ReasonStockOut, ago(time.Minute-1)), []string{"std-4/*/fra"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := backoffs([]*v1alpha1.VPSieNode{test.machine, {}}, groups, start, time.Minute, 10*time.Minute)
			assert.Equal(t, test.templates, b.templates)
			if test.groups == nil {
				test.groups = map[string]string{}
			}
			assert.Equal(t, test.groups, b.groups)
			assert.Equal(t, len(test.templates)+len(test.groups) > 0, !b.until.IsZero())
		})
	}
}

func TestBackoffDoublesWithEachPlanThatFails(t *testing.T) {
	wait := func(plans ...string) time.Duration {
		var machines []*v1alpha1.VPSieNode
		for i, id := range plans {
			machines = append(machines, failedMachine(id, v1alpha1.ReasonStockOut, ago(time.Duration(i)*time.Second)))
		}
		return backoffs(machines, nil, start, time.Minute, 10*time.Minute).until.Sub(start)
	}
	assert.Equal(t, time.Minute, wait("a"))
	assert.Equal(t, time.Minute, wait("a", "a", "a"), "machines of one plan fail once")
	assert.Equal(t, 2*time.Minute, wait("a", "b"))
	assert.Equal(t, 8*time.Minute, wait("a", "b", "c", "d"))
	assert.Equal(t, 10*time.Minute, wait("a", "b", "c", "d", "e", "f"))
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprint(i))
	}
	assert.Equal(t, 10*time.Minute, wait(many...), "no overflow")
}

func TestStabilizationWindowHoldsMachinesBack(t *testing.T) {
	window := func(d time.Duration) func(*v1alpha1.NodeGroupSpec) {
		return func(s *v1alpha1.NodeGroupSpec) { s.ScaleUpPolicy.StabilizationWindow = &metav1.Duration{Duration: d} }
	}
	groups := map[string]*v1alpha1.NodeGroup{"patient": namedGroup("patient", window(time.Minute)), "eager": namedGroup("eager")}
	waiting := func(d time.Duration) *v1.Pod {
		return &v1.Pod{Status: v1.PodStatus{Conditions: []v1.PodCondition{{
			Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: v1.PodReasonUnschedulable, LastTransitionTime: *ago(d),
		}}}}
	}
	pods := map[string]*v1.Pod{"x/old": waiting(2 * time.Minute), "x/young": waiting(20 * time.Second), "x/younger": waiting(5 * time.Second), "x/untried": {}}
	for name, test := range map[string]struct {
		group string
		pods  []string
		wait  time.Duration
	}{
		"no window":                   {"eager", []string{"x/untried"}, 0},
		"all pods young":              {"patient", []string{"x/young", "x/younger"}, 40 * time.Second},
		"one pod old enough":          {"patient", []string{"x/young", "x/old"}, 0},
		"not even tried":              {"patient", []string{"x/untried"}, time.Minute},
		"for the minimum":             {"patient", nil, 0},
		"for spare room alone":        {"patient", []string{"headroom/0"}, 0},
		"spare room and a young pod":  {"patient", []string{"headroom/0", "x/young"}, 40 * time.Second},
		"a group that is gone by now": {"gone", []string{"x/young"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := plan.Machine{Name: "m", NodeGroup: test.group, Pods: test.pods}
			buy, held, next := hold([]plan.Machine{m}, groups, pods, nil, start)
			if test.wait == 0 {
				assert.Equal(t, []plan.Machine{m}, buy)
				assert.Empty(t, held)
				assert.True(t, next.IsZero())
				return
			}
			assert.Empty(t, buy)
			assert.Equal(t, []plan.Machine{m}, held)
			assert.Equal(t, test.wait, next.Sub(start))
		})
	}
}

func TestCooldown(t *testing.T) {
	cooldown := func(s *v1alpha1.NodeGroupSpec) { s.ScaleUpPolicy.Cooldown = &metav1.Duration{Duration: time.Minute} }
	bought := func(group string, at *metav1.Time, phase v1alpha1.VPSieNodePhase) *v1alpha1.VPSieNode {
		return &v1alpha1.VPSieNode{
			ObjectMeta: metav1.ObjectMeta{CreationTimestamp: *at}, Spec: v1alpha1.VPSieNodeSpec{NodeGroup: group}, Status: v1alpha1.VPSieNodeStatus{Phase: phase},
		}
	}
	web := namedGroup("web", cooldown)
	assert.Zero(t, cooling(web, nil, start), "never bought")
	assert.Equal(t, start.Add(40*time.Second), cooling(web, []*v1alpha1.VPSieNode{bought("web", ago(time.Hour), "Ready"), bought("web", ago(20*time.Second), "Pending")}, start))
	assert.Zero(t, cooling(web, []*v1alpha1.VPSieNode{bought("web", ago(time.Minute), "Ready")}, start))
	assert.Zero(t, cooling(web, []*v1alpha1.VPSieNode{bought("db", ago(0), "Ready")}, start), "another group")
	assert.Zero(t, cooling(web, []*v1alpha1.VPSieNode{bought("web", ago(0), "Failed")}, start), "what failed was not bought")
	assert.Zero(t, cooling(namedGroup("web"), []*v1alpha1.VPSieNode{bought("web", ago(0), "Pending")}, start), "no cooldown")
}

func TestPodsOfANodeThatWasJustOpenedAreNotBoughtForAgain(t *testing.T) {
	pods := map[string]*v1.Pod{"default/late": pending("late"), "default/new": pending("new"), "default/past": pending("past")}
	var h handed
	h.add([]*v1.Pod{pods["default/late"]}, start.Add(15*time.Second))
	h.add([]*v1.Pod{pods["default/past"]}, start)
	until := h.notBefore(pods, start)
	assert.Equal(t, map[string]time.Time{"default/late": start.Add(15 * time.Second)}, until)
	m := plan.Machine{Name: "m9", NodeGroup: "web", Pods: []string{"default/late"}}
	buy, held, next := hold([]plan.Machine{m}, nil, pods, until, start)
	assert.Empty(t, buy)
	assert.Len(t, held, 1)
	assert.Equal(t, start.Add(15*time.Second), next)
	m.Pods = append(m.Pods, "default/new")
	buy, _, _ = hold([]plan.Machine{m}, nil, pods, until, start)
	assert.Len(t, buy, 1, "another pod needs it now")
}
