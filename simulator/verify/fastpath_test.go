package verify

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func verdict(status *fwk.Status) string {
	if status.IsSuccess() {
		return "fits"
	}
	return status.Plugin() + ": " + status.Message()
}

func place(t testing.TB, cluster *simulator.Cluster, pod *v1.Pod, node string) {
	t.Helper()
	cycle, err := cluster.Cycle(pod)
	require.NoError(t, err)
	require.NoError(t, cycle.Place(node))
}

// cluster builds the scenario's cluster with its added machines.
func (s *scenario) cluster(t testing.TB, config *simulator.SchedulerConfig) *simulator.Cluster {
	t.Helper()
	cluster, err := simulator.New(context.Background(), s.request.Objects, config)
	require.NoError(t, err)
	for _, spec := range s.request.Added {
		require.NoError(t, cluster.AddNode(spec))
	}
	return cluster
}

// Both clusters are filled pod by pod, and after each step every waiting pod is
// held against every node in both.
func TestHostnameFastPathGivesTheSameVerdicts(t *testing.T) {
	accepted, refused := 0, 0
	for seed := range 150 {
		r := seeded(seed)
		s := randomScenario(t, r, 9)
		plain := s.cluster(t, s.request.Config)
		fast := s.cluster(t, s.request.Config.WithHostnameFastPath())
		for i, placing := range plain.Pending() {
			var fits []string
			for j, pod := range plain.Pending() {
				if j < i {
					continue
				}
				want, err := plain.Cycle(pod)
				require.NoError(t, err)
				got, err := fast.Cycle(fast.Pending()[j])
				require.NoError(t, err)
				for _, node := range plain.NodeNames() {
					expected, actual := want.Filter(node), got.Filter(node)
					require.Equal(t, verdict(expected), verdict(actual), "seed %d step %d: %s on %s", seed, i, pod.Name, node)
					if expected.IsSuccess() {
						accepted++
					} else {
						refused++
					}
					if expected.IsSuccess() && j == i {
						fits = append(fits, node)
					}
				}
			}
			if len(fits) == 0 {
				continue
			}
			node := pick(r, fits)
			place(t, plain, placing, node)
			place(t, fast, fast.Pending()[i], node)
		}
	}
	assert.Greater(t, accepted, 2000, "the draw is too hostile to tell anything")
	assert.Greater(t, refused, 2000, "the draw is too friendly to tell anything")
}

// alonePlan is pods of which no two of one application share a machine.
func alonePlan(t testing.TB, pods, nodes int) *scenario {
	s := newScenario(t)
	for i := range nodes {
		s.add(machine(numbered("node", i), 64_000))
	}
	for i := range pods {
		application := fmt.Sprintf("app-%d", i/nodes)
		s.plan(numbered("node", i%nodes), numbered("pod", i), 100, app(application), simtest.Apart(v1.LabelHostname, application))
	}
	return s
}

func BenchmarkHostnameAntiAffinity(b *testing.B) {
	for _, fast := range []bool{false, true} {
		b.Run(fmt.Sprintf("fast-path=%t", fast), func(b *testing.B) {
			for _, nodes := range []int{250, 1000, 3000} {
				b.Run(fmt.Sprintf("alone/3000/%d", nodes), func(b *testing.B) {
					s := alonePlan(b, 3000, nodes)
					s.request.HostnameFastPath = fast
					s.request.ScoreOrderLimit = -1
					benchmarkVerify(b, s)
				})
			}
			for _, nodes := range []int{250, 1000} {
				b.Run(fmt.Sprintf("mixed/5000/%d", nodes), func(b *testing.B) {
					s := mixedPlan(b, 5000, nodes)
					s.request.HostnameFastPath = fast
					s.request.ScoreOrderLimit = -1
					benchmarkVerify(b, s)
				})
			}
		})
	}
}
