package vector

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawApart makes a small problem of classes each of which has bins of its own, some of them existing machines. Without
// limits it can be solved exactly.
func drawApart(t *rapid.T, limits bool) *Problem {
	limit := func(name string, hi int) int {
		if !limits || rapid.IntRange(0, 2).Draw(t, name+"?") > 0 {
			return NoLimit
		}
		return rapid.IntRange(0, hi).Draw(t, name)
	}
	pool := func() Pool { return Pool{MaxBins: limit("maxBins", 4), MaxPrice: float64(limit("maxPrice", 20))} }
	p := &Problem{Pools: []Pool{pool(), pool()}}
	if limits {
		global := pool()
		p.Global = &global
	}
	classes := rapid.IntRange(1, 2).Draw(t, "classes")
	for c := range classes {
		p.Classes = append(p.Classes, Class{Size: []int64{rapid.Int64Range(0, 3).Draw(t, "size"), 1},
			Demand: rapid.IntRange(1, 6-2*classes).Draw(t, "demand"), MaxPerBin: rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "maxPerBin")})
		if rapid.IntRange(0, 3).Draw(t, "cap?") == 0 {
			p.Caps = append(p.Caps, Cap{Classes: []int{0, c}, Max: rapid.IntRange(0, 3).Draw(t, "max")})
		}
		if rapid.IntRange(0, 3).Draw(t, "require?") == 0 {
			p.Requires = append(p.Requires, Requirement{Class: c, AnyOf: []int{rapid.IntRange(0, c).Draw(t, "anyOf")}})
		}
	}
	for c := range p.Classes {
		for range rapid.IntRange(1, 3).Draw(t, "bins") {
			b := Bin{Capacity: []int64{rapid.Int64Range(0, 9).Draw(t, "capacity"), rapid.Int64Range(1, 4).Draw(t, "slots")},
				Price: float64(rapid.IntRange(1, 5).Draw(t, "price")), Rank: rapid.IntRange(0, 2).Draw(t, "rank"), Count: limit("count", 2),
				Pool: rapid.IntRange(0, 1).Draw(t, "pool"), Fits: make([]bool, classes)}
			b.Fits[c] = true
			if rapid.IntRange(0, 3).Draw(t, "existing") == 0 {
				b.Price, b.Count, b.Pool = 0, 1, NoLimit
				b.Held = rapid.SliceOfN(rapid.IntRange(0, 1), len(p.Caps), len(p.Caps)).Draw(t, "held")
				b.Meets = rapid.SliceOfN(rapid.Bool(), len(p.Requires), len(p.Requires)).Draw(t, "meets")
			}
			p.Bins = append(p.Bins, b)
		}
	}
	return p
}

// bestByCounting tries all numbers of bins of each kind, which is all that matters when no bin takes two classes.
func bestByCounting(p *Problem) merit {
	used, room := make([]int, len(p.Bins)), make([]int, len(p.Bins))
	classOf := make([]int, len(p.Bins))
	for k := range p.Bins {
		count := make([]int, len(p.Classes))
		for c := range p.Classes {
			for count[c] = 1; p.Bins[k].Fits[c] && count[c] <= p.Classes[c].Demand && loadAllowed(p, k, count); count[c]++ {
				room[k], classOf[k] = count[c], c
			}
			count[c] = 0
		}
	}
	best := merit{unplaced: math.MaxInt}
	var choose func(k int)
	choose = func(k int) {
		if k < len(p.Bins) {
			for used[k] = 0; used[k] == 0 || room[k] > 0 && used[k] <= p.Classes[classOf[k]].Demand && limitsAllow(p, used); used[k]++ {
				choose(k + 1)
			}
			used[k] = 0
			return
		}
		var m merit
		served := make([]int, len(p.Classes))
		for k, n := range used {
			served[classOf[k]] += n * room[k]
			if b := &p.Bins[k]; b.Pool != NoLimit {
				m.price, m.bins, m.rank = m.price+float64(n)*b.Price, m.bins+n, m.rank+n*b.Rank
			}
		}
		for c := range served {
			m.unplaced += max(0, p.Classes[c].Demand-served[c])
		}
		if m.better(best) {
			best = m
		}
	}
	choose(0)
	return best
}

