package offerings

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDefaultModel(t *testing.T) {
	for name, tc := range map[string]struct {
		cpu, memoryMiB, diskGiB             int64
		wantCPU, wantMemoryMiB, wantDiskGiB int64
	}{
		"one core and less than a GiB":    {1000, 512, 20, 940, 512 - 255 - 100, 18},
		"exactly a GiB enters the tiers":  {1000, 1024, 20, 940, 1024 - 256 - 100, 18},
		"half a core":                     {500, 2048, 20, 470, 2048 - 512 - 100, 18},
		"two cores, 4 GiB":                {2000, 4096, 80, 1930, 4096 - 1024 - 100, 72},
		"three cores, 6 GiB":              {3000, 6144, 80, 2925, 6144 - 1024 - 410 - 100, 72},
		"four cores, 8 GiB":               {4000, 8192, 160, 3920, 8192 - 1844 - 100, 144},
		"16 cores, 16 GiB":                {16000, 16384, 160, 15890, 16384 - 2663 - 100, 144},
		"64 cores, 256 GiB: the last two": {64000, 262144, 1000, 63770, 262144 - 2663 - 6882 - 2621 - 100, 900},
		"nothing left":                    {1000, 300, 10, 940, 0, 9},
	} {
		t.Run(name, func(t *testing.T) {
			got := DefaultAllocatableModel().Allocatable(Resources{MilliCPU: tc.cpu, MemoryBytes: tc.memoryMiB << 20, EphemeralBytes: tc.diskGiB << 30})
			assert.Equal(t, Resources{MilliCPU: tc.wantCPU, MemoryBytes: tc.wantMemoryMiB << 20, EphemeralBytes: tc.wantDiskGiB << 30, MaxPods: 110}, got)
		})
	}
}

func TestModelRoundsReservationsUp(t *testing.T) {
	got := DefaultAllocatableModel().Allocatable(Resources{MilliCPU: 1001, MemoryBytes: 4<<30 + 1, EphemeralBytes: 1<<30 + 1})
	assert.Equal(t, int64(1001-61), got.MilliCPU)
	assert.Equal(t, int64(4<<30+1-1025<<20-100<<20), got.MemoryBytes)
	assert.Equal(t, int64(1<<30+1-107374183), got.EphemeralBytes)
}

func TestModelKeepsWithinWhatIsSold(t *testing.T) {
	all := DefaultAllocatableModel()
	all.SystemReserved = Resources{MilliCPU: math.MaxInt64, MemoryBytes: 1 << 50, EphemeralBytes: 1 << 50}
	assert.Equal(t, Resources{MaxPods: 110}, all.Allocatable(Resources{MilliCPU: 1000, MemoryBytes: 1 << 30, EphemeralBytes: 1 << 30}))

	none := AllocatableModel{MaxPods: 7}
	sold := Resources{MilliCPU: 1, MemoryBytes: 2, EphemeralBytes: 3, MaxPods: 4, Extended: map[string]int64{"a.b/c": 5}}
	assert.Equal(t, sold, none.Allocatable(sold), "a model that reserves nothing")

	odd := AllocatableModel{CPUReserved: []Tier{{BasisPoints: 99_999}}, MemoryOverheadBasisPoints: -5}
	assert.Equal(t, Resources{MemoryBytes: math.MaxInt64}, odd.Allocatable(Resources{MilliCPU: math.MaxInt64, MemoryBytes: math.MaxInt64}),
		"a share is clamped to 0 and all")
	assert.Equal(t, Resources{}, odd.Allocatable(Resources{MilliCPU: -5, MemoryBytes: -5, EphemeralBytes: -5}))
}

func TestModelGrowsWithTheMachine(t *testing.T) {
	m := DefaultAllocatableModel()
	var last Resources
	for size := int64(1); size < 400; size++ {
		got := m.Allocatable(Resources{MilliCPU: 250 * size, MemoryBytes: size << 30, EphemeralBytes: size << 30})
		assert.Greater(t, got.MilliCPU, last.MilliCPU)
		assert.Greater(t, got.MemoryBytes, last.MemoryBytes)
		assert.Greater(t, got.EphemeralBytes, last.EphemeralBytes)
		last = got
	}
}

