package offerings

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var small = Resources{MilliCPU: 1000, MemoryBytes: 2000, EphemeralBytes: 0, MaxPods: 10}

func TestNewCompletesAndSorts(t *testing.T) {
	dcs := []Datacenter{{ID: "b", Name: "Berlin"}, {ID: "a", Region: "r"}}
	list := []Offering{
		{Name: "y", Allocatable: small, PricePerHour: 2, Datacenters: []string{"b", "a"}, Unavailable: []string{"b"}},
		{Name: "x", Identifier: "id-x", Allocatable: small, Capacity: Resources{MilliCPU: 2000, MemoryBytes: 3000}, PricePerHour: 1, Datacenters: []string{"a"}},
	}
	c, err := New("test", dcs, list)
	require.NoError(t, err)
	assert.Equal(t, &Catalog{
		Name: "test", Currency: "USD",
		Datacenters: []Datacenter{{ID: "a", Name: "a", Region: "r"}, {ID: "b", Name: "Berlin"}},
		Offerings: []Offering{
			{Identifier: "id-x", Name: "x", Allocatable: small, Capacity: Resources{MilliCPU: 2000, MemoryBytes: 3000}, PricePerHour: 1, Datacenters: []string{"a"}},
			{Identifier: "y", Name: "y", Allocatable: small, Capacity: small, PricePerHour: 2, Datacenters: []string{"a", "b"}, Unavailable: []string{"b"}},
		},
	}, c)
	assert.Equal(t, []string{"b", "a"}, list[0].Datacenters, "the caller's slices stay as they were")
	assert.Empty(t, dcs[1].Name)
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Offering)
		want   string
	}{
		"no name":                       {func(o *Offering) { o.Name = "" }, `catalogue test: offering "": the name is empty`},
		"a name that is taken":          {func(o *Offering) { o.Name = "first" }, `offering "first": "first" is already the name or identifier of offering first`},
		"an identifier that is a name":  {func(o *Offering) { o.Identifier = "first" }, `offering "o": "first" is already the name or identifier of offering first`},
		"no price":                      {func(o *Offering) { o.PricePerHour = 0 }, "price must be greater than 0, got 0 $/h"},
		"a price that is no number":     {func(o *Offering) { o.PricePerHour = math.NaN() }, "price must be greater than 0, got NaN $/h"},
		"an infinite price":             {func(o *Offering) { o.PricePerHour = math.Inf(1) }, "price must be between 1e-06 and 10000 $/h, got +Inf"},
		"no memory":                     {func(o *Offering) { o.Allocatable.MemoryBytes = 0 }, "pods need some of each resource"},
		"no pods":                       {func(o *Offering) { o.Allocatable.MaxPods = 0 }, "pods need some of each resource"},
		"nowhere to be had":             {func(o *Offering) { o.Datacenters = nil }, "no datacenter has it"},
		"in an unknown datacenter":      {func(o *Offering) { o.Datacenters = []string{"ams2"} }, `unknown datacenter "ams2"; did you mean ams1?`},
		"unavailable where it is not":   {func(o *Offering) { o.Unavailable = []string{"fra1"} }, `unavailable in "fra1", where it does not exist`},
		"an identifier twice, not name": {func(o *Offering) { o.Identifier = "id-1" }, `"id-1" is already the name or identifier of offering first`},
	} {
		t.Run(name, func(t *testing.T) {
			o := Offering{Name: "o", Allocatable: small, PricePerHour: 1, Datacenters: []string{"ams1"}}
			first := o
			first.Name, first.Identifier = "first", "id-1"
			tc.change(&o)
			_, err := New("test", []Datacenter{{ID: "ams1"}, {ID: "fra1"}}, []Offering{first, o})
			require.ErrorContains(t, err, tc.want)
		})
	}
	_, err := New("test", []Datacenter{{ID: "a"}, {ID: "a"}}, nil)
	require.EqualError(t, err, `catalogue test: datacenter "a": the ID is empty or stated twice`)
	_, err = New("test", []Datacenter{{}}, nil)
	require.EqualError(t, err, `catalogue test: datacenter "": the ID is empty or stated twice`)
}

func TestLookups(t *testing.T) {
	c := Sample()
	for i := range c.Offerings {
		o := &c.Offerings[i]
		assert.Same(t, o, c.Offering(o.Name))
		assert.Same(t, o, c.ByIdentifier(o.Identifier))
		for _, key := range []string{o.Name, o.Identifier} {
			found, err := c.Lookup(key)
			require.NoError(t, err)
			assert.Same(t, o, found)
		}
	}
	assert.Nil(t, c.Offering("std-2c4"))
	assert.Nil(t, c.ByIdentifier("std-2c4g"), "a name is no identifier")
	assert.Equal(t, "eu-central", c.Datacenter("fra1").Region)
	assert.Nil(t, c.Datacenter("fra2"))

	_, err := c.Lookup("STD-4c8")
	require.EqualError(t, err, `catalogue sample has no offering "STD-4c8"; did you mean std-4c8g?`)
	_, err = c.Lookup("std-12c32g")
	require.EqualError(t, err, `catalogue sample has no offering "std-12c32g"; did you mean std-16c32g or std-12c24g or std-1c2g?`)
	_, err = c.Lookup("something else")
	require.EqualError(t, err, `catalogue sample has no offering "something else"`)
	_, err = c.Lookup(strings.Repeat("é", 1000))
	require.ErrorContains(t, err, "has no offering")
}

