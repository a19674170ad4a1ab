package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func TestFeatureGatesAreParsedAndPrinted(t *testing.T) {
	gates, err := simulator.ParseFeatureGates(" B=false, A=true,,")
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"A": true, "B": false}, gates)
	assert.Equal(t, []string{"A=true", "B=false"}, simulator.FormatFeatureGates(gates))
	for _, text := range []string{"A", "A=", "A=yes", "=true", "A=true B=false"} {
		_, err := simulator.ParseFeatureGates(text)
		assert.ErrorContains(t, err, "want Name=true or Name=false", text)
	}
}

func FuzzParseFeatureGates(f *testing.F) {
	f.Add("A=true,B=false")
	f.Add("=true")
	f.Fuzz(func(t *testing.T, text string) {
		gates, err := simulator.ParseFeatureGates(text)
		if err != nil {
			return
		}
		for _, pair := range simulator.FormatFeatureGates(gates) {
			again, err := simulator.ParseFeatureGates(pair)
			require.NoError(t, err)
			require.Len(t, again, 1)
		}
	})
}

func TestFeatureGatesAreSetOnce(t *testing.T) {
	gate := features.DRAListTypeAttributes
	// Put back what the process started with.
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, gate, false)
	require.NoError(t, simulator.SetFeatureGates(nil))
	require.NoError(t, simulator.SetFeatureGates(map[string]bool{string(gate): true}))
	assert.True(t, utilfeature.DefaultFeatureGate.Enabled(gate))
	require.NoError(t, simulator.SetFeatureGates(map[string]bool{string(gate): true}))
	require.NoError(t, simulator.SetFeatureGates(map[string]bool{string(gate): false}))
	assert.False(t, utilfeature.DefaultFeatureGate.Enabled(gate))

	assert.ErrorContains(t, simulator.SetFeatureGates(map[string]bool{"NoSuchGate": true}), "feature gates: unrecognized feature gate: NoSuchGate")
	assert.ErrorContains(t, simulator.SetFeatureGates(map[string]bool{"DRAExtendedResource": false}), "cannot set feature gate DRAExtendedResource to false")
	assert.ErrorContains(t, simulator.SetFeatureGates(map[string]bool{"NoSuchGate": true}), "NoSuchGate", "a refused gate stays refused")
}

// The alpha gate that spares InterPodAffinity the walk over hosts changes no
// verdict, and a Cluster built under it keeps the list that it reads.
func TestTheHostnameFastPathChangesNoVerdict(t *testing.T) {
	for _, on := range []bool{false, true} {
		featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.InterPodAffinityHostnameFastPath, on)
		c := Cluster(t,
			Node("a1", "8", "16Gi", Zone("a")), Node("a2", "8", "16Gi", Zone("a")), Node("b1", "8", "16Gi", Zone("b")), Node("b2", "8", "16Gi", Zone("b")),
			Pod("host", "1", "1Gi", Label("app", "web"), Apart(v1.LabelHostname, "web"), On("a1")),
			Pod("zone", "1", "1Gi", Label("app", "db"), Apart(v1.LabelTopologyZone, "db"), On("b1")),
		)
		assert.Equal(t, []string{"a2", "b1", "b2"}, Fits(t, c, Pod("p", "1", "1Gi", Label("app", "web"))), "gate %t", on)
		assert.Equal(t, []string{"a1", "a2"}, Fits(t, c, Pod("p", "1", "1Gi", Label("app", "db"))), "gate %t", on)
		c.Fork()
		require.NoError(t, c.RemoveNode("b1"))
		assert.Equal(t, []string{"a1", "a2", "b2"}, Fits(t, c, Pod("p", "1", "1Gi", Label("app", "db"))), "gate %t", on)
		c.Revert()
		assert.Equal(t, []string{"a1", "a2"}, Fits(t, c, Pod("p", "1", "1Gi", Label("app", "db"))), "gate %t", on)
	}
}

// Whatever the cluster has switched on, there is something for its plugins to
// read.
func TestEveryGateCanBeOnOrOff(t *testing.T) {
	group := &schedulingv1beta1.PodGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gang"}}
	grouped := Pod("grouped", "1", "1Gi", UsesTemplate("one-gpu"), func(pod *v1.Pod) {
		pod.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: ptr.To("gang")}
	})
	for name, value := range map[string]bool{"all off": false, "all on": true} {
		t.Run(name, func(t *testing.T) {
			overrides := featuregatetesting.FeatureOverrides{}
			for gate, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
				if !spec.LockToDefault && gate != "AllAlpha" && gate != "AllBeta" && spec.PreRelease != featuregate.Deprecated {
					overrides[gate] = value
				}
			}
			featuregatetesting.SetFeatureGatesDuringTest(t, utilfeature.DefaultFeatureGate, overrides)
			objects := Objects(t, Node("n", "8", "16Gi"), Devices("n", 1), DeviceClass("gpu"), DeviceTemplate("one-gpu", "gpu", 1),
				StorageClass("block", vpsieDriver), PVC("data", "block"), grouped,
				Pod("plain", "1", "1Gi", Mounts("data"), Spread(v1.LabelHostname, 1, "web"), Apart(v1.LabelHostname, "web"), Label("app", "web")))
			objects.PodGroups = append(objects.PodGroups, group)
			config, err := simulator.DefaultSchedulerConfig()
			require.NoError(t, err)
			c, err := simulator.New(t.Context(), objects, config)
			require.NoError(t, err)
			for _, pod := range c.Pending() {
				plugin, reason := c.Gated(pod)
				assert.Empty(t, plugin, reason)
				assert.Empty(t, Reasons(t, c, pod, "n"), pod.Name)
				c.Fork()
				Place(t, c, pod, "n")
				c.Revert()
				cycle, err := c.Cycle(pod)
				require.NoError(t, err)
				_, err = cycle.Best([]string{"n", "n"})
				require.NoError(t, err)
			}
		})
	}
}
