package nodegroup

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// newStill is a Reconciler of which only pure parts are used.
func newStill(t *testing.T) *Reconciler {
	t.Helper()
	var none struct{ client.Client }
	r, err := New(Options{
		Client: none, Reader: none, Account: &stubs{}, Catalog: &stubs{}, Recorder: events.NewFakeRecorder(1),
		Clock: testingclock.NewFakePassiveClock(start),
	})
	require.NoError(t, err)
	return r
}

// a machine in words: "phase", then any of ordered, vm, deleting, stuck, error.
func machineOf(name, words string) v1alpha1.VPSieNode {
	fields := strings.Fields(words)
	m := v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.VPSieNodeSpec{Offering: "std-2c4g", Datacenter: "ams1", Hostname: name, PricePerHour: "0.0101"},
		Status:     v1alpha1.VPSieNodeStatus{Phase: v1alpha1.VPSieNodePhase(fields[0])},
	}
	if fields[0] == "new" {
		m.Status.Phase = ""
	}
	at := metav1.NewTime(start.Add(-time.Hour))
	for _, word := range fields[1:] {
		switch word {
		case "ordered":
			m.Status.RequestedAt = &at
		case "vm":
			m.Status.RequestedAt, m.Status.VPSID = &at, "id"
		case "deleting":
			m.DeletionTimestamp = &at
			m.Status.DeletingAt = &at
		case "stuck":
			m.Status.Conditions = append(m.Status.Conditions, metav1.Condition{Type: v1alpha1.CannotDelete, Status: metav1.ConditionTrue, Message: "wrong password"})
		case "error":
			m.Status.Conditions = append(m.Status.Conditions, metav1.Condition{Type: v1alpha1.VPSieNodeError, Status: metav1.ConditionTrue, Message: "VPSie is down"})
		}
	}
	return m
}

