package learned

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

const gib = int64(1) << 30

func size(cores, gibibytes int64) offerings.Resources {
	return offerings.Resources{MilliCPU: 1000 * cores, MemoryBytes: gibibytes * gib, EphemeralBytes: 80 * gib, MaxPods: 110}
}

// seen is a machine of 2 cores and 8 GiB as sold that shows so many MiB.
func seen(machine string, mebibytes int64) Observation {
	shown := size(2, 8)
	shown.MemoryBytes = mebibytes << 20
	return Observation{Machine: machine, Time: time.Unix(1, 0).UTC(), Sold: size(2, 8), Capacity: shown, Allocatable: shown}
}

func shop(t *testing.T) *offerings.Catalog {
	t.Helper()
	c, err := offerings.New("shop", []offerings.Datacenter{{ID: "ams1"}}, []offerings.Offering{
		{Name: "std-2c8g", PricePerHour: 0.03, Capacity: size(2, 8), Allocatable: size(2, 7), Datacenters: []string{"ams1"}},
		{Name: "std-4c16g", PricePerHour: 0.06, Capacity: size(4, 16), Allocatable: size(4, 14), Datacenters: []string{"ams1"}},
	})
	require.NoError(t, err)
	return c
}

func TestWhichObservationsCount(t *testing.T) {
	for name, tc := range map[string]struct {
		shown []int64 // MiB, oldest first
		want  int64
	}{
		"one machine":                             {[]int64{7000}, 7000},
		"the least counts":                        {[]int64{7000, 6800, 6900}, 6800},
		"a first one that is far too small":       {[]int64{1000}, 1000},
		"an odd one among good ones":              {[]int64{7000, 7000, 1000, 7000}, 7000},
		"an odd one that has just come":           {[]int64{7000, 7000, 1000}, 7000},
		"odd and confirmed by the next":           {[]int64{7000, 7000, 7000, 1000, 1100}, 1000},
		"two that differ are both believed":       {[]int64{7000, 1000}, 1000},
		"what six machines ago showed is history": {[]int64{6000, 7000, 7000, 7000, 7000, 7000}, 7000},
	} {
		t.Run(name, func(t *testing.T) {
			o := observations{}
			for i, mebibytes := range tc.shown {
				assert.True(t, o.add("std-2c8g", seen(fmt.Sprint(i), mebibytes)))
			}
			c := shop(t)
			learned := o.learned(c).Apply(c)
			assert.Equal(t, tc.want<<20, learned.Offering("std-2c8g").Allocatable.MemoryBytes)
			assert.Equal(t, c.Offering("std-4c16g"), learned.Offering("std-4c16g"), "other offerings keep their estimate")
		})
	}
}

func TestAMachineCountsOnce(t *testing.T) {
	o := observations{}
	require.True(t, o.add("std-2c8g", seen("a", 7000)))
	require.False(t, o.add("std-2c8g", seen("a", 7000)), "nothing new")
	later := seen("a", 6000)
	later.Time = time.Unix(99, 0)
	require.True(t, o.add("std-2c8g", later))
	require.Len(t, o["std-2c8g"], 1)
	assert.Equal(t, int64(6000)<<20, o["std-2c8g"][0].Allocatable.MemoryBytes)
	assert.Equal(t, time.Unix(1, 0).UTC(), o["std-2c8g"][0].Time, "when it was first believed")
}

func TestAPlanSoldInAnotherSizeIsAnotherMachine(t *testing.T) {
	o := observations{}
	old := seen("a", 3000)
	old.Sold = size(2, 4)
	o.add("std-2c8g", old)
	c := shop(t)
	assert.Equal(t, c.Offering("std-2c8g").Allocatable, o.learned(c).Apply(c).Offering("std-2c8g").Allocatable)
}

func TestObservationsSurviveWriting(t *testing.T) {
	o := observations{}
	o.add("std-2c8g", seen("a", 7000))
	o.add("std-2c8g", seen("b", 6900))
	text, err := o.encode()
	require.NoError(t, err)
	again, err := decode(text)
	require.NoError(t, err)
	assert.Equal(t, o, again)
	empty, err := decode(`{"apiVersion":"` + offerings.APIVersion + `","kind":"ObservedAllocatable"}`)
	require.NoError(t, err)
	assert.NotNil(t, empty)
}

func written(t testing.TB, replace ...string) string {
	o := observations{}
	o.add("std-2c8g", seen("a", 7000))
	text, err := o.encode()
	require.NoError(t, err)
	changed := strings.NewReplacer(replace...).Replace(text)
	if len(replace) > 0 {
		require.NotEqual(t, text, changed)
	}
	return changed
}

func TestBrokenObservationsAreRefused(t *testing.T) {
	many := observations{"x": {}}
	for i := range 6 {
		many["x"] = append(many["x"], seen(fmt.Sprint(i), 7000))
	}
	tooMany, err := many.encode()
	require.NoError(t, err)
	twice, err := observations{"x": {seen("a", 7000), seen("a", 7000)}}.encode()
	require.NoError(t, err)
	for name, tc := range map[string]struct{ text, want string }{
		"empty":             {"", "unexpected end of JSON input"},
		"another kind":      {written(t, Kind, "LearnedAllocatable"), `want autoscaler.vpsie.com/v1alpha1 ObservedAllocatable, got "autoscaler.vpsie.com/v1alpha1" "LearnedAllocatable"`},
		"no machine":        {written(t, `"a"`, `""`), `offering "std-2c8g", observation 0: machine is empty`},
		"negative":          {written(t, fmt.Sprint(int64(7000)<<20), "-1"), "memoryBytes: each figure must be positive"},
		"more than it has":  {written(t, `"capacity": {`+"\n     \"milliCPU\": 2000", `"capacity": {`+"\n     \"milliCPU\": 1"), "milliCPU: allocatable 2000 is more than capacity 1"},
		"extended":          {written(t, `"allocatable": {`, `"allocatable": {"extended":{"nvidia.com/gpu":1},`), "extended resources are not learned"},
		"too many machines": {tooMany, "6 observations, at most 5 are kept"},
		"one twice":         {twice, `machine "a" was observed before`},
		"a megabyte":        {strings.Repeat(" ", 1<<20) + "{}", "1048578 bytes are too many"},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := decode(tc.text)
			require.ErrorContains(t, err, tc.want)
			assert.Nil(t, read)
		})
	}
}

// Whatever the ConfigMap holds: no panic, and what is accepted can be applied
// and is read back the same.
func FuzzDecode(f *testing.F) {
	f.Add(written(f))
	f.Add(written(f, "2000", "9223372036854775807"))
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		read, err := decode(text)
		if err != nil {
			require.Nil(t, read)
			return
		}
		c := shop(t)
		for _, o := range read.learned(c).Apply(c).Offerings {
			require.Positive(t, o.Allocatable.MemoryBytes)
			require.LessOrEqual(t, o.Allocatable.MemoryBytes, o.Capacity.MemoryBytes)
		}
		again, err := read.encode()
		require.NoError(t, err)
		second, err := decode(again)
		require.NoError(t, err)
		require.Equal(t, len(read), len(second))
	})
}
