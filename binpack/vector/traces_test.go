package vector

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
)

// tracesDir is where real workloads lie beside a checkout; they are not part of the project.
const tracesDir = "../../../shared/traces"

// loadTrace reads a workload as a packing problem: requests summed over containers against allocatable figures.
func loadTrace(t testing.TB, name string) *Problem {
	t.Helper()
	dir := filepath.Join(tracesDir, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs the workload %s in ../shared/traces: %v", name, err)
	}
	read := func(file string, into any) {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, into))
	}
	var pods []struct {
		Spec struct {
			Containers []struct {
				Resources struct {
					Requests map[string]resource.Quantity `json:"requests"`
				} `json:"resources"`
			} `json:"containers"`
		} `json:"spec"`
	}
	var offerings []struct {
		Name              string           `json:"name"`
		MilliCPU          int64            `json:"milliCPU"`
		MemoryBytes       int64            `json:"memoryBytes"`
		EphemeralBytes    int64            `json:"ephemeralBytes"`
		MaxPods           int64            `json:"maxPods"`
		PricePerHour      float64          `json:"pricePerHour"`
		ExtendedResources map[string]int64 `json:"extendedResources"`
	}
	read("pods.json", &pods)
	read("offerings.json", &offerings)

	dims := []string{"cpu", "memory", "ephemeral-storage", "pods"}
	for _, o := range offerings {
		for name := range o.ExtendedResources {
			if !slices.Contains(dims, name) {
				dims = append(dims, name)
			}
		}
	}
	sort.Strings(dims[4:])
	p := &Problem{Pools: []Pool{NoLimits()}}
	classOf := map[string]int{}
	for _, pod := range pods {
		size := make([]int64, len(dims))
		size[3] = 1
		for _, c := range pod.Spec.Containers {
			for name, q := range c.Resources.Requests {
				d := slices.Index(dims, name)
				require.GreaterOrEqual(t, d, 0, "resource %s", name)
				if d == 0 {
					size[d] += q.MilliValue()
				} else {
					size[d] += q.Value()
				}
			}
		}
		key, err := json.Marshal(size)
		require.NoError(t, err)
		c, ok := classOf[string(key)]
		if !ok {
			c = len(p.Classes)
			classOf[string(key)] = c
			p.Classes = append(p.Classes, Class{Size: size})
		}
		p.Classes[c].Demand++
	}
	for _, o := range offerings {
		capacity := []int64{o.MilliCPU, o.MemoryBytes, o.EphemeralBytes, o.MaxPods}
		for _, name := range dims[4:] {
			capacity = append(capacity, o.ExtendedResources[name])
		}
		p.Bins = append(p.Bins, Bin{Capacity: capacity, Price: o.PricePerHour, Count: NoLimit})
	}
	return p
}

func TestRealWorkloadsReachTheirPrice(t *testing.T) {
	for _, c := range []struct {
		name       string
		price, low float64 // $/h: at most, and the bound at least
	}{
		{"azure/dev-burst-5k", 247.24, 247.21},
		{"azure/replay-2d", 1291, 1290.6},
		{"openb/default", 11400, 11372},
		{"planted/plain-100", 110.5, 109.43},
		{"planted/plain-20", 18.75, 18.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := loadTrace(t, c.name)
			s, err := Solve(p, Budget{})
			require.NoError(t, err)
			requireFeasible(t, p, s)
			t.Logf("price %.3f bound %.3f proven %v rounds %d columns %d pivots %d nodes %d dives %d moves %d work %dM truncated %v",
				s.Price, s.LowerBound, s.BoundProven, s.Rounds, s.Columns, s.Pivots, s.Nodes, s.Dives, s.Moves, s.Work/1e6, s.Truncated)
			require.LessOrEqual(t, s.Price, c.price)
			require.GreaterOrEqual(t, s.LowerBound, c.low)
		})
	}
}

// packPublic solves the instances of vbp/public that keep selects and returns what they take and their known optima.
func packPublic(t testing.TB, keep func(items int) bool) (bins, optima int) {
	metas, err := filepath.Glob(filepath.Join(tracesDir, "vbp/public", "*", "meta.json"))
	require.NoError(t, err)
	if len(metas) == 0 {
		t.Skip("needs vbp/public in ../shared/traces")
	}
	for _, meta := range metas {
		name := filepath.Base(filepath.Dir(meta))
		var known struct {
			OptimumNodes int            `json:"optimumNodes"`
			Counts       map[string]int `json:"counts"`
		}
		raw, err := os.ReadFile(meta)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &known))
		if !keep(known.Counts["pods"]) {
			continue
		}
		p := loadTrace(t, filepath.Join("vbp/public", name))
		s, err := Solve(p, Budget{})
		require.NoError(t, err)
		requireFeasible(t, p, s)
		require.LessOrEqual(t, s.LowerBound, float64(known.OptimumNodes)+1e-6, name)
		bins, optima = bins+len(s.Bins), optima+known.OptimumNodes
	}
	return bins, optima
}

func TestSmallPublicVectorBinPackingInstances(t *testing.T) {
	bins, optima := packPublic(t, func(items int) bool { return items < 100 })
	t.Logf("%d bins, optima sum to %d", bins, optima)
	require.LessOrEqual(t, bins, optima+optima/100)
}
