//go:build unix

package binpack

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// cpuTime is what this process has used so far; other processes on the machine do
// not count.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkScaleUp reports the CPU of each stage, the price and the gap:
//
//	go test ./binpack -run - -bench ScaleUp/mix -benchtime 1x
func BenchmarkScaleUp(b *testing.B) {
	workloads := map[string]func(testing.TB) Request{
		"mix-5k":      func(t testing.TB) Request { return testRequest(t, simulator.Objects{Pods: upstreamMix(5000)}) },
		"zone-5k":     func(t testing.TB) Request { return testRequest(t, simulator.Objects{Pods: zoneSpread(5000)}) },
		"plain-20k":   func(t testing.TB) Request { return testRequest(t, simulator.Objects{Pods: plain(20_000)}) },
		"plain-100k":  func(t testing.TB) Request { return testRequest(t, simulator.Objects{Pods: plain(100_000)}) },
		"onto-1k":     ontoThousandNodes,
		"azure":       func(t testing.TB) Request { return loadTrace(t, "azure/dev-burst-5k") },
		"openb":       func(t testing.TB) Request { return loadTrace(t, "openb/default") },
		"planted-100": func(t testing.TB) Request { return loadTrace(t, "planted/plain-100") },
		"manifests":   func(t testing.TB) Request { return loadTrace(t, "manifests/base") },
		"spreading":   func(t testing.TB) Request { return loadTrace(t, "schedperf/TopologySpreading") },
	}
	for _, name := range sortedKeys(workloads) {
		b.Run(name, func(b *testing.B) {
			r := workloads[name](b)
			spent := map[string]time.Duration{}
			b.ReportAllocs()
			for b.Loop() {
				stage, at := "load", cpuTime()
				r.Stage = func(next string) {
					now := cpuTime()
					spent[stage] += now - at
					stage, at = next, now
				}
				p, err := ScaleUp(b.Context(), r)
				require.NoError(b, err)
				r.Stage("")
				b.ReportMetric(p.PricePerHour.Added, "$/h")
				b.ReportMetric(100*p.LowerBound.Gap, "%gap")
				b.ReportMetric(float64(len(p.Unschedulable)), "unschedulable")
			}
			for stage, used := range spent {
				b.ReportMetric(used.Seconds()/float64(b.N), stage+"-s/op")
			}
		})
	}
}

// ontoThousandNodes is 5,000 pending pods and 1,000 nodes that run 30,000.
func ontoThousandNodes(t testing.TB) Request {
	objects := simulator.Objects{Pods: plain(5000)}
	for i := range 1000 {
		name := fmt.Sprintf("node-%04d", i)
		objects.Nodes = append(objects.Nodes, simtest.Node(name, "16", "64Gi", simtest.Zone("z1")))
		for j := range 30 {
			pod := testPod(fmt.Sprintf("runs-%04d-%02d", i, j), 400, 1500)
			pod.Spec.NodeName, pod.Status.Phase = name, v1.PodRunning
			objects.Pods = append(objects.Pods, pod)
		}
	}
	return testRequest(t, objects)
}
