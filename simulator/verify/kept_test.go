package verify

import (
	"context"
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// Clusters are filled at random with pods of a few specs, so that most cycles
// are kept ones; each says on every node what a fresh cycle says.
func TestKeptCyclesSayWhatFreshOnesSay(t *testing.T) {
	specs := [][]func(*v1.Pod){
		{simtest.Label("app", "a"), simtest.Apart(v1.LabelHostname, "a")},
		{simtest.Label("app", "b"), simtest.Together(v1.LabelTopologyZone, "b")},
		{simtest.Label("app", "c"), simtest.Together(v1.LabelHostname, "a")},
		{simtest.Label("app", "d"), simtest.Apart(v1.LabelTopologyZone, "e")},
		{simtest.Label("app", "e"), simtest.Apart(v1.LabelHostname, "b"), simtest.Together(v1.LabelTopologyZone, "e")},
		{simtest.Label("app", "e")},
		{simtest.Label("app", "a"), simtest.Spread(v1.LabelTopologyZone, 1, "a"), simtest.Together(v1.LabelTopologyZone, "b")},
	}
	kept := 0
	for seed := range 60 {
		random := rand.New(rand.NewSource(int64(seed)))
		var objects []runtime.Object
		for n := range 6 {
			objects = append(objects, simtest.Node(fmt.Sprintf("node-%d", n), "8", "32Gi", simtest.Zone(fmt.Sprintf("zone-%d", n%3))))
		}
		for i := range 40 {
			objects = append(objects, simtest.Pod(fmt.Sprintf("pod-%02d", i), "100m", "64Mi", specs[random.Intn(len(specs))]...))
		}
		config, err := simulator.DefaultSchedulerConfig()
		require.NoError(t, err)
		if seed%2 == 1 {
			config = config.WithHostnameFastPath()
		}
		cluster, err := simulator.New(context.Background(), simtest.Objects(t, objects...), config)
		require.NoError(t, err)
		cycles := newKeptCycles(cluster, nil)
		for _, pod := range cluster.Pending() {
			key, err := specKey(pod)
			require.NoError(t, err)
			before := cycles.bySpec[key]
			cycle, err := cycles.begin(pod)
			require.NoError(t, err)
			if before != nil && cycles.bySpec[key] == before {
				kept++
			}
			fresh, err := cluster.Cycle(pod)
			require.NoError(t, err)
			var fits []string
			for _, node := range cluster.NodeNames() {
				require.Equal(t, verdict(fresh.Filter(node)), verdict(cycle.Filter(node)), "seed %d: %s on %s", seed, pod.Name, node)
				if fresh.Filter(node).IsSuccess() {
					fits = append(fits, node)
				}
			}
			if len(fits) > 0 {
				node := fits[random.Intn(len(fits))]
				require.NoError(t, cycle.Place(node))
				cycles.note(pod, node)
			}
		}
	}
	require.Greater(t, kept, 300, "the test is about kept cycles")
}