func TestStatus(t *testing.T) {
	valid := verdict{metav1.ConditionTrue, "Valid", "fine"}
	for name, tc := range map[string]struct {
		machines []string
		notReady bool
		change   func(*v1alpha1.NodeGroup)
		verdict  verdict
		// desired/current/ready price
		want       string
		conditions string
	}{
		"empty group": {
			want: "0/0/0 0.0000", conditions: "Ready=False/BelowMinimum Scaling=False/Steady Error=False/NoError AtMin=True AtMax=False CannotDelete=False",
		},
		"paused and empty": {
			change: func(g *v1alpha1.NodeGroup) { g.Spec.Paused = true },
			want:   "0/0/0 0.0000", conditions: "Ready=True/Paused Scaling=False/Steady Error=False/NoError AtMin=True AtMax=False CannotDelete=False",
		},
		"all ready": {
			machines: []string{"Ready vm", "Ready vm"},
			want:     "2/2/2 0.0202", conditions: "Ready=True/Ready Scaling=False/Steady Error=False/NoError AtMin=False AtMax=False CannotDelete=False",
		},
		"a node lost its readiness": {
			machines: []string{"Ready vm"}, notReady: true,
			want: "1/1/0 0.0101", conditions: "Ready=False/NodesNotReady Scaling=False/Steady Error=False/NoError AtMin=True AtMax=False CannotDelete=False",
		},
		"written down, ordered, running, joining": {
			machines: []string{"new", "Provisioning ordered", "Provisioned vm"},
			want:     "3/2/0 0.0202", conditions: "Ready=False/NodesNotReady Scaling=True/ScalingUp Error=False/NoError AtMin=False AtMax=True CannotDelete=False",
		},
		"one comes, one goes": {
			machines: []string{"Joining vm", "Terminating vm"},
			want:     "1/2/0 0.0202", conditions: "Ready=False/NodesNotReady Scaling=True/Replacing Error=False/NoError AtMin=True AtMax=False CannotDelete=False",
		},
		"one goes": {
			machines: []string{"Ready vm", "Deleting vm deleting"},
			want:     "1/2/1 0.0202", conditions: "Ready=True/Ready Scaling=True/ScalingDown Error=False/NoError AtMin=True AtMax=False CannotDelete=False",
		},
		"failed without a machine, and with one": {
			machines: []string{"Ready vm", "Failed ordered", "Failed vm"},
			want:     "1/2/1 0.0202", conditions: "Ready=True/Ready Scaling=False/Steady Error=True/MachineFailed AtMin=True AtMax=False CannotDelete=False",
		},
		"VPSie refuses to delete": {
			machines: []string{"Ready vm", "Deleting vm deleting stuck error"},
			want:     "1/2/1 0.0202", conditions: "Ready=True/Ready Scaling=True/ScalingDown Error=True/CannotDelete AtMin=True AtMax=False CannotDelete=True",
		},
		"a step failed": {
			machines: []string{"Provisioning ordered error"},
			want:     "1/1/0 0.0101", conditions: "Ready=False/NodesNotReady Scaling=True/ScalingUp Error=True/MachineError AtMin=True AtMax=False CannotDelete=False",
		},
		"not valid": {
			machines: []string{"Ready vm"}, verdict: verdict{metav1.ConditionFalse, "Invalid", "spec.project: VPSie has no project"},
			want: "1/1/1 0.0101", conditions: "Ready=False/Invalid Scaling=False/Steady Error=True/Invalid AtMin=True AtMax=False CannotDelete=False",
		},
		"not known": {
			machines: []string{"Ready vm"}, verdict: unchecked,
			want: "1/1/1 0.0101", conditions: "Ready=Unknown/NotChecked Scaling=False/Steady Error=False/NoError AtMin=True AtMax=False CannotDelete=False",
		},
	} {
		t.Run(name, func(t *testing.T) {
			group := &v1alpha1.NodeGroup{Spec: v1alpha1.NodeGroupSpec{MinNodes: 1, MaxNodes: 3}}
			group.Generation = 4
			if tc.change != nil {
				tc.change(group)
			}
			if tc.verdict == (verdict{}) {
				tc.verdict = valid
			}
			o := observed{ready: func(string) bool { return !tc.notReady }, verdict: tc.verdict, now: start}
			for i := len(tc.machines) - 1; i >= 0; i-- {
				o.machines = append(o.machines, machineOf(fmt.Sprintf("m%d", i), tc.machines[i]))
			}
			status, _ := statusOf(group, o)
			assert.Equal(t, tc.want, fmt.Sprintf("%d/%d/%d %s", status.DesiredNodes, status.CurrentNodes, status.ReadyNodes, status.PricePerHour))
			group.Status = status
			ready, scaling, trouble := condition(t, group, "Ready"), condition(t, group, "Scaling"), condition(t, group, "Error")
			assert.Equal(t, tc.conditions, fmt.Sprintf("Ready=%s/%s Scaling=%s/%s Error=%s/%s AtMin=%s AtMax=%s CannotDelete=%s",
				ready.Status, ready.Reason, scaling.Status, scaling.Reason, trouble.Status, trouble.Reason,
				condition(t, group, "AtMinCapacity").Status, condition(t, group, "AtMaxCapacity").Status, condition(t, group, "CannotDelete").Status))
			var listed []string
			for _, n := range status.Nodes {
				listed = append(listed, n.Name)
				assert.NotEmpty(t, n.Phase)
			}
			assert.Len(t, listed, len(tc.machines))
			assert.IsIncreasing(t, append([]string{""}, append(listed, "z")...))
			for _, c := range status.Conditions {
				assert.EqualValues(t, 4, c.ObservedGeneration)
			}
			// The same again is the same, later or not.
			o.now = start.Add(time.Hour)
			again, _ := statusOf(group, o)
			assert.Equal(t, status, again)
		})
	}
}

func TestScaleTimesOnlyMoveForward(t *testing.T) {
	group := &v1alpha1.NodeGroup{Spec: v1alpha1.NodeGroupSpec{MaxNodes: 3}}
	o := observed{ready: func(string) bool { return true }, now: start}
	status, _ := statusOf(group, o)
	assert.Nil(t, status.LastScaleTime)
	o.machines = []v1alpha1.VPSieNode{machineOf("a", "Ready vm")}
	group.Status, _ = statusOf(group, o)
	at := start.Add(-time.Hour)
	assert.Equal(t, at, group.Status.LastScaleUpTime.Time)
	assert.Equal(t, at, group.Status.LastScaleTime.Time)
	assert.Nil(t, group.Status.LastScaleDownTime)
	deleting := metav1.NewTime(start)
	o.machines[0].Status.DeletingAt = &deleting
	group.Status, _ = statusOf(group, o)
	assert.Equal(t, start, group.Status.LastScaleTime.Time)
	o.machines = nil
	status, _ = statusOf(group, o)
	assert.Equal(t, at, status.LastScaleUpTime.Time, "the machine is gone, the time is not")
	assert.Equal(t, start, status.LastScaleDownTime.Time)
}