func meritOf(p *Problem, s Solution) merit {
	m := merit{unplaced: unplacedOf(s), price: s.Price}
	for _, b := range s.Bins {
		if bin := &p.Bins[b.Kind]; bin.Pool != NoLimit {
			m.bins, m.rank = m.bins+1, m.rank+bin.Rank
		}
	}
	return m
}

func TestClassesWithBinsOfTheirOwnAreSolvedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawApart(t, false)
		s, err := Solve(p, Budget{})
		require.NoError(t, err)
		requireFeasible(t, p, s)
		require.Equal(t, bestByCounting(p), meritOf(p, s))
		require.Equal(t, s.Price, s.LowerBound, "the price is the bound")
		bound, proven, err := LowerBound(p, Budget{})
		require.NoError(t, err)
		require.InDelta(t, s.Price, bound, 1e-9)
		if len(s.Bins) > 0 {
			require.True(t, s.BoundProven)
			require.True(t, proven)
		}
	})
}

func TestLimitsAcrossPartsHoldAndBoundsStayBelow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawApart(t, true)
		s, err := Solve(p, Budget{})
		require.NoError(t, err)
		requireFeasible(t, p, s)
		cheapest, fewest := math.Inf(1), -1
		for n, price := range enumerate(p) {
			if fewest < 0 && !math.IsInf(price, 1) {
				fewest = n
			}
			if n <= unplacedOf(s) {
				cheapest = min(cheapest, price)
			}
		}
		require.GreaterOrEqual(t, unplacedOf(s), fewest)
		require.LessOrEqual(t, s.LowerBound, cheapest+1e-9, "the bound holds for as many items unserved")
		bound, _, err := LowerBound(p, Budget{})
		require.NoError(t, err)
		if fewest == 0 {
			require.LessOrEqual(t, bound, enumerate(p)[0]+1e-9)
		}
		q := shuffled(p, rapid.Uint64().Draw(t, "seed"))
		if p.Caps == nil && p.Requires == nil { // whose order bins refer to
			other, err := Solve(q, Budget{})
			require.NoError(t, err)
			require.Equal(t, meritOf(p, s), meritOf(q, other))
			require.Equal(t, s.LowerBound, other.LowerBound)
		}
	})
}

// own lets only class c of n into the bin.
func own(b Bin, c, n int) Bin {
	b.Fits = make([]bool, n)
	b.Fits[c] = true
	return b
}

// replicas is one Deployment spread over three zones, so that each zone's share is a class with bins of its own.
func replicas(perZone int) *Problem {
	p := &Problem{Pools: []Pool{NoLimits()}}
	for zone := range 3 {
		p.Classes = append(p.Classes, class(perZone, 1))
		for _, b := range []Bin{machine(0.0187, 1), machine(0.0722, 5), machine(0.0917, 7), machine(0.1444, 11)} {
			p.Bins = append(p.Bins, own(b, zone, 3))
		}
	}
	return p
}

func TestReplicasPerZoneAreBoughtForAtTheLeastPrice(t *testing.T) {
	s, err := Solve(replicas(12), Budget{})
	require.NoError(t, err)
	requireFeasible(t, replicas(12), s)
	require.InDelta(t, 3*(0.1444+0.0187), s.Price, 1e-9, "eleven and one is cheaper than seven and five")
	require.InDelta(t, s.Price, s.LowerBound, 1e-12)
	require.Zero(t, s.Rounds, "nothing is left to search for")
	require.Positive(t, s.Work)
}

