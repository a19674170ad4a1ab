package offerings

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// node is what the status of a node says that lost this much memory to the
// balloon, in bytes, and whose kubelet reserves what the kubelet does by default.
func node(o *Offering, balloon int64) (capacity, allocatable Resources) {
	capacity = o.Capacity
	capacity.MemoryBytes -= balloon
	allocatable = capacity
	allocatable.MemoryBytes -= 100 << 20
	allocatable.EphemeralBytes = capacity.EphemeralBytes / 10 * 9
	return capacity, allocatable
}

func observe(t require.TestingT, l *Learned, o *Offering, balloon int64) {
	capacity, allocatable := node(o, balloon)
	require.NoError(t, l.Observe(o, capacity, allocatable))
}

func TestLearnedReplacesTheEstimate(t *testing.T) {
	c := Sample()
	o := c.Offering("std-4c8g")
	var l Learned
	assert.Equal(t, c, l.Apply(c), "nothing learned, nothing changed")

	observe(t, &l, o, 1<<30)
	got := l.Apply(c).Offering("std-4c8g")
	assert.Equal(t, int64(4000), got.Allocatable.MilliCPU, "up, where the kubelet reserves less than the model believed")
	assert.Equal(t, int64(7<<30-100<<20), got.Allocatable.MemoryBytes)
	assert.Equal(t, o.Capacity, got.Capacity, "what is sold stays")
	assert.NotEqual(t, c.Hash(), l.Apply(c).Hash())
	assert.Equal(t, Sample(), c, "the original stays")

	observe(t, &l, o, 2<<30)
	observe(t, &l, o, 0)
	assert.Equal(t, int64(6<<30-100<<20), l.Apply(c).Offering("std-4c8g").Allocatable.MemoryBytes, "the least of all nodes")
	seen, ok := l.Seen(o)
	require.True(t, ok)
	assert.Equal(t, int64(6<<30), seen.Capacity.MemoryBytes)
	assert.Equal(t, int64(8<<30), seen.Sold.MemoryBytes)

	for i := range c.Offerings {
		if other := &c.Offerings[i]; other.Name != o.Name {
			assert.Equal(t, other, l.Apply(c).Offering(other.Name))
		}
	}

	l.Forget(o.Name)
	assert.Equal(t, c, l.Apply(c))
}

func TestLearnedNeverRaisesAboveWhatIsSold(t *testing.T) {
	c := Sample()
	o := c.Offering("gpu-8c64g-1a")
	more := o.Capacity
	more.MemoryBytes, more.MilliCPU, more.MaxPods, more.EphemeralBytes = 1<<40, 1<<20, 250, 1<<50
	more.Extended = nil
	var l Learned
	require.NoError(t, l.Observe(o, more, more))
	assert.Equal(t, o.Capacity, l.Apply(c).Offering(o.Name).Allocatable, "devices are not learned")
}

func TestLearnedLowersAStatedAllocatable(t *testing.T) {
	c, err := Parse("a.yaml", []byte(twoOfferings))
	require.NoError(t, err)
	o := c.Offering("std-2c4g")
	var l Learned
	observe(t, &l, o, 1<<30)
	assert.Equal(t, int64(3000-1024-100)<<20, l.Apply(c).Offering("std-2c4g").Allocatable.MemoryBytes)
}

func TestLearnedStartsAnewWhenAnotherSizeIsSold(t *testing.T) {
	c := Sample()
	o := *c.Offering("std-4c8g")
	var l Learned
	observe(t, &l, &o, 4<<30)

	o.Capacity.MemoryBytes = 16 << 30
	_, known := l.Seen(&o)
	assert.False(t, known)
	observe(t, &l, &o, 0)
	seen, known := l.Seen(&o)
	assert.True(t, known)
	assert.Equal(t, int64(16<<30), seen.Capacity.MemoryBytes)
}

func TestObserveRefusesWhatIsNoReadyNode(t *testing.T) {
	c := Sample()
	o := c.Offering("std-4c8g")
	for name, tc := range map[string]struct {
		change func(capacity, allocatable *Resources)
		want   string
	}{
		"no allocatable yet":        {func(_, a *Resources) { *a = Resources{} }, "learn from a node of offering std-4c8g: milliCPU: each figure must be positive, got 4000 sold, 4000 capacity, 0 allocatable"},
		"no memory":                 {func(_, a *Resources) { a.MemoryBytes = 0 }, "memoryBytes: each figure must be positive"},
		"no disk yet":               {func(k, a *Resources) { k.EphemeralBytes, a.EphemeralBytes = 0, 0 }, "ephemeralBytes: each figure must be positive"},
		"no pods":                   {func(_, a *Resources) { a.MaxPods = -1 }, "maxPods: each figure must be positive"},
		"more usable than there is": {func(k, _ *Resources) { k.MemoryBytes = 1 << 30 }, "memoryBytes: allocatable 8485076992 is more than capacity 1073741824"},
	} {
		t.Run(name, func(t *testing.T) {
			var l Learned
			capacity, allocatable := node(o, 0)
			tc.change(&capacity, &allocatable)
			require.ErrorContains(t, l.Observe(o, capacity, allocatable), tc.want)
			assert.Equal(t, c, l.Apply(c))
		})
	}
	t.Run("a machine sold without a disk needs none", func(t *testing.T) {
		var l Learned
		require.NoError(t, l.Observe(&Offering{Name: "bin", Capacity: small}, small, small))
	})
}

