package vector

import (
	"fmt"
	"math"
)

// NoLimit in a count, a capacity or a price limit means that there is none.
const NoLimit = -1

// maxQuantity keeps every sum of sizes and capacities far from overflow.
const maxQuantity = math.MaxInt64 / 4

// Class is a set of interchangeable items.
type Class struct {
	// Size of one item per dimension, in the caller's units (milli-CPU, bytes, pods, …), each ≥ 0.
	Size []int64
	// Demand is how many items there are.
	Demand int
	// MaxPerBin caps how many items of the class share a bin; 0 means no cap.
	MaxPerBin int
}

// Bin is one kind of machine that can be bought, or one existing machine with free room.
type Bin struct {
	// Capacity per dimension, in the units of Class.Size. A negative entry (an overcommitted machine) is an error only
	// when it is absurd; nothing that asks for that dimension fits.
	Capacity []int64
	// Price in $/h of one such bin, ≥ 0. A machine that is already paid for costs 0.
	Price float64
	// Count is how many may be used: NoLimit for any number, 1 for an existing machine.
	Count int
	// Fits says per class whether its items may lie in this bin at all; nil means all of them.
	// Bins may share one slice; it is never written.
	Fits []bool
	// Pool is the index in Problem.Pools whose limits the bin counts against, or NoLimit for a bin that counts against no
	// limit, not even Problem.Global: an existing machine.
	Pool int
	// Rank breaks ties between solutions of equal price and number of bins: the lower sum wins.
	Rank int
	// Held says per entry of Problem.Caps how much of its Max the bin has used up already; nil means none.
	Held []int
	// Meets says per entry of Problem.Requires whether what the bin already holds meets it; nil means none.
	Meets []bool
}

// Pool limits what may be bought of the bins that name it. See NoLimits.
type Pool struct {
	// MaxBins is the largest number of bins, NoLimit for any.
	MaxBins int
	// MinBins is the least number of bins: empty ones are bought if need be, as far as the limits allow.
	MinBins int
	// MaxTotal limits the summed Capacity of the bins per dimension; nil or a NoLimit entry means no limit.
	MaxTotal []int64
	// MaxPrice limits the summed price in $/h, NoLimit for any.
	MaxPrice float64
}

// NoLimits returns a pool that limits nothing.
func NoLimits() Pool { return Pool{MaxBins: NoLimit, MaxPrice: NoLimit} }

// Cap lets at most Max items of the named classes together share a bin: anti-affinity that several classes select.
type Cap struct {
	Classes []int
	Max     int
}

// Requirement lets items of Class lie only in a bin that holds at least one item of a class in AnyOf.
// A class that is in its own AnyOf meets the requirement itself.
type Requirement struct {
	Class int
	AnyOf []int
}

// Problem is what to pack and what can be bought for it. All slices are read only.
type Problem struct {
	Classes []Class
	Bins    []Bin
	Pools   []Pool
	// Global limits all bins of all pools together; nil means no limit. Its MinBins counts as well.
	Global *Pool
	// Conflicts are pairs of classes that may not share a bin. A class in conflict with itself is alone of its kind.
	Conflicts [][2]int
	Requires  []Requirement
	Caps      []Cap
}

// ClassCount is a number of items of one class.
type ClassCount struct {
	// Class is an index in Problem.Classes.
	Class int
	// Count is how many items of it, ≥ 1.
	Count int
}

// UsedBin is one bin of the solution and what it holds.
type UsedBin struct {
	// Kind is an index in Problem.Bins.
	Kind int
	// Items are ordered by class. A bin bought only for a pool's MinBins holds none.
	Items []ClassCount
}

// Solution is a packing, how good it is, and what it took to find.
type Solution struct {
	// Bins that are used, ordered by kind; an existing machine that receives nothing is not listed.
	Bins []UsedBin
	// Unplaced is how many items of each class found no room.
	Unplaced []int
	// Price in $/h of all Bins.
	Price float64
	// LowerBound in $/h: no packing that leaves at most as many items unplaced costs less.
	LowerBound float64
	// BoundProven says that the bound comes from parts that were solved exactly and from dual prices of loads whose
	// knapsacks were bounded from above, and is at least as good as the sum of resources; false means that LowerBound,
	// or what the searched part adds to it, is the resource-sum bound.
	BoundProven bool
	// Rounds of column generation, Columns generated, Pivots of the simplex, Nodes of knapsack search, Dives made and
	// Moves of local search tried.
	Rounds, Columns, Pivots, Nodes, Dives, Moves int
	// Work that was spent, in the units of Budget.Work.
	Work int64
	// Truncated says that the budget ended the search while there was still something to try.
	Truncated bool
}