func TestOfferingAnswers(t *testing.T) {
	o := Offering{PricePerHour: 0.05, Datacenters: []string{"ams1", "fra1"}, Unavailable: []string{"fra1"}}
	assert.InDelta(t, 36, o.PricePerMonth(), 1e-9)
	assert.True(t, o.AvailableIn("ams1"))
	assert.False(t, o.AvailableIn("fra1"))
	assert.False(t, o.AvailableIn("nyc1"))
}

func TestWithPrice(t *testing.T) {
	c := Sample()
	before := c.Hash()
	for _, key := range []string{"std-4c8g", "sample-std-4c8g"} {
		changed, err := c.WithPrice(key, 0.001)
		require.NoError(t, err)
		assert.InDelta(t, 0.001, changed.Offering("std-4c8g").PricePerHour, 0)
		assert.NotEqual(t, before, changed.Hash())
		back, err := changed.WithPrice("std-4c8g", c.Offering("std-4c8g").PricePerHour)
		require.NoError(t, err)
		assert.Equal(t, c, back, "nothing else changed")
	}
	assert.Equal(t, before, c.Hash(), "the original stays")

	_, err := c.WithPrice("std-4c8", 1)
	require.ErrorContains(t, err, "did you mean std-4c8g")
	_, err = c.WithPrice("std-4c8g", math.NaN())
	require.EqualError(t, err, "offering std-4c8g: price must be greater than 0, got NaN $/h")
}

func TestWithout(t *testing.T) {
	c := Sample()
	n := len(c.Offerings)
	changed, err := c.Without("std-4c8g", "sample-mem-4c32g", "std-4c8g")
	require.NoError(t, err)
	assert.Len(t, changed.Offerings, n-2)
	assert.Nil(t, changed.Offering("std-4c8g"))
	assert.Nil(t, changed.Offering("mem-4c32g"))
	assert.Equal(t, Sample(), c, "the original stays")

	_, err = c.Without("std-4c8g", "mem-4c32")
	require.ErrorContains(t, err, `catalogue sample has no offering "mem-4c32"; did you mean mem-4c32g`)

	same, err := c.Without()
	require.NoError(t, err)
	assert.Equal(t, c, same)
}

func TestHashIgnoresOrderAndNames(t *testing.T) {
	entries := strings.Split(strings.TrimSpace(string(sampleYAML[strings.Index(string(sampleYAML), "- name: "):])), "\n- ")
	top := string(sampleYAML[:strings.Index(string(sampleYAML), "- name: ")])
	want := Sample().Hash()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		text := top
		for _, e := range entries {
			text += "- " + strings.TrimPrefix(e, "- ") + "\n"
		}
		text = strings.Replace(text, "[fra1, nyc1]", "[nyc1, fra1]", 3)
		text = strings.Replace(text, "name: Amsterdam 1", "name: Mokum", 1)
		c, err := Parse("elsewhere.yaml", []byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, c.Hash())
	}
}

func TestHashSeesWhatDecides(t *testing.T) {
	base := Sample().Hash()
	seen := map[string]string{base: "nothing"}
	for what, change := range map[string]func(*Catalog){
		"currency":    func(c *Catalog) { c.Currency = "EUR" },
		"region":      func(c *Catalog) { c.Datacenters[0].Region = "elsewhere" },
		"datacenter":  func(c *Catalog) { c.Datacenters = c.Datacenters[1:] },
		"price":       func(c *Catalog) { c.Offerings[3].PricePerHour += 1e-9 },
		"identifier":  func(c *Catalog) { c.Offerings[3].Identifier = "x" },
		"category":    func(c *Catalog) { c.Offerings[3].Category = "x" },
		"allocatable": func(c *Catalog) { c.Offerings[3].Allocatable.MemoryBytes-- },
		"capacity":    func(c *Catalog) { c.Offerings[3].Capacity.MemoryBytes-- },
		"devices":     func(c *Catalog) { c.Offerings[3].Allocatable.Extended = map[string]int64{"a.b/c": 1} },
		"places":      func(c *Catalog) { c.Offerings[3].Datacenters = []string{"ams1"} },
		"stock":       func(c *Catalog) { c.Offerings[3].Unavailable = []string{"ams1"} },
		"labels":      func(c *Catalog) { c.Offerings[3].Labels["a"] = "b" },
		"offerings":   func(c *Catalog) { c.Offerings = c.Offerings[1:] },
	} {
		c := Sample()
		change(c)
		hash := c.Hash()
		assert.NotContains(t, seen, hash, what)
		seen[hash] = what
	}
}