func TestTiesOfExactPartsGoToFewerBinsThenToLowerRank(t *testing.T) {
	ranked := func(b Bin, rank int) Bin { b.Rank = rank; return b }
	p := &Problem{Pools: []Pool{NoLimits()}, Classes: []Class{class(6, 1)}, Bins: []Bin{
		ranked(machine(1, 1), 0), ranked(machine(3, 3), 2), ranked(machine(2, 2), 1), ranked(machine(4, 4), 6)}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.Equal(t, []UsedBin{{Kind: 1, Items: []ClassCount{{0, 3}}}, {Kind: 1, Items: []ClassCount{{0, 3}}}}, s.Bins,
		"two bins either way, with ranks 1 + 6 or 2 + 2")
}

func TestExistingMachinesTakeWhatTheyCanTheRoomiestFirst(t *testing.T) {
	p := &Problem{Pools: []Pool{NoLimits()}, Classes: []Class{class(7, 1)},
		Bins: []Bin{free(1), free(4), machine(3, 3), machine(2, 1), free(1)}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.Equal(t, []UsedBin{
		{Kind: 0, Items: []ClassCount{{0, 1}}}, {Kind: 1, Items: []ClassCount{{0, 4}}},
		{Kind: 3, Items: []ClassCount{{0, 1}}}, {Kind: 4, Items: []ClassCount{{0, 1}}}}, s.Bins)
	p.Classes[0].Demand = 4
	s, err = Solve(p, Budget{})
	require.NoError(t, err)
	require.Equal(t, []UsedBin{{Kind: 1, Items: []ClassCount{{0, 4}}}}, s.Bins)
	require.Zero(t, s.Price)
}

func TestWhatIsNotIndependentIsSearchedBesideTheExactParts(t *testing.T) {
	shared := Bin{Capacity: []int64{4}, Price: 1, Count: NoLimit, Fits: []bool{true, true, false}}
	p := &Problem{Pools: []Pool{{MinBins: 6, MaxBins: 50, MaxPrice: NoLimit}}, Classes: []Class{class(4, 3), class(4, 1), class(12, 1)},
		Bins: []Bin{shared, own(machine(5, 5), 2, 3), own(machine(7, 7), 2, 3), own(machine(10.5, 11), 2, 3), own(machine(1.25, 1), 2, 3)}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	require.InDelta(t, 4+10.5+1.25, s.Price, 1e-9)
	require.InDelta(t, s.Price, s.LowerBound, 1e-6)
	require.Len(t, s.Bins, 6, "the minimum is met by all together and needs no empty bin")
	bound, proven, err := LowerBound(p, Budget{})
	require.NoError(t, err)
	require.True(t, proven)
	require.InDelta(t, s.Price, bound, 1e-6)
}

// twoAndRest is two classes with bins of their own beside two that share some.
func twoAndRest(pool Pool) *Problem {
	p := &Problem{Pools: []Pool{pool}, Classes: []Class{class(4, 1), class(4, 2), class(2, 3), class(2, 1)}}
	for c := range 2 {
		p.Bins = append(p.Bins, own(machine(1, 2), c, 4), own(machine(9, 8), c, 4))
	}
	p.Bins = append(p.Bins, machine(1, 4))
	p.Bins[4].Fits = []bool{false, false, true, true}
	return p
}

func TestPartsThatBreakALimitTogetherAreSearchedAsOne(t *testing.T) {
	for _, c := range []struct {
		name  string
		pool  Pool
		price float64
		bins  int
		lack  int
		least float64 // of bounds
	}{
		{"nothing binds", Pool{MaxBins: 8, MaxPrice: 8}, 8, 8, 0, 8},
		{"fewer bins than the exact parts want", Pool{MaxBins: 5, MaxPrice: NoLimit}, 13, 5, 0, 8.01},
		{"less capacity than the parts want", Pool{MaxBins: NoLimit, MaxTotal: []int64{18}, MaxPrice: NoLimit}, 7, 7, 1, 6},
		{"less money than the parts want", Pool{MaxBins: NoLimit, MaxPrice: 7}, 7, 7, 1, 6},
		{"more bins than the parts want", Pool{MinBins: 10, MaxBins: NoLimit, MaxPrice: NoLimit}, 10, 10, 0, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := twoAndRest(c.pool)
			s, err := Solve(p, Budget{})
			require.NoError(t, err)
			requireFeasible(t, p, s)
			require.InDelta(t, c.price, s.Price, 1e-9)
			require.Len(t, s.Bins, c.bins)
			require.Equal(t, c.lack, unplacedOf(s))
			require.GreaterOrEqual(t, s.LowerBound, c.least-1e-6)
			bound, proven, err := LowerBound(p, Budget{})
			require.NoError(t, err)
			require.True(t, proven)
			require.GreaterOrEqual(t, bound, c.least-1e-6)
		})
	}
}

func TestTheRestLeavesWorkForTheWholeWhereLimitsMayBind(t *testing.T) {
	minimum, money, total := NoLimits(), NoLimits(), NoLimits()
	minimum.MinBins, money.MaxPrice, total.MaxTotal = 1, 100, []int64{100}
	for _, c := range []struct {
		name string
		pool Pool
		work int64
	}{
		{"no limits", NoLimits(), 1_000_000},
		{"as many bins as items", Pool{MaxBins: 12, MaxTotal: []int64{NoLimit}, MaxPrice: NoLimit}, 1_000_000},
		{"fewer bins than items", Pool{MaxBins: 11, MaxPrice: NoLimit}, 500_000},
		{"a minimum", minimum, 500_000},
		{"a limit on price", money, 500_000},
		{"a limit on capacity", total, 500_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &search{in: newInstance(twoAndRest(c.pool)), meter: newMeter(Budget{Work: 1_000_000}), regime: usual}
			s.parts = s.separate()
			require.Len(t, s.parts.exact, 2)
			s.withRest(func(rest *search) { require.InDelta(t, c.work, rest.meter.left(), 100) })
			require.InDelta(t, 1_000_000, s.meter.left(), 100)
		})
	}
}

func TestBoundOfPartsAllowsForItemsUnserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawApart(t, false)
		s := &search{in: newInstance(p), meter: newMeter(Budget{}), regime: usual}
		a := s.separate()
		if a == nil {
			t.Skip("nothing fits anywhere")
		}
		hopeless := 0
		for _, n := range s.in.hopeless {
			hopeless += n
		}
		cheapest := math.Inf(1)
		for u, price := range enumerate(p) {
			if cheapest = min(cheapest, price); u >= hopeless && !math.IsInf(cheapest, 1) {
				bound, _ := a.lowerBound(u - hopeless)
				require.LessOrEqual(t, bound, cheapest+1e-9, "with at most %d unserved", u)
			}
		}
	})
}

