package vector

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine is a kind of bin that can be bought without limit from pool 0.
func machine(price float64, capacity ...int64) Bin {
	return Bin{Capacity: capacity, Price: price, Count: NoLimit}
}

// free is an existing machine.
func free(capacity ...int64) Bin {
	return Bin{Capacity: capacity, Count: 1, Pool: NoLimit}
}

func class(demand int, size ...int64) Class { return Class{Size: size, Demand: demand} }

func TestSolve(t *testing.T) {
	one := []Pool{NoLimits()}
	limited := func(change func(*Pool)) []Pool {
		l := NoLimits()
		change(&l)
		return []Pool{l}
	}
	for _, c := range []struct {
		name     string
		problem  Problem
		price    float64
		bins     int
		unplaced int
	}{
		{"nothing to do", Problem{Pools: one, Bins: []Bin{machine(1, 4)}}, 0, 0, 0},
		{"nothing to buy", Problem{Pools: one, Classes: []Class{class(3, 1)}}, 0, 0, 3},
		{"the larger machine is cheaper per item", Problem{Pools: one, Classes: []Class{class(8, 1)},
			Bins: []Bin{machine(1, 1), machine(3, 4)}}, 6, 2, 0},
		{"two dimensions that complement each other share machines", Problem{Pools: one,
			Classes: []Class{class(4, 3, 1), class(4, 1, 3)}, Bins: []Bin{machine(1, 4, 4)}}, 4, 4, 0},
		{"an existing machine is used before one is bought", Problem{Pools: one, Classes: []Class{class(3, 2)},
			Bins: []Bin{free(4), machine(1, 2)}}, 1, 2, 0},
		{"what fits nowhere is handed back, the rest is served", Problem{Pools: one,
			Classes: []Class{class(2, 9), class(2, 1)}, Bins: []Bin{machine(1, 4)}}, 1, 1, 2},
		{"a cap per bin spreads items", Problem{Pools: one, Classes: []Class{{Size: []int64{1}, Demand: 3, MaxPerBin: 1}},
			Bins: []Bin{machine(1, 4), machine(0.6, 1)}}, 1.8, 3, 0},
		{"a joint cap counts both classes", Problem{Pools: one, Classes: []Class{class(2, 1), class(2, 1)},
			Caps: []Cap{{Classes: []int{0, 1}, Max: 2}}, Bins: []Bin{machine(1, 9)}}, 2, 2, 0},
		{"a joint cap counts what an existing machine holds", Problem{Pools: one, Classes: []Class{class(2, 1)},
			Caps: []Cap{{Classes: []int{0}, Max: 2}},
			Bins: []Bin{{Capacity: []int64{9}, Count: 1, Pool: NoLimit, Held: []int{1}}, machine(1, 9)}}, 1, 2, 0},
		{"classes in conflict do not meet", Problem{Pools: one, Classes: []Class{class(2, 1), class(2, 1)},
			Conflicts: [][2]int{{0, 1}}, Bins: []Bin{machine(1, 9)}}, 2, 2, 0},
		{"a class in conflict with itself is alone", Problem{Pools: one, Classes: []Class{class(3, 1)},
			Conflicts: [][2]int{{0, 0}}, Bins: []Bin{machine(1, 9)}}, 3, 3, 0},
		{"a follower lies where its leader does", Problem{Pools: one, Classes: []Class{class(2, 1), class(2, 3)},
			Requires: []Requirement{{Class: 0, AnyOf: []int{1}}}, Bins: []Bin{machine(1, 1), machine(3, 4)}}, 6, 2, 0},
		{"a follower without a leader stays", Problem{Pools: one, Classes: []Class{class(2, 1), class(0, 1)},
			Requires: []Requirement{{Class: 0, AnyOf: []int{1}}}, Bins: []Bin{machine(1, 4)}}, 0, 0, 2},
		{"an existing machine meets a requirement", Problem{Pools: one, Classes: []Class{class(2, 1)},
			Requires: []Requirement{{Class: 0}},
			Bins:     []Bin{{Capacity: []int64{9}, Count: 1, Pool: NoLimit, Meets: []bool{true}}, machine(1, 9)}}, 0, 1, 0},
		{"a bin serves only classes that it fits", Problem{Pools: one, Classes: []Class{class(1, 1), class(1, 1)},
			Bins: []Bin{{Capacity: []int64{4}, Price: 1, Count: NoLimit, Fits: []bool{true, false}}, machine(2, 1)}}, 3, 2, 0},
		{"a count limits the cheap kind", Problem{Pools: one, Classes: []Class{class(3, 4)},
			Bins: []Bin{{Capacity: []int64{4}, Price: 1, Count: 2}, machine(3, 4)}}, 5, 3, 0},
		{"a full pool leaves items unserved", Problem{Pools: limited(func(l *Pool) { l.MaxBins = 2 }), Classes: []Class{class(3, 4)},
			Bins: []Bin{machine(1, 4)}}, 2, 2, 1},
		{"a limit on bins favours large ones", Problem{Pools: limited(func(l *Pool) { l.MaxBins = 1 }), Classes: []Class{class(4, 1)},
			Bins: []Bin{machine(1, 1), machine(9, 4)}}, 9, 1, 0},
		{"a limit on capacity favours small ones", Problem{Pools: limited(func(l *Pool) { l.MaxTotal = []int64{5} }), Classes: []Class{class(5, 1)},
			Bins: []Bin{machine(1, 4), machine(1, 1)}}, 2, 2, 0},
		{"a limit on price stops buying", Problem{Pools: limited(func(l *Pool) { l.MaxPrice = 2.5 }), Classes: []Class{class(4, 1)},
			Bins: []Bin{machine(1, 1)}}, 2, 2, 2},
		{"a limit in a dimension nobody asks for still holds", Problem{Pools: limited(func(l *Pool) { l.MaxTotal = []int64{NoLimit, 8} }),
			Classes: []Class{class(3, 1, 0)}, Bins: []Bin{machine(1, 1, 4)}}, 2, 2, 1},
		{"the global limit spans pools", Problem{Pools: []Pool{NoLimits(), NoLimits()},
			Global: &Pool{MaxBins: 2, MaxPrice: NoLimit}, Classes: []Class{class(3, 4)},
			Bins: []Bin{machine(1, 4), {Capacity: []int64{4}, Price: 1, Count: NoLimit, Pool: 1}}}, 2, 2, 1},
		{"existing machines count against no limit", Problem{Pools: limited(func(l *Pool) { l.MaxBins = 1 }),
			Global: &Pool{MaxBins: 1, MaxPrice: NoLimit}, Classes: []Class{class(3, 4)},
			Bins: []Bin{free(4), free(4), machine(1, 4)}}, 1, 3, 0},
		{"a minimum is bought though nothing needs it", Problem{Pools: limited(func(l *Pool) { l.MinBins = 3 }), Classes: []Class{class(1, 1)},
			Bins: []Bin{machine(1, 4), machine(5, 9)}}, 3, 3, 0},
		{"a global minimum takes the cheapest pool", Problem{Pools: []Pool{NoLimits(), NoLimits()},
			Global:  &Pool{MaxBins: NoLimit, MinBins: 2, MaxPrice: NoLimit},
			Classes: []Class{class(0, 1)}, Bins: []Bin{machine(2, 1), {Capacity: []int64{1}, Price: 1, Count: NoLimit, Pool: 1}}}, 2, 2, 0},
		{"a minimum that limits forbid is met as far as they allow", Problem{
			Pools: []Pool{{MinBins: 3, MaxBins: NoLimit, MaxPrice: 2}}, Classes: []Class{class(1, 1)}, Bins: []Bin{machine(1, 1)}}, 2, 2, 0},
		{"equal prices go to fewer bins", Problem{Pools: one, Classes: []Class{class(4, 1)},
			Bins: []Bin{machine(1, 1), machine(4, 4)}}, 4, 1, 0},
		{"items without size share one machine", Problem{Pools: one, Classes: []Class{class(7, 0)}, Bins: []Bin{machine(1, 1)}}, 1, 1, 0},
		{"an overcommitted machine takes only what asks for none of it", Problem{Pools: one, Classes: []Class{class(1, 0, 1), class(1, 1, 1)},
			Bins: []Bin{free(-2, 5), machine(1, 1, 1)}}, 1, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Solve(&c.problem, Budget{})
			require.NoError(t, err)
			requireFeasible(t, &c.problem, s)
			require.InDelta(t, c.price, s.Price, 1e-9)
			require.Len(t, s.Bins, c.bins)
			require.Equal(t, c.unplaced, unplacedOf(s))
		})
	}
}

