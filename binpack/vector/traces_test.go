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

func TestPublicVectorBinPackingInstances(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(tracesDir, "vbp/public", "*", "meta.json"))
	if len(dirs) == 0 {
		t.Skip("needs vbp/public in ../shared/traces")
	}
	bins, optima, bounds := 0, 0, 0.0
	for _, meta := range dirs {
		name := filepath.Base(filepath.Dir(meta))
		var known struct {
			OptimumNodes int `json:"optimumNodes"`
		}
		raw, err := os.ReadFile(meta)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &known))
		p := loadTrace(t, filepath.Join("vbp/public", name))
		s, err := Solve(p, Budget{})
		require.NoError(t, err)
		requireFeasible(t, p, s)
		t.Logf("%-26s bins %3d optimum %3d bound %3.0f rounds %4d columns %5d pivots %5d dives %d moves %d work %dM", name,
			len(s.Bins), known.OptimumNodes, s.LowerBound, s.Rounds, s.Columns, s.Pivots, s.Dives, s.Moves, s.Work/1e6)
		require.LessOrEqual(t, s.LowerBound, float64(known.OptimumNodes)+1e-6)
		bins, optima, bounds = bins+len(s.Bins), optima+known.OptimumNodes, bounds+s.LowerBound
	}
	t.Logf("%d bins in all, optima sum to %d, bounds to %.0f", bins, optima, bounds)
	require.Less(t, bins, 4250, "the best of 350 published heuristics needs 4,299")
}