func TestCatalogueOverridesTheModel(t *testing.T) {
	parse := func(model string) (*Catalog, error) {
		return Parse("m.yaml", []byte(head+"allocatableModel:\n"+model+
			"offerings:\n- {name: a, capacity: {vcpus: 4, memory: 8Gi, disk: 100Gi}, pricePerHour: 1}\n"))
	}
	def := DefaultAllocatableModel().Allocatable(Resources{MilliCPU: 4000, MemoryBytes: 8 << 30, EphemeralBytes: 100 << 30})

	for name, tc := range map[string]struct {
		model  string
		change func(*Resources)
	}{
		"CPU tiers":                 {"  cpuReserved: [{upTo: 1, percent: 10}, {percent: 0.25}]\n", func(r *Resources) { r.MilliCPU = 4000 - 100 - 8 }},
		"no CPU reserved":           {"  cpuReserved: []\n", func(r *Resources) { r.MilliCPU = 4000 }},
		"tiers that end":            {"  cpuReserved: [{upTo: 500m, percent: 10}]\n", func(r *Resources) { r.MilliCPU = 3950 }},
		"memory tiers":              {"  memoryReserved: [{upTo: 2Gi, percent: 50}, {percent: 10}]\n", func(r *Resources) { r.MemoryBytes = (8192 - 1024 - 615 - 100) << 20 }},
		"a larger small machine":    {"  smallMemory: {below: 16Gi, reserved: 512Mi}\n", func(r *Resources) { r.MemoryBytes = (8192 - 512 - 100) << 20 }},
		"the system's own":          {"  systemReserved: {vcpus: 100m, memory: 200Mi, disk: 1Gi}\n", func(r *Resources) { r.MilliCPU -= 100; r.MemoryBytes -= 200 << 20; r.EphemeralBytes -= 1 << 30 }},
		"eviction thresholds":       {"  memoryEviction: 500Mi\n  diskEvictionPercent: 15\n", func(r *Resources) { r.MemoryBytes -= 400 << 20; r.EphemeralBytes = 85 << 30 }},
		"pods":                      {"  pods: 250\n", func(r *Resources) { r.MaxPods = 250 }},
		"overhead before the tiers": {"  memoryOverheadPercent: 50\n", func(r *Resources) { r.MemoryBytes = (4096 - 1024 - 100) << 20 }},
	} {
		t.Run(name, func(t *testing.T) {
			want := def
			tc.change(&want)
			c, err := parse(tc.model)
			require.NoError(t, err)
			assert.Equal(t, want, c.Offerings[0].Allocatable)
			assert.Equal(t, int64(8<<30), c.Offerings[0].Capacity.MemoryBytes, "what is sold stays")
		})
	}

	for name, tc := range map[string]struct{ model, want string }{
		"unknown field":            {"  cpuReserve: []\n", "m.yaml:7: allocatableModel.cpuReserve: unknown field; did you mean cpuReserved?"},
		"three decimals":           {"  memoryOverheadPercent: 1.562\n", "m.yaml:7: allocatableModel.memoryOverheadPercent: must be a percentage from 0 to 100 with at most two decimals, got 1.562"},
		"more than all":            {"  diskEvictionPercent: 101\n", "must be a percentage from 0 to 100"},
		"less than nothing":        {"  diskEvictionPercent: -1\n", "must be a percentage from 0 to 100"},
		"a tier without a percent": {"  cpuReserved: [{upTo: 1}]\n", "m.yaml:7: allocatableModel.cpuReserved[0].percent: is missing"},
		"an endless tier first":    {"  cpuReserved: [{percent: 1}, {percent: 2}]\n", "m.yaml:7: allocatableModel.cpuReserved[0].upTo: is missing; only the last tier has no end"},
		"tiers that fall":          {"  cpuReserved: [{upTo: 2, percent: 1}, {upTo: 2, percent: 2}]\n", "m.yaml:7: allocatableModel.cpuReserved[1].upTo: tiers must ascend"},
		"a negative reservation":   {"  systemReserved: {memory: -1Gi}\n", `m.yaml:7: allocatableModel.systemReserved.memory: must be between 0 and 64Ti, got "-1Gi"`},
		"no pods":                  {"  pods: 0\n", "m.yaml:7: allocatableModel.pods: must be between 1 and 10000, got 0"},
		"half of a small machine":  {"  smallMemory: {below: 1Gi}\n", "m.yaml:7: allocatableModel.smallMemory.reserved: is missing"},
		"all of it":                {"  cpuReserved: [{percent: 100}]\n", "offerings[0].capacity: nothing is left for pods"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(tc.model)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// The shared workloads were made with the same published formula by other
// means: their capacity must lead to their allocatable figures.
func TestModelAgreesWithPublishedWorkloads(t *testing.T) {
	data, err := os.ReadFile(sharedFile(t, "traces/manifests/base/offerings.json"))
	require.NoError(t, err)
	var entries []struct {
		Name                  string
		MilliCPU, MemoryBytes int64
		Capacity              Resources
	}
	require.NoError(t, json.Unmarshal(data, &entries))
	model := DefaultAllocatableModel()
	compared := 0
	for _, e := range entries {
		if e.Capacity.MilliCPU == 0 {
			continue
		}
		compared++
		got := model.Allocatable(e.Capacity)
		assert.Equal(t, e.MilliCPU, got.MilliCPU, e.Name)
		assert.Equal(t, e.MemoryBytes, got.MemoryBytes, e.Name)
	}
	assert.Greater(t, compared, 100)
}

// sharedFile is a file of the reference material beside the repository; the
// test is skipped where that is not there.
func sharedFile(t testing.TB, path string) string {
	t.Helper()
	file := filepath.Join("..", "..", "shared", filepath.FromSlash(path))
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the reference material %s is not beside this repository", path)
	}
	return file
}
