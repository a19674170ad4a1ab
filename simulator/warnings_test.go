package simulator_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// The tests in this file pin what kube-scheduler's own shortcuts get wrong for
// a planner that places many pods in a row. When one of them fails after an
// upgrade of Kubernetes, the planner may be able to do less work.

// advance tells a kept cycle of the placing of another pod, as preemption and
// nomination do inside kube-scheduler.
func advance(t *testing.T, c *simulator.Cluster, kept *simulator.Cycle, waiting, placed *v1.Pod, node string) {
	t.Helper()
	fw, state := kept.Framework()
	info, err := framework.NewPodInfo(placed)
	require.NoError(t, err)
	require.True(t, fw.RunPreFilterExtensionAddPod(c.Context(), state, waiting, info, c.Node(node)).IsSuccess())
}

// PodTopologySpread remembers the two smallest domains only. With three, a kept
// state loses sight of the third and lets pods through that a fresh cycle
// refuses: an error on the permissive side.
func TestWarningAKeptStateIsWrongForSpreadOverThreeDomains(t *testing.T) {
	wrong := 0
	// Which two domains are remembered is a matter of map order.
	for range 50 {
		c := Cluster(t, Node("a", "8", "16Gi", Zone("a")), Node("b", "8", "16Gi", Zone("b")), Node("c", "8", "16Gi", Zone("c")))
		spread := func(name string) *v1.Pod {
			return Pod(name, "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web"))
		}
		waiting := spread("waiting")
		kept, err := c.Cycle(waiting)
		require.NoError(t, err)
		for i, node := range []string{"a", "b"} {
			placed := spread(fmt.Sprint("placed-", i))
			Place(t, c, placed, node)
			advance(t, c, kept, waiting, placed, node)
		}
		assert.Equal(t, []string{"c"}, Fits(t, c, waiting), "the truth: zone c is behind")
		for _, node := range []string{"a", "b"} {
			if kept.Filter(node).IsSuccess() {
				wrong++
			}
		}
	}
	assert.Positive(t, wrong, "the kept state was never wrong: is the caveat gone?")
}

// AddPod passes over plugins whose PreFilter stepped aside: a pod without terms
// of its own does not hear of a neighbour that keeps it away.
func TestWarningAKeptStateDoesNotHearOfPluginsThatSteppedAside(t *testing.T) {
	for name, tc := range map[string]struct {
		objects         []runtime.Object
		placed, waiting *v1.Pod
	}{
		"anti-affinity of the placed pod": {nil,
			Pod("placed", "1", "1Gi", Apart(v1.LabelHostname, "web")), Pod("waiting", "1", "1Gi", Label("app", "web"))},
		"a claim for one pod only": {[]runtime.Object{StorageClass("block", vpsieDriver), PVC("data", "block", Mode(v1.ReadWriteOncePod))},
			Pod("placed", "1", "1Gi", Mounts("data")), Pod("waiting", "1", "1Gi", Mounts("data"))},
	} {
		t.Run(name, func(t *testing.T) {
			c := Cluster(t, append(tc.objects, Node("a", "8", "16Gi"))...)
			kept, err := c.Cycle(tc.waiting)
			require.NoError(t, err)
			Place(t, c, tc.placed, "a")
			advance(t, c, kept, tc.waiting, tc.placed, "a")
			assert.Empty(t, Fits(t, c, tc.waiting), "the truth")
			assert.True(t, kept.Filter("a").IsSuccess(), "the kept state has not heard: is the caveat gone?")
		})
	}
}

// The scheduler's own class key is of no use: the default profile signs nothing,
// and where it signs, pods of different host ports are one.
func TestWarningSignPodIsNoClassKey(t *testing.T) {
	sign := func(c *simulator.Cluster, pod *v1.Pod) string {
		cycle, err := c.Cycle(pod)
		require.NoError(t, err)
		fw, _ := cycle.Framework()
		return string(fw.SignPod(context.Background(), pod))
	}
	standard := Cluster(t, Node("a", "8", "16Gi"))
	assert.Empty(t, sign(standard, Pod("p", "1", "1Gi")), "system default constraints make PodTopologySpread refuse every pod")

	c := Configured(t, Config(t, `profiles:
- schedulerName: default-scheduler
  pluginConfig:
  - name: PodTopologySpread
    args: {apiVersion: kubescheduler.config.k8s.io/v1, kind: PodTopologySpreadArgs, defaultingType: List}
`), Node("a", "8", "16Gi"))
	plain := sign(c, Pod("p", "1", "1Gi"))
	require.NotEmpty(t, plain)
	assert.Equal(t, plain, sign(c, Pod("q", "1", "1Gi", Priority(100))), "too coarse: priority is not in it")
	udp := func(pod *v1.Pod) { pod.Spec.Containers[0].Ports[0].Protocol = v1.ProtocolUDP }
	assert.Equal(t, sign(c, Pod("p", "1", "1Gi", HostPort(53))), sign(c, Pod("p", "1", "1Gi", HostPort(53), udp)), "too coarse: nor is the protocol of a port")
	assert.NotEqual(t, plain, sign(c, Pod("p", "1", "1Gi", Label("statefulset.kubernetes.io/pod-name", "p"))), "too fine: every label is")
}

// A kept state is good where the pod looks at no other pod; that is what
// Coupled tells.
func TestAKeptStateServesAnUncoupledPod(t *testing.T) {
	c := Cluster(t, Node("a", "2", "4Gi"), Node("b", "2", "4Gi"))
	plain := Pod("waiting", "1", "1Gi")
	kept, err := c.Cycle(plain)
	require.NoError(t, err)
	assert.False(t, kept.Coupled())
	Place(t, c, Pod("x", "1500m", "1Gi"), "a")
	assert.False(t, kept.Filter("a").IsSuccess())
	assert.True(t, kept.Filter("b").IsSuccess())

	for name, pod := range map[string]*v1.Pod{
		"its own spread":        Pod("p", "1", "1Gi", Spread(v1.LabelHostname, 1, "web")),
		"its own affinity":      Pod("p", "1", "1Gi", Apart(v1.LabelHostname, "web")),
		"the affinity of other": Pod("p", "1", "1Gi", Label("app", "db")),
	} {
		t.Run(name, func(t *testing.T) {
			c := Cluster(t, Node("a", "8", "16Gi"), Node("b", "1", "1Gi"), Pod("db", "1", "1Gi", Apart(v1.LabelHostname, "db"), Label("app", "web"), On("a")))
			cycle, err := c.Cycle(pod)
			require.NoError(t, err)
			assert.True(t, cycle.Coupled())
		})
	}

	t.Run("the part that stays true", func(t *testing.T) {
		c := Cluster(t, Node("a", "8", "16Gi"), Node("b", "500m", "1Gi"), Pod("web", "1", "1Gi", Label("app", "web"), On("a")))
		cycle, err := c.Cycle(Pod("p", "1", "1Gi", Label("app", "web"), Apart(v1.LabelHostname, "web"), Spread(v1.LabelHostname, 1, "web")))
		require.NoError(t, err)
		assert.False(t, cycle.Filter("a").IsSuccess())
		assert.True(t, cycle.FilterUncoupled("a").IsSuccess(), "only other pods stand against a")
		assert.Equal(t, "Insufficient cpu", cycle.FilterUncoupled("b").Message())
		assert.False(t, cycle.Filter("a").IsSuccess(), "asking for the part does not change the whole")
	})
}