func TestLongListsAndMessagesAreCut(t *testing.T) {
	group := &v1alpha1.NodeGroup{Spec: v1alpha1.NodeGroupSpec{MaxNodes: 3}}
	o := observed{ready: func(string) bool { return true }, now: start, verdict: verdict{metav1.ConditionFalse, "Invalid", strings.Repeat("ä", 1000)}}
	for i := range 501 {
		o.machines = append(o.machines, machineOf(fmt.Sprintf("m%03d", i), "Ready vm"))
	}
	status, _ := statusOf(group, o)
	assert.Len(t, status.Nodes, 500)
	assert.EqualValues(t, 501, status.DesiredNodes)
	group.Status = status
	message := condition(t, group, "Valid").Message
	assert.LessOrEqual(t, len(message), 1024)
	assert.Equal(t, strings.Repeat("ä", 510)+"…", message)
}

func TestBuyable(t *testing.T) {
	group := func(change func(*v1alpha1.NodeGroup)) *v1alpha1.NodeGroup {
		g := &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: v1alpha1.NodeGroupStatus{Conditions: []metav1.Condition{
			{Type: v1alpha1.NodeGroupValid, Status: metav1.ConditionTrue, ObservedGeneration: 2},
			{Type: v1alpha1.NodeGroupCannotDelete, Status: metav1.ConditionTrue},
		}}}
		change(g)
		return g
	}
	buyable, why := Buyable(group(func(*v1alpha1.NodeGroup) {}))
	assert.False(t, buyable)
	assert.Equal(t, "VPSie refuses to delete machines of the NodeGroup, and scaleUpPolicy.buyWithoutDelete is false", why)
	buyable, why = Buyable(group(func(g *v1alpha1.NodeGroup) { g.Spec.ScaleUpPolicy.BuyWithoutDelete = true }))
	assert.True(t, buyable)
	assert.Empty(t, why)
	buyable, why = Buyable(group(func(g *v1alpha1.NodeGroup) { g.Spec.Paused = true }))
	assert.False(t, buyable)
	assert.Equal(t, "the NodeGroup is paused", why)
	buyable, _ = Buyable(group(func(g *v1alpha1.NodeGroup) { g.Generation = 3 }))
	assert.False(t, buyable)
}

func TestHeadroomIsBoughtForAndTakesNobodysRoom(t *testing.T) {
	group := &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: v1alpha1.NodeGroupSpec{
		MaxNodes: 5, OfferingIDs: []string{"std-2c4g"}, Bootstrap: v1alpha1.Bootstrap{Mode: "kubeadm"},
		Taints:   []v1alpha1.Taint{{Key: "dedicated", Value: "shop", Effect: corev1.TaintEffectNoSchedule}},
		Headroom: []v1alpha1.Headroom{{Replicas: 2, CPU: resource.MustParse("1"), Memory: resource.MustParse("1Gi")}},
	}}
	pods := HeadroomPods(group)
	require.Len(t, pods, 2)
	assert.Equal(t, pods, HeadroomPods(group), "the same each time")
	assert.NotEqual(t, pods[0].UID, pods[1].UID)
	for _, pod := range pods {
		assert.True(t, IsHeadroom(pod))
	}
	assert.False(t, IsHeadroom(simtest.Pod("web", "1", "1Gi")))
	machines := func(real ...runtime.Object) (int, []string) {
		t.Helper()
		objects := simtest.Objects(t, real...)
		objects.Pods = append(objects.Pods, HeadroomPods(group)...)
		p, err := binpack.ScaleUp(t.Context(), binpack.Request{
			Objects: objects, Scheduler: simtest.Config(t, ""), Catalog: offerings.Sample(), NodeGroups: []*v1alpha1.NodeGroup{group},
		})
		require.NoError(t, err)
		var left []string
		for _, u := range p.Unschedulable {
			left = append(left, u.Pod)
		}
		return len(p.Add), left
	}
	bought, left := machines()
	assert.Equal(t, 2, bought, "1 core of each machine is left beside the reservation")
	assert.Empty(t, left)

	// One machine is allowed and a real pod needs it: the headroom yields.
	group.Spec.MaxNodes = 1
	web := simtest.Pod("web", "1500m", "1Gi", simtest.Tolerates("dedicated=shop:NoSchedule"))
	bought, left = machines(web)
	assert.Equal(t, 1, bought)
	assert.Len(t, left, 2)
	for _, pod := range left {
		assert.Contains(t, pod, HeadroomNamespace+"/general-0-")
	}

	group.Spec.Paused = true
	assert.Empty(t, HeadroomPods(group))
}
