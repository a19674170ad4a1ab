package verify

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// plainPlan is pods without constraints, packed tight: 50 on each machine, of
// three sizes.
func plainPlan(t testing.TB, pods int) *scenario {
	s := newScenario(t)
	for i := range (pods + 49) / 50 {
		s.add(machine(numbered("node", i), 50*200+100))
	}
	for i := range pods {
		s.plan(numbered("node", i/50), numbered("pod", i), int64(100+100*(i%3)))
	}
	return s
}

// mixedPlan is pods of which each is of one of four kinds: spread over zones,
// at most one to a machine, beside a cache of the same zone, and plain; all
// with room to spare.
func mixedPlan(t testing.TB, pods, nodes int) *scenario {
	s := newScenario(t)
	zones := []string{"a", "b", "c"}
	for i := range nodes {
		s.add(machine(numbered("node", i), 64_000, zone(zones[i%3])))
	}
	for z, value := range zones {
		s.plan(numbered("node", z), "cache-"+value, 100, app("cache"))
	}
	for i := range pods {
		node := numbered("node", i%nodes)
		class := fmt.Sprintf("%d", i/nodes)
		switch (i / nodes) % 4 {
		case 0:
			s.plan(node, numbered("spread", i), 100, app("spread"+class), simtest.Spread(v1.LabelTopologyZone, 1, "spread"+class))
		case 1:
			s.plan(node, numbered("alone", i), 100, app("alone"+class), simtest.Apart(v1.LabelHostname, "alone"+class))
		case 2:
			s.plan(node, numbered("beside", i), 100, app("beside"), simtest.Together(v1.LabelTopologyZone, "cache"))
		default:
			s.plan(node, numbered("plain", i), 100)
		}
	}
	return s
}

func benchmarkVerify(b *testing.B, s *scenario) {
	b.Helper()
	start := cpuSeconds(b)
	for b.Loop() {
		result, err := Verify(context.Background(), s.request)
		require.NoError(b, err)
		require.Empty(b, result.Refused)
		b.ReportMetric(float64(result.FilterCalls), "filters")
		b.ReportMetric(float64(len(result.Nominated.Moved)+len(result.Nominated.Pending)), "slipped")
	}
	b.ReportMetric((cpuSeconds(b)-start)/float64(b.N), "cpu-s/op")
}

// cpuSeconds is the time that this process has spent on all cores: on a shared
// machine the wall clock says little.
func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func BenchmarkVerify(b *testing.B) {
	for _, searches := range []bool{false, true} {
		limit := -1
		if searches {
			limit = 0
		}
		b.Run(fmt.Sprintf("score-order=%t", searches), func(b *testing.B) {
			for _, pods := range []int{1000, 100_000} {
				b.Run(fmt.Sprintf("plain/%d", pods), func(b *testing.B) {
					s := plainPlan(b, pods)
					s.request.ScoreOrderLimit = limit
					benchmarkVerify(b, s)
				})
			}
			for _, nodes := range []int{25, 250, 1000} {
				b.Run(fmt.Sprintf("mixed/%d/%d", min(5000, 40*nodes), nodes), func(b *testing.B) {
					s := mixedPlan(b, min(5000, 40*nodes), nodes)
					s.request.ScoreOrderLimit = limit
					s.request.HostnameFastPath = true
					benchmarkVerify(b, s)
				})
			}
		})
	}
}

// clumpedPlan has 20 pods of one spread application on each machine, which
// nominations cannot hold: each pod is refused for the others to come.
func clumpedPlan(t testing.TB, pods, nodes int) *scenario {
	s := newScenario(t)
	zones := []string{"a", "b", "c"}
	for i := range nodes {
		s.add(machine(numbered("node", i), 64_000, zone(zones[i%3])))
	}
	for i := range pods {
		class := fmt.Sprintf("%d", i/nodes/20)
		s.plan(numbered("node", i%nodes), numbered("pod", i), 100, app(class), simtest.Spread(v1.LabelTopologyZone, 1, class))
	}
	return s
}

func BenchmarkVerifyOfAPlanThatNominationsBreak(b *testing.B) {
	for _, nodes := range []int{24, 240} {
		b.Run(fmt.Sprintf("clumped/%d/%d", 20*nodes, nodes), func(b *testing.B) {
			s := clumpedPlan(b, 20*nodes, nodes)
			s.request.ScoreOrderLimit = 0
			benchmarkVerify(b, s)
		})
	}
}
