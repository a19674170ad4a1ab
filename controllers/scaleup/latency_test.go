package scaleup_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// BenchmarkDecision measures, beside 1,000 nodes that run 30,000 pods on a real API
// server, the time from the end of the batch window until a burst of 50 pods is
// planned and written down as VPSieNodes:
//
//	go test ./controllers/scaleup -run - -bench Decision -benchtime 100x -timeout 30m
func BenchmarkDecision(b *testing.B) {
	const nodes, podsPerNode, burst = 1000, 30, 50
	cluster, err := plane.Start(b.Context(), plane.Options{Binaries: planetest.Binaries(b), NoControllerManager: true})
	require.NoError(b, err)
	b.Cleanup(cluster.Stop)
	require.NoError(b, cluster.InstallCRDs(b.Context()))
	w := worldOn(b, cluster)
	tasks := errgroup.Group{}
	tasks.SetLimit(32)
	for i := range nodes {
		tasks.Go(func() error {
			node := simtest.Node(fmt.Sprintf("node-%04d", i), "16", "64Gi", simtest.Zone("fra"))
			node.Labels[v1.LabelOSStable] = "linux"
			if err := w.client.Create(w.ctx, node); err != nil {
				return err
			}
			for j := range podsPerNode {
				runs := pod(fmt.Sprintf("runs-%04d-%02d", i, j), "530m", "1500Mi", func(p *v1.Pod) { p.Spec.NodeName = node.Name })
				if err := w.client.Create(w.ctx, runs); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(b, tasks.Wait())
	w.create(group("web", func(s *v1alpha1.NodeGroupSpec) { s.MaxNodes = 15_000 }))
	w.start()
	const duration = "vpsie_autoscaler_scaleup_decision_duration_seconds"
	var took []time.Duration
	machines := 0
	b.ResetTimer()
	for i := range b.N {
		for j := range burst {
			w.create(pod(fmt.Sprintf("burst-%04d-%02d", i, j), "1500m", "2Gi"))
		}
		before := w.sum(duration)
		w.eventually(func() string {
			if n := len(w.machines()); n == machines {
				return "no VPSieNodes yet"
			}
			return ""
		})
		w.eventually(func() string {
			if w.sum(duration) == before {
				return "the decision is not over"
			}
			return ""
		})
		took = append(took, time.Duration((w.sum(duration)-before)*float64(time.Second)))
		// The same again: the pods and their machines go.
		require.NoError(b, w.client.DeleteAllOf(w.ctx, &v1.Pod{}, client.InNamespace("default"), client.MatchingLabels{"app": "burst"}, client.GracePeriodSeconds(0)))
		for _, m := range w.machines() {
			require.NoError(b, w.client.Patch(w.ctx, &m, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))))
			require.NoError(b, w.client.Delete(w.ctx, &m))
		}
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "max-ms")
	b.ReportMetric(0, "ns/op")
}
