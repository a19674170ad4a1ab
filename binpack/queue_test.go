package binpack

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// never gives a pod the policy not to preempt.
func never(pod *v1.Pod) { pod.Spec.PreemptionPolicy = ptr.To(v1.PreemptNever) }

// going marks a pod that is being deleted.
func going(pod *v1.Pod) { pod.DeletionTimestamp = &metav1.Time{} }

func TestPodsThatKubeSchedulerWouldNotTry(t *testing.T) {
	t.Run("gated ones", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("gated", "1", "1Gi", simtest.Gate("example.com/wait")), simtest.Pod("web", "1", "1Gi")))
		assert.Equal(t, []string{"gated"}, left(p))
		assert.Equal(t, []string{"* SchedulingGates: waiting for scheduling gates: [example.com/wait]"}, reasonsOf(t, p, "gated"))
		assert.Len(t, p.Add, 1)
	})
	t.Run("those of another scheduler", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("alien", "1", "1Gi", simtest.Scheduler("alien"))))
		assert.Empty(t, p.Add)
		require.Equal(t, []string{"alien"}, left(p))
		assert.Equal(t, "SchedulerName", p.Unschedulable[0].Reasons[0].Plugin)
	})
	t.Run("unless a profile is theirs, with its own rules", func(t *testing.T) {
		r := request(t, small(t), simtest.Pod("batch", "1", "1Gi", simtest.Scheduler("batch"), simtest.HostPort(80)), simtest.Pod("web", "1", "1Gi", simtest.HostPort(80)))
		r.Scheduler = simtest.Config(t, `
profiles:
- schedulerName: default-scheduler
- schedulerName: batch
  plugins: {filter: {disabled: [{name: NodePorts}]}, preFilter: {disabled: [{name: NodePorts}]}}
`)
		assert.Empty(t, scaleUp(t, r).Unschedulable)
	})
	t.Run("those that are being deleted", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "1", "1Gi", going)))
		assert.Zero(t, p.Stats.Pods)
		assert.Empty(t, p.Add)
	})
}

func TestExpendablePods(t *testing.T) {
	expendable := simtest.Priority(-20)
	t.Run("get no machine", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("cheap", "1", "1Gi", expendable)))
		assert.Empty(t, p.Add)
		assert.Equal(t, []string{"* Expendable: no machine is bought for a pod of this low priority"}, reasonsOf(t, p, "cheap"))
	})
	t.Run("get room of today", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("cheap", "1", "1Gi", expendable), simtest.Node("n", "4", "16Gi")))
		assert.Equal(t, "n", placeOf(p, "cheap"))
	})
	t.Run("at the cut-off are not expendable", func(t *testing.T) {
		assert.Len(t, scaleUp(t, request(t, small(t), simtest.Pod("web", "1", "1Gi", simtest.Priority(-10)))).Add, 1)
	})
	t.Run("by another cut-off", func(t *testing.T) {
		r := request(t, small(t), simtest.Pod("web", "1", "1Gi"))
		r.ExpendableBelow = ptr.To(int32(1))
		assert.Empty(t, scaleUp(t, r).Add)
	})
	t.Run("make room when they run", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "4", "1Gi"), simtest.Node("n", "4", "16Gi"), simtest.Pod("cheap", "4", "1Gi", expendable, simtest.On("n"))))
		assert.Equal(t, "n", placeOf(p, "web"))
	})
	t.Run("make none for a pod that never preempts", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "4", "1Gi", never), simtest.Node("n", "4", "16Gi"), simtest.Pod("cheap", "4", "1Gi", expendable, simtest.On("n"))))
		assert.Len(t, p.Add, 1)
	})
	t.Run("make none for each other", func(t *testing.T) {
		for _, pending := range []int32{-20, -30} {
			p := scaleUp(t, request(t, small(t), simtest.Pod("waits", "4", "1Gi", simtest.Priority(pending)), simtest.Node("n", "4", "16Gi"), simtest.Pod("cheap", "4", "1Gi", expendable, simtest.On("n"))))
			assert.Equal(t, []string{"waits"}, left(p), "priority %d against -20", pending)
		}
	})
	t.Run("but for a higher one that is expendable itself", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("waits", "4", "1Gi", simtest.Priority(-15)), simtest.Node("n", "4", "16Gi"), simtest.Pod("cheap", "4", "1Gi", expendable, simtest.On("n"))))
		assert.Equal(t, "n", placeOf(p, "waits"))
	})
	t.Run("of a DaemonSet keep theirs", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "4", "1Gi"), simtest.Node("n", "4", "16Gi"), simtest.Pod("agent", "4", "1Gi", expendable, simtest.On("n"), ownedBy("agent"))))
		assert.Len(t, p.Add, 1)
	})
}

func TestNominatedPods(t *testing.T) {
	t.Run("go where kube-scheduler made room for them", func(t *testing.T) {
		// The victim is on its way out; the pod waits for that, not for a machine.
		p := scaleUp(t, request(t, small(t), simtest.Node("n", "4", "16Gi"), simtest.Pod("victim", "4", "1Gi", simtest.On("n"), going),
			simtest.Pod("web", "4", "1Gi", simtest.Priority(10), simtest.Nominated("n"))))
		assert.Empty(t, p.Add)
		assert.Equal(t, "n", placeOf(p, "web"))
	})
	t.Run("keep that room from others", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(4, "web", "1", "1Gi"), simtest.Node("n", "4", "16Gi"), simtest.Node("m", "1", "16Gi"),
			simtest.Pod("big", "3", "1Gi", simtest.Nominated("n")))...))
		assert.Equal(t, "n", placeOf(p, "big"))
		assert.Len(t, p.Add, 1)
	})
	t.Run("stay together where they object to each other only until one is there", func(t *testing.T) {
		var objects []runtime.Object
		for i, node := range []string{"a", "b", "a", "b"} {
			objects = append(objects, simtest.Pod(fmt.Sprintf("web-%d", i), "1", "1Gi", simtest.Label("app", "web"), simtest.Spread(v1.LabelHostname, 1, "web"), simtest.Nominated(node)))
		}
		p := scaleUp(t, request(t, small(t), append(objects, simtest.Node("a", "2", "16Gi"), simtest.Node("b", "2", "16Gi"))...))
		assert.Empty(t, p.Add)
		for i, node := range []string{"a", "b", "a", "b"} {
			assert.Equal(t, node, placeOf(p, fmt.Sprintf("web-%d", i)))
		}
	})
	t.Run("to a node that is gone are like others", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "4", "1Gi", simtest.Nominated("gone"))))
		assert.Len(t, p.Add, 1)
	})
	t.Run("to a node that cannot hold them are like others", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "4", "1Gi", simtest.Nominated("n")), simtest.Node("n", "2", "16Gi")))
		assert.Len(t, p.Add, 1)
	})
}