func TestLowerRankWinsAmongEqualPrices(t *testing.T) {
	p := &Problem{Pools: []Pool{NoLimits()}, Classes: []Class{class(2, 1)}, Bins: []Bin{
		{Capacity: []int64{2}, Price: 1, Count: NoLimit, Rank: 2},
		{Capacity: []int64{2}, Price: 1, Count: NoLimit, Rank: 1},
		{Capacity: []int64{2}, Price: 1, Count: NoLimit, Rank: 3}}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.Equal(t, []UsedBin{{Kind: 1, Items: []ClassCount{{0, 2}}}}, s.Bins)
}

func TestEqualBinsAndClassesAreDealtInOrder(t *testing.T) {
	p := &Problem{Classes: []Class{class(1, 2), class(2, 2), class(0, 2)}, Bins: []Bin{free(2), free(2), free(2), free(2)}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.Equal(t, []UsedBin{
		{Kind: 0, Items: []ClassCount{{0, 1}}},
		{Kind: 1, Items: []ClassCount{{1, 1}}},
		{Kind: 2, Items: []ClassCount{{1, 1}}}}, s.Bins)
	require.Equal(t, []int{0, 0, 0}, s.Unplaced)
	require.Zero(t, s.Price)
}

func TestManyFreeMachinesAreFilledBeforeBuying(t *testing.T) {
	p := ontoExisting(600, 12, 100)
	s, err := Solve(p, Budget{Work: 20_000_000})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	without := *p
	without.Bins = p.Bins[:144]
	alone, err := Solve(&without, Budget{Work: 20_000_000})
	require.NoError(t, err)
	require.Less(t, s.Price, alone.Price)
	require.True(t, s.BoundProven)
	require.LessOrEqual(t, s.Price, s.LowerBound+0.15*alone.Price)
}

func TestFreeMachinesThatHoldEverythingCostNothing(t *testing.T) {
	p := ontoExisting(200, 10, 400)
	s, err := Solve(p, Budget{Work: 20_000_000})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	require.Zero(t, s.Price)
	require.Zero(t, unplacedOf(s))
}

func TestThousandsOfDistinctSizesStayNearTheBound(t *testing.T) {
	p := synthetic(1000, 1000, 60)
	s, err := Solve(p, Budget{Work: 20_000_000})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	require.LessOrEqual(t, s.Price, 1.03*s.LowerBound)
}

func TestDistinctSizesOntoManyFreeMachines(t *testing.T) {
	p := ontoExisting(700, 700, 60)
	s, err := Solve(p, Budget{Work: 20_000_000})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	without := *p
	without.Bins = p.Bins[:144]
	alone, err := Solve(&without, Budget{Work: 20_000_000})
	require.NoError(t, err)
	require.Less(t, s.Price, alone.Price)
}

func TestFewShapesReachTheBound(t *testing.T) {
	p := synthetic(20_000, 10, 144)
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	require.LessOrEqual(t, s.Price, 1.001*s.LowerBound)
	require.False(t, s.Truncated)
}

func TestASmallBudgetTruncatesAndStillServes(t *testing.T) {
	p := synthetic(500, 50, 60)
	s, err := Solve(p, Budget{Work: 1000})
	require.NoError(t, err)
	requireFeasible(t, p, s)
	require.True(t, s.Truncated)
	require.Zero(t, unplacedOf(s))
	better, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.Less(t, better.Price, s.Price)
}

func TestPricesInWholeUnitsLiftTheBound(t *testing.T) {
	// Three items of 2 in bins of 3: the resource sum is 2 bins, the linear relaxation 3 halves of …, three are needed.
	p := &Problem{Pools: []Pool{NoLimits()}, Classes: []Class{class(5, 2)}, Bins: []Bin{machine(3, 5)}}
	s, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.InDelta(t, 9, s.Price, 1e-9)
	require.InDelta(t, 9, s.LowerBound, 1e-6, "2.5 machines of price 3 can only be 3")
}

// What is left when every class is hopeless and nothing is for sale.
func TestLimitsOnNothing(t *testing.T) {
	for _, p := range []Problem{
		{Pools: []Pool{NoLimits(), {MaxBins: NoLimit, MaxPrice: NoLimit, MaxTotal: []int64{7, NoLimit}}}},
		{Global: &Pool{MaxBins: 3, MaxPrice: NoLimit, MaxTotal: []int64{7}}},
	} {
		solution, err := Solve(&p, Budget{})
		require.NoError(t, err)
		require.Empty(t, solution.Bins)
		require.Zero(t, solution.Price)
	}
}

func TestValidate(t *testing.T) {
	good := func() *Problem {
		return &Problem{Pools: []Pool{NoLimits()}, Classes: []Class{class(1, 1, 1)}, Bins: []Bin{machine(1, 2, 2)},
			Caps: []Cap{{Classes: []int{0}, Max: 1}}, Requires: []Requirement{{Class: 0, AnyOf: []int{0}}}}
	}
	require.NoError(t, good().Validate())
	for _, c := range []struct {
		change func(*Problem)
		want   string
	}{
		{func(p *Problem) { p.Classes[0].Size = []int64{1, -1} }, "class 0: size: dimension 1: -1 is out of range"},
		{func(p *Problem) { p.Classes[0].Demand = -1 }, "class 0: demand -1 is out of range"},
		{func(p *Problem) { p.Classes[0].MaxPerBin = -1 }, "class 0: maxPerBin -1 is negative"},
		{func(p *Problem) { p.Bins[0].Capacity = []int64{1} }, "bin 0: capacity: has 1 dimensions, expected 2"},
		{func(p *Problem) { p.Bins[0].Capacity[0] = math.MaxInt64 }, "bin 0: capacity: dimension 0: 9223372036854775807 is out of range"},
		{func(p *Problem) { p.Bins[0].Price = math.NaN() }, "bin 0: price NaN is not a finite number ≥ 0"},
		{func(p *Problem) { p.Bins[0].Price = -1 }, "bin 0: price -1 is not a finite number ≥ 0"},
		{func(p *Problem) { p.Bins[0].Count = -2 }, "bin 0: count -2 is out of range"},
		{func(p *Problem) { p.Bins[0].Fits = []bool{} }, "bin 0: fits has 0 entries for 1 classes"},
		{func(p *Problem) { p.Bins[0].Pool = 1 }, "bin 0: pool 1 does not exist, there are 1"},
		{func(p *Problem) { p.Bins[0].Held = []int{1, 2} }, "bin 0: held has 2 entries for 1 caps"},
		{func(p *Problem) { p.Bins[0].Meets = []bool{} }, "bin 0: meets has 0 entries for 1 requirements"},
		{func(p *Problem) { p.Pools[0].MaxBins = -2 }, "pool 0: maxBins -2 is out of range"},
		{func(p *Problem) { p.Pools[0].MinBins = -1 }, "pool 0: minBins -1 is negative"},
		{func(p *Problem) { p.Pools[0].MaxBins, p.Pools[0].MinBins = 1, 2 }, "pool 0: minBins 2 is above maxBins 1"},
		{func(p *Problem) { p.Pools[0].MaxPrice = -3 }, "pool 0: maxPrice -3 is not a price or NoLimit"},
		{func(p *Problem) { p.Pools[0].MaxTotal = []int64{-2, 0} }, "pool 0: maxTotal: dimension 0: -2 is out of range"},
		{func(p *Problem) { p.Global = &Pool{MaxBins: -5} }, "global pool: maxBins -5 is out of range"},
		{func(p *Problem) { p.Conflicts = [][2]int{{0, 1}} }, "conflict 0: names class 0 or 1, there are 1"},
		{func(p *Problem) { p.Requires[0].AnyOf[0] = 7 }, "requirement 0: names class 7, there are 1"},
		{func(p *Problem) { p.Caps[0].Max = -1 }, "cap 0: max -1 is negative"},
		{func(p *Problem) { p.Caps[0].Classes[0] = -1 }, "cap 0: names class -1, there are 1"},
	} {
		t.Run(c.want, func(t *testing.T) {
			p := good()
			c.change(p)
			_, err := Solve(p, Budget{})
			require.EqualError(t, err, "vector packing: "+c.want)
		})
	}
}