// Validate reports the first thing that is wrong with the problem, naming the entry and the field, or nil.
func (p *Problem) Validate() error {
	dims, err := p.dimensions()
	if err != nil {
		return err
	}
	for i := range p.Classes {
		c := &p.Classes[i]
		if err := vectorInRange(c.Size, dims, 0); err != nil {
			return fmt.Errorf("class %d: size: %w", i, err)
		}
		if c.Demand < 0 || c.Demand > math.MaxInt32 {
			return fmt.Errorf("class %d: demand %d is out of range", i, c.Demand)
		}
		if c.MaxPerBin < 0 {
			return fmt.Errorf("class %d: maxPerBin %d is negative", i, c.MaxPerBin)
		}
	}
	for i := range p.Bins {
		if err := p.validateBin(&p.Bins[i], dims); err != nil {
			return fmt.Errorf("bin %d: %w", i, err)
		}
	}
	for i := range p.Pools {
		if err := validatePool(&p.Pools[i], dims); err != nil {
			return fmt.Errorf("pool %d: %w", i, err)
		}
	}
	if p.Global != nil {
		if err := validatePool(p.Global, dims); err != nil {
			return fmt.Errorf("global pool: %w", err)
		}
	}
	return p.validateCoupling()
}

func (p *Problem) dimensions() (int, error) {
	if len(p.Classes) > 0 {
		return len(p.Classes[0].Size), nil
	}
	if len(p.Bins) > 0 {
		return len(p.Bins[0].Capacity), nil
	}
	// Nothing to pack and nothing to buy: limits may still be stated.
	for i := range p.Pools {
		if p.Pools[i].MaxTotal != nil {
			return len(p.Pools[i].MaxTotal), nil
		}
	}
	if p.Global != nil {
		return len(p.Global.MaxTotal), nil
	}
	return 0, nil
}

func (p *Problem) validateBin(b *Bin, dims int) error {
	if err := vectorInRange(b.Capacity, dims, -maxQuantity); err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	switch {
	case math.IsNaN(b.Price) || math.IsInf(b.Price, 0) || b.Price < 0:
		return fmt.Errorf("price %v is not a finite number ≥ 0", b.Price)
	case b.Count < NoLimit || b.Count > math.MaxInt32:
		return fmt.Errorf("count %d is out of range", b.Count)
	case b.Fits != nil && len(b.Fits) != len(p.Classes):
		return fmt.Errorf("fits has %d entries for %d classes", len(b.Fits), len(p.Classes))
	case b.Pool < NoLimit || b.Pool >= len(p.Pools):
		return fmt.Errorf("pool %d does not exist, there are %d", b.Pool, len(p.Pools))
	case b.Held != nil && len(b.Held) != len(p.Caps):
		return fmt.Errorf("held has %d entries for %d caps", len(b.Held), len(p.Caps))
	case b.Meets != nil && len(b.Meets) != len(p.Requires):
		return fmt.Errorf("meets has %d entries for %d requirements", len(b.Meets), len(p.Requires))
	}
	return nil
}

func validatePool(l *Pool, dims int) error {
	switch {
	case l.MaxBins < NoLimit:
		return fmt.Errorf("maxBins %d is out of range", l.MaxBins)
	case l.MinBins < 0:
		return fmt.Errorf("minBins %d is negative", l.MinBins)
	case l.MaxBins != NoLimit && l.MinBins > l.MaxBins:
		return fmt.Errorf("minBins %d is above maxBins %d", l.MinBins, l.MaxBins)
	case math.IsNaN(l.MaxPrice) || math.IsInf(l.MaxPrice, 0) || (l.MaxPrice < 0 && l.MaxPrice != NoLimit):
		return fmt.Errorf("maxPrice %v is not a price or NoLimit", l.MaxPrice)
	}
	if l.MaxTotal != nil {
		if err := vectorInRange(l.MaxTotal, dims, NoLimit); err != nil {
			return fmt.Errorf("maxTotal: %w", err)
		}
	}
	return nil
}

func (p *Problem) validateCoupling() error {
	known := func(c int) bool { return c >= 0 && c < len(p.Classes) }
	for i, pair := range p.Conflicts {
		if !known(pair[0]) || !known(pair[1]) {
			return fmt.Errorf("conflict %d: names class %d or %d, there are %d", i, pair[0], pair[1], len(p.Classes))
		}
	}
	for i, r := range p.Requires {
		for _, c := range append([]int{r.Class}, r.AnyOf...) {
			if !known(c) {
				return fmt.Errorf("requirement %d: names class %d, there are %d", i, c, len(p.Classes))
			}
		}
	}
	for i, u := range p.Caps {
		if u.Max < 0 {
			return fmt.Errorf("cap %d: max %d is negative", i, u.Max)
		}
		for _, c := range u.Classes {
			if !known(c) {
				return fmt.Errorf("cap %d: names class %d, there are %d", i, c, len(p.Classes))
			}
		}
	}
	return nil
}

func vectorInRange(v []int64, dims int, least int64) error {
	if len(v) != dims {
		return fmt.Errorf("has %d dimensions, expected %d", len(v), dims)
	}
	for d, x := range v {
		if x < least || x > maxQuantity {
			return fmt.Errorf("dimension %d: %d is out of range", d, x)
		}
	}
	return nil
}
