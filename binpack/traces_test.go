package binpack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// traces is where real workloads lie beside a checkout; they are not part of
// the project.
const traces = "../../shared/traces"

// traceMeta is what is known about a workload.
type traceMeta struct {
	OptimumNodes        int      `json:"optimumNodes"`
	OptimumCostPerHour  float64  `json:"optimumCostPerHour"`
	MinNodes            int      `json:"minNodes"`
	ExpectUnschedulable []string `json:"expectUnschedulable"`
}

func loadMeta(t testing.TB, name string) traceMeta {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(traces, name, "meta.json"))
	require.NoError(t, err)
	var meta traceMeta
	require.NoError(t, json.Unmarshal(data, &meta))
	return meta
}

func loadList[T any](t testing.TB, dir, name string) []T {
	var list []T
	data, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &list))
	return list
}

func loadTrace(t testing.TB, name string) Request {
	t.Helper()
	dir := filepath.Join(traces, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs the workload %s in ../shared/traces: %v", name, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "offerings.json"))
	require.NoError(t, err)
	catalog, err := offerings.ParseWorkloadOfferings("offerings.json", data)
	require.NoError(t, err)
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	objects := simulator.Objects{
		Nodes:                  loadList[*v1.Node](t, dir, "nodes.json"),
		Pods:                   loadList[*v1.Pod](t, dir, "pods.json"),
		DaemonSets:             loadList[*appsv1.DaemonSet](t, dir, "daemonsets.json"),
		PersistentVolumeClaims: loadList[*v1.PersistentVolumeClaim](t, dir, "pvcs.json"),
		StorageClasses:         loadList[*storagev1.StorageClass](t, dir, "storageclasses.json"),
		PriorityClasses:        loadList[*schedulingv1.PriorityClass](t, dir, "priorityclasses.json"),
		PodDisruptionBudgets:   loadList[*policyv1.PodDisruptionBudget](t, dir, "pdbs.json"),
	}
	for _, pod := range objects.Pods {
		if pod.Spec.SchedulerName == "" {
			pod.Spec.SchedulerName = v1.DefaultSchedulerName
		}
	}
	return Request{Objects: objects, Scheduler: config, Catalog: catalog}
}

// slow tests run with TRACES=1.
func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("TRACES") == "" {
		t.Skip("set TRACES=1 to run the long ones")
	}
}

func decideTrace(t *testing.T, name string) *plan.Plan {
	t.Helper()
	if testing.Short() {
		t.Skip("real workloads take seconds")
	}
	return decideValid(t, loadTrace(t, name))
}

// decideValid leaves the judgement to ScaleUp's own verification, which the
// other tests hold against the document.
func decideValid(t *testing.T, r Request) *plan.Plan {
	t.Helper()
	p, err := ScaleUp(t.Context(), r)
	require.NoError(t, err)
	require.NoError(t, plan.Validate(p))
	t.Logf("%d machines, %.4f $/h, bound %.4f (%s), gap %.3f %%, %d unschedulable, %s", len(p.Add), p.PricePerHour.Added,
		p.LowerBound.PricePerHour, p.LowerBound.Method, 100*p.LowerBound.Gap, len(p.Unschedulable), p.Placement)
	return p
}

// TestPricesOfWorkloads compares with the best price known, or with the optimum
// where the workload was made around one.
func TestPricesOfWorkloads(t *testing.T) {
	for _, test := range []struct {
		name   string
		best   float64
		factor float64
		slow   bool
	}{
		{name: "azure/dev-burst-5k", best: 247.24, factor: 1},
		{name: "openb/default", best: 11385.50, factor: 1},
		{name: "planted/plain-20", factor: 1.01},
		{name: "planted/plain-100", factor: 1.01, slow: true},
		{name: "planted/constrained-20", factor: 1.03, slow: true},
		{name: "azure/replay-2d", best: 1290.79, factor: 1.01, slow: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.slow {
				slow(t)
			}
			p := decideTrace(t, test.name)
			if test.best == 0 {
				test.best = loadMeta(t, test.name).OptimumCostPerHour
			}
			assert.Empty(t, p.Unschedulable)
			assert.LessOrEqual(t, p.PricePerHour.Added, test.best*test.factor)
			assert.LessOrEqual(t, p.LowerBound.PricePerHour, test.best)
		})
	}
}

// TestManifestsOfRealApplications: what nobody sells stays pending, everything
// else runs.
func TestManifestsOfRealApplications(t *testing.T) {
	for _, name := range []string{"manifests/base", "manifests/tenants6"} {
		t.Run(name, func(t *testing.T) {
			if name != "manifests/base" {
				slow(t)
			}
			p := decideTrace(t, name)
			got := []string{}
			for _, u := range p.Unschedulable {
				got = append(got, u.Pod)
			}
			assert.ElementsMatch(t, loadMeta(t, name).ExpectUnschedulable, got)
		})
	}
}

// TestVectorBinPackingInstances counts bins over all public instances: the best
// of some 350 published heuristic runs sums to 4299, the optima to 4159.
func TestVectorBinPackingInstances(t *testing.T) {
	slow(t)
	dirs, err := filepath.Glob(filepath.Join(traces, "vbp/public/*/meta.json"))
	require.NoError(t, err)
	if len(dirs) == 0 {
		t.Skip("needs the workloads vbp/public in ../shared/traces")
	}
	bins := 0
	for _, meta := range dirs {
		name := "vbp/public/" + filepath.Base(filepath.Dir(meta))
		p := decideValid(t, loadTrace(t, name))
		assert.GreaterOrEqual(t, len(p.Add), loadMeta(t, name).OptimumNodes, name)
		assert.Empty(t, p.Unschedulable, name)
		bins += len(p.Add)
	}
	t.Logf("%d bins", bins)
	assert.LessOrEqual(t, bins, 4299)
}

// TestUpstreamScaleUps are scheduler_perf's cases as pure scale-up.
func TestUpstreamScaleUps(t *testing.T) {
	slow(t)
	for _, name := range []string{"schedperf/TopologySpreading", "schedperf/SchedulingPodAffinity"} {
		t.Run(name, func(t *testing.T) {
			p := decideTrace(t, name)
			assert.Empty(t, p.Unschedulable)
			assert.Len(t, p.Add, loadMeta(t, name).MinNodes)
		})
	}
}

func TestFragmentedCluster(t *testing.T) {
	const name = "fragmented-1k"
	t.Run("with nothing pending buys nothing", func(t *testing.T) {
		p := decideTrace(t, name)
		assert.Empty(t, p.Add)
		assert.InDelta(t, 277.7227, p.PricePerHour.Before, 0.001)
	})
	t.Run("packed afresh", func(t *testing.T) {
		slow(t)
		r := loadTrace(t, name)
		r.Objects.Nodes = nil
		for _, pod := range r.Objects.Pods {
			pod.Spec.NodeName = ""
			pod.Status.Phase = v1.PodPending
		}
		p := decideValid(t, r)
		assert.Empty(t, p.Unschedulable)
		assert.LessOrEqual(t, p.PricePerHour.Added, 87.74*1.01)
	})
}
