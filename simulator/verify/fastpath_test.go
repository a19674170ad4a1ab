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
	for seed := range 100 {
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
	assert.Greater(t, accepted, 1000, "the draw is too hostile to tell anything")
	assert.Greater(t, refused, 1000, "the draw is too friendly to tell anything")
}

// Two nodes of one hostname are one domain to anti-affinity, which the fast path
// does not see; a node without the label is none at all.
func TestTheFastPathIsLeftWhereHostnamesAreNotNodes(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 1000), machine("b", 1000, label(v1.LabelHostname, "a")))
	s.plan("a", "one", 100, app("db"), simtest.Apart(v1.LabelHostname, "db"))
	s.plan("b", "two", 100, app("db"), simtest.Apart(v1.LabelHostname, "db"))
	s.request.HostnameFastPath = true

	assert.Equal(t, []Refusal{{name("two"), "b", "InterPodAffinity", "node(s) didn't match pod anti-affinity rules"}}, s.verify(t).Refused)

	delete(s.request.Added[1].Node.Labels, v1.LabelHostname)
	assert.False(t, fastPathFits(&s.request))
	s.request.Added[1].Node.Labels[v1.LabelHostname] = "b"
	assert.True(t, fastPathFits(&s.request))
	s.today(machine("c", 1000, label(v1.LabelHostname, "b")))
	assert.False(t, fastPathFits(&s.request))
}

// kube-scheduler overlooks that a nominated pod objects to this one when no
// placed pod does; the fast path would not. Both replays below must overlook it.
func TestTheFastPathHearsNoObjectionsThatTheSchedulerOverlooks(t *testing.T) {
	for _, fast := range []bool{false, true} {
		t.Run(fmt.Sprintf("pod outside the plan/fast-path=%t", fast), func(t *testing.T) {
			s := newScenario(t)
			s.request.HostnameFastPath = fast
			s.today(machine("old", 4000), machine("other", 4000))
			s.running("other", "loner", 100, simtest.Apart(v1.LabelHostname, "nobody"))
			s.pending(newPod("preemptor", 100, simtest.Apart(v1.LabelHostname, "web"), simtest.Nominated("old")))
			s.plan("old", "web", 100, app("web"))

			result := s.verify(t)

			assert.True(t, result.Nominated.Held())
			assert.True(t, result.ScoreOrder.Held(), "%+v", result.ScoreOrder)
		})
		t.Run(fmt.Sprintf("pod that moves/fast-path=%t", fast), func(t *testing.T) {
			s := newScenario(t)
			s.request.HostnameFastPath = fast
			s.today(machine("other", 100, zone("a")))
			s.running("other", "loner", 100, simtest.Apart(v1.LabelHostname, "nobody"))
			s.add(machine("a", 2000, zone("a")), machine("b", 2000, zone("b")), machine("c", 2000, zone("b")))
			for i, node := range []string{"a", "b", "a", "b"} {
				s.plan(node, numbered("web", i), 1000, app("web"), simtest.Spread(v1.LabelTopologyZone, 1, "web"))
			}
			s.plan("c", "aloof", 100, simtest.Apart(v1.LabelHostname, "web"))

			result := s.verify(t)

			assert.True(t, result.Feasible())
			assert.Contains(t, result.Nominated.Moved, Move{Pod: name("web-0000"), Planned: "a", Actual: "c"})
			assert.Equal(t, []string{"aloof"}, pendingNames(result.Nominated))
		})
	}
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