func TestABindingLimitLiftsTheBoundAboveThatOfTheParts(t *testing.T) {
	p := &Problem{Pools: []Pool{{MaxBins: 1, MaxPrice: NoLimit}}, Classes: []Class{class(4, 1)}, Bins: []Bin{machine(1, 1), machine(9, 4)}}
	bound, proven, err := LowerBound(p, Budget{})
	require.NoError(t, err)
	require.True(t, proven)
	require.InDelta(t, 9, bound, 1e-6)

	bound, proven, err = LowerBound(twoAndRest(Pool{MaxBins: 7, MaxPrice: NoLimit}), Budget{})
	require.NoError(t, err)
	require.True(t, proven)
	require.Greater(t, bound, 9.5, "the parts want eight bins for 8; to save one costs 5/3")
}

func TestTablesThatAreTooLargeAreSearchedFor(t *testing.T) {
	p := &Problem{Pools: []Pool{NoLimits()}, Classes: []Class{class(exactSteps/2, 2)}, Bins: []Bin{machine(3, 11), machine(2, 7)}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.Zero(t, s.Rounds)
	p.Classes[0].Demand++
	s, err = Solve(p, Budget{})
	require.NoError(t, err)
	require.Positive(t, s.Rounds)
	small, err := Solve(replicas(12), Budget{Work: 20})
	require.NoError(t, err)
	requireFeasible(t, replicas(12), small)
	require.Zero(t, unplacedOf(small))
	require.True(t, small.Truncated)
	require.Less(t, small.LowerBound, small.Price, "there was no work for the tables")
}

func TestKindsThatAreScarceAreLeftToTheSearch(t *testing.T) {
	p := &Problem{Pools: []Pool{NoLimits()}, Classes: []Class{class(6, 1)}, Bins: []Bin{
		{Capacity: []int64{3}, Price: 1, Count: 1}, {Capacity: []int64{2}, Price: 1, Count: 3}}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	require.InDelta(t, 3, s.Price, 1e-9)
	require.Zero(t, unplacedOf(s))
}