func TestLearnedSurvivesARestart(t *testing.T) {
	c := Sample()
	var l, empty, restored Learned
	observe(t, &l, c.Offering("std-4c8g"), 1<<30)
	observe(t, &l, c.Offering("gpu-8c64g-1a"), 0)

	data, err := json.Marshal(&l)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &restored))
	assert.Equal(t, l, restored)
	again, err := json.Marshal(&restored)
	require.NoError(t, err)
	assert.Equal(t, string(data), string(again))

	data, err = json.Marshal(&empty)
	require.NoError(t, err)
	assert.JSONEq(t, `{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"LearnedAllocatable","offerings":{}}`, string(data))
	require.NoError(t, json.Unmarshal(data, &restored))
	assert.Equal(t, c, restored.Apply(c))
	observe(t, &restored, c.Offering("std-4c8g"), 0)
}

func TestLearnedRefusesBrokenState(t *testing.T) {
	const good = `{"milliCPU":1,"memoryBytes":1,"ephemeralBytes":1,"maxPods":1}`
	for name, tc := range map[string]struct{ text, want string }{
		"another kind":    {`{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"Plan"}`, `want autoscaler.vpsie.com/v1alpha1 LearnedAllocatable, got "autoscaler.vpsie.com/v1alpha1" "Plan"`},
		"another shape":   {`{"offerings":[]}`, "read what was learned of offerings: json: "},
		"not JSON":        {`{"offer`, "unexpected end of JSON input"},
		"negative memory": {`{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"LearnedAllocatable","offerings":{"a":{"sold":` + good + `,"capacity":` + good + `,"allocatable":{"milliCPU":1,"memoryBytes":-1,"ephemeralBytes":1,"maxPods":1}}}}`, `read what was learned of offering "a": memoryBytes: each figure must be positive, got 1 sold, 1 capacity, -1 allocatable`},
		"devices":         {`{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"LearnedAllocatable","offerings":{"a":{"sold":` + good + `,"capacity":` + good + `,"allocatable":{"milliCPU":1,"memoryBytes":1,"ephemeralBytes":1,"maxPods":1,"extended":{"a/b":0}}}}}`, `read what was learned of offering "a": extended resources are not learned`},
	} {
		t.Run(name, func(t *testing.T) {
			c := Sample()
			var l Learned
			observe(t, &l, c.Offering("std-4c8g"), 1<<30)
			before := l.Apply(c)
			require.ErrorContains(t, json.Unmarshal([]byte(tc.text), &l), tc.want)
			assert.Equal(t, before, l.Apply(c), "an error changes nothing")
		})
	}
}

// Whatever the order and however often, the same nodes teach the same.
func TestLearnedDependsOnNeitherOrderNorRepetition(t *testing.T) {
	c := Sample()
	rapid.Check(t, func(t *rapid.T) {
		type visit struct {
			offering int
			balloon  int64
		}
		visits := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) visit {
			return visit{rapid.IntRange(5, len(c.Offerings)-1).Draw(t, "offering"), rapid.Int64Range(0, 512<<20).Draw(t, "balloon")}
		}), 1, 12).Draw(t, "visits")
		var one, other Learned
		for _, v := range visits {
			observe(t, &one, &c.Offerings[v.offering], v.balloon)
		}
		for _, v := range rapid.Permutation(append(visits, visits...)).Draw(t, "order") {
			observe(t, &other, &c.Offerings[v.offering], v.balloon)
		}
		require.Equal(t, one, other)
		applied := one.Apply(c)
		for i := range applied.Offerings {
			o := applied.Offerings[i]
			require.LessOrEqual(t, o.Allocatable.MemoryBytes, o.Capacity.MemoryBytes)
			least := int64(math.MaxInt64)
			for _, v := range visits {
				if v.offering == i {
					least = min(least, o.Capacity.MemoryBytes-v.balloon-100<<20)
				}
			}
			if least < math.MaxInt64 {
				require.Equal(t, least, o.Allocatable.MemoryBytes)
			}
		}
	})
}
