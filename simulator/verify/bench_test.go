package verify

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
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
			s.plan(node, numbered("spread", i), 100, app("spread"+class), spread(v1.LabelTopologyZone, 1, "spread"+class))
		case 1:
			s.plan(node, numbered("alone", i), 100, app("alone"+class), avoids(v1.LabelHostname, "alone"+class))
		case 2:
			s.plan(node, numbered("beside", i), 100, app("beside"), joins(v1.LabelTopologyZone, "cache"))
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
			b.Run("plain/100000", func(b *testing.B) {
				s := plainPlan(b, 100_000)
				s.request.ScoreOrderLimit = limit
				benchmarkVerify(b, s)
			})
			for _, nodes := range []int{250, 1000} {
				b.Run(fmt.Sprintf("mixed/5000/%d", nodes), func(b *testing.B) {
					s := mixedPlan(b, 5000, nodes)
					s.request.ScoreOrderLimit = limit
					benchmarkVerify(b, s)
				})
			}
		})
	}
}
