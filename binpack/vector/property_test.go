package vector

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawProblem makes a problem small enough to be enumerated, with every feature in it some of the time.
func drawProblem(t *rapid.T) *Problem {
	dims := rapid.IntRange(1, 2).Draw(t, "dims")
	vector := func(name string, lo, hi int64) []int64 {
		return rapid.SliceOfN(rapid.Int64Range(lo, hi), dims, dims).Draw(t, name)
	}
	p := &Problem{}
	items := rapid.IntRange(1, 6).Draw(t, "items")
	for items > 0 {
		n := rapid.IntRange(1, items).Draw(t, "demand")
		items -= n
		p.Classes = append(p.Classes, Class{Size: vector("size", 0, 6), Demand: n,
			MaxPerBin: rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "maxPerBin")})
	}
	limit := func(name string, hi int) int {
		if rapid.IntRange(0, 2).Draw(t, name+"?") > 0 {
			return NoLimit
		}
		return rapid.IntRange(0, hi).Draw(t, name)
	}
	pool := func() Pool {
		l := Pool{MaxBins: limit("maxBins", 4), MaxPrice: float64(limit("maxPrice", 20))}
		if rapid.IntRange(0, 3).Draw(t, "maxTotal?") == 0 {
			l.MaxTotal = vector("maxTotal", -1, 25)
		}
		return l
	}
	for range rapid.IntRange(1, 2).Draw(t, "pools") {
		p.Pools = append(p.Pools, pool())
	}
	if rapid.Bool().Draw(t, "global") {
		l := pool()
		p.Global = &l
	}
	classes := len(p.Classes)
	class := rapid.IntRange(0, classes-1)
	if rapid.Bool().Draw(t, "coupled") {
		for range rapid.IntRange(0, 2).Draw(t, "conflicts") {
			p.Conflicts = append(p.Conflicts, [2]int{class.Draw(t, "a"), class.Draw(t, "b")})
		}
		for range rapid.IntRange(0, 1).Draw(t, "caps") {
			p.Caps = append(p.Caps, Cap{Classes: rapid.SliceOfN(class, 1, 3).Draw(t, "capped"), Max: rapid.IntRange(0, 2).Draw(t, "max")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "requires") {
			p.Requires = append(p.Requires, Requirement{Class: class.Draw(t, "class"), AnyOf: rapid.SliceOfN(class, 0, 2).Draw(t, "anyOf")})
		}
	}
	for range rapid.IntRange(1, 4).Draw(t, "bins") {
		b := Bin{Capacity: vector("capacity", 0, 12), Rank: rapid.IntRange(0, 2).Draw(t, "rank"),
			Price: float64(rapid.IntRange(1, 9).Draw(t, "price")), Count: limit("count", 2),
			Pool: rapid.IntRange(0, len(p.Pools)-1).Draw(t, "pool")}
		if rapid.IntRange(0, 3).Draw(t, "existing") == 0 {
			b.Price, b.Count, b.Pool = 0, 1, NoLimit
			if rapid.Bool().Draw(t, "state") {
				b.Held = rapid.SliceOfN(rapid.IntRange(0, 2), len(p.Caps), len(p.Caps)).Draw(t, "held")
				b.Meets = rapid.SliceOfN(rapid.Bool(), len(p.Requires), len(p.Requires)).Draw(t, "meets")
			}
		}
		if rapid.IntRange(0, 2).Draw(t, "picky") == 0 {
			b.Fits = rapid.SliceOfN(rapid.Bool(), classes, classes).Draw(t, "fits")
		}
		p.Bins = append(p.Bins, b)
	}
	return p
}

// enumerate returns, per number of items left unserved, the least price of any packing (+Inf where there is none).
func enumerate(p *Problem) []float64 {
	left := make([]int, len(p.Classes))
	total := 0
	for c := range p.Classes {
		left[c] = p.Classes[c].Demand
		total += left[c]
	}
	best := make([]float64, total+1)
	for u := range best {
		best[u] = math.Inf(1)
	}
	used := make([]int, len(p.Bins))
	count := make([]int, len(p.Classes))
	var next func(unserved int, price float64)
	// fill chooses how many items of class c… lie in the bin of kind k that is being filled, then packs the rest.
	var fill func(k, c, unserved int, price float64)
	fill = func(k, c, unserved int, price float64) {
		if c == len(p.Classes) {
			if loadAllowed(p, k, count) {
				saved := append([]int(nil), count...)
				clear(count)
				next(unserved, price)
				copy(count, saved)
			}
			return
		}
		most := left[c]
		for n := 0; n <= most; n++ {
			count[c] += n
			left[c] -= n
			fill(k, c+1, unserved, price)
			count[c] -= n
			left[c] += n
		}
	}
	next = func(unserved int, price float64) {
		if price >= best[unserved] && unserved == 0 {
			return
		}
		c := 0
		for c < len(left) && left[c] == 0 {
			c++
		}
		if c == len(left) {
			best[unserved] = min(best[unserved], price)
			return
		}
		left[c]--
		next(unserved+1, price)
		for k := range p.Bins {
			used[k]++
			if limitsAllow(p, used) {
				count[c]++
				fill(k, 0, unserved, price+p.Bins[k].Price)
				count[c]--
			}
			used[k]--
		}
		left[c]++
	}
	next(0, 0)
	return best
}

func loadAllowed(p *Problem, k int, count []int) bool {
	b := &p.Bins[k]
	for d := range b.Capacity {
		sum := int64(0)
		for c, n := range count {
			sum += p.Classes[c].Size[d] * int64(n)
		}
		if sum > b.Capacity[d] {
			return false
		}
	}
	for c, n := range count {
		if n > 0 && (b.Fits != nil && !b.Fits[c] || p.Classes[c].MaxPerBin > 0 && n > p.Classes[c].MaxPerBin) {
			return false
		}
	}
	for _, pair := range p.Conflicts {
		if pair[0] == pair[1] && count[pair[0]] > 1 || pair[0] != pair[1] && count[pair[0]] > 0 && count[pair[1]] > 0 {
			return false
		}
	}
	for u, c := range p.Caps {
		mine, seen := 0, map[int]bool{}
		for _, class := range c.Classes {
			if !seen[class] {
				mine += count[class]
			}
			seen[class] = true
		}
		held := 0
		if b.Held != nil {
			held = b.Held[u]
		}
		if mine > 0 && mine+held > c.Max {
			return false
		}
	}
	for r, q := range p.Requires {
		met := count[q.Class] == 0 || b.Meets != nil && b.Meets[r]
		for _, c := range q.AnyOf {
			met = met || count[c] > 0
		}
		if !met {
			return false
		}
	}
	return true
}

func limitsAllow(p *Problem, used []int) bool {
	for k, n := range used {
		if c := p.Bins[k].Count; c != NoLimit && n > c {
			return false
		}
	}
	within := func(l *Pool, index int) bool {
		bins, price := 0, 0.0
		total := make([]int64, len(l.MaxTotal))
		for k, n := range used {
			if b := &p.Bins[k]; b.Pool != NoLimit && (index < 0 || b.Pool == index) {
				bins += n
				price += float64(n) * b.Price
				for d := range total {
					total[d] += int64(n) * b.Capacity[d]
				}
			}
		}
		for d, most := range l.MaxTotal {
			if most != NoLimit && total[d] > most {
				return false
			}
		}
		return (l.MaxBins == NoLimit || bins <= l.MaxBins) && (l.MaxPrice == NoLimit || price <= l.MaxPrice)
	}
	for i := range p.Pools {
		if !within(&p.Pools[i], i) {
			return false
		}
	}
	return p.Global == nil || within(p.Global, -1)
}

func unplacedOf(s Solution) int {
	n := 0
	for _, u := range s.Unplaced {
		n += u
	}
	return n
}

func TestBoundBelowEnumeratedOptimumBelowSolution(t *testing.T) {
	seen, optimal := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		r := rapid.SampledFrom([]regime{usual, usual, {masterItems: 600}, {freeKinds: 40}}).Draw(t, "regime")
		s, err := solve(p, Budget{Work: 2_000_000}, r)
		require.NoError(t, err)
		requireFeasible(t, p, s)
		best := enumerate(p)
		u := unplacedOf(s)
		cheapest, fewest := math.Inf(1), -1
		for n, price := range best {
			if fewest < 0 && !math.IsInf(price, 1) {
				fewest = n
			}
			if n <= u {
				cheapest = min(cheapest, price)
			}
		}
		require.GreaterOrEqual(t, u, fewest)
		require.GreaterOrEqual(t, s.Price, cheapest-1e-9)
		require.LessOrEqual(t, s.LowerBound, cheapest+1e-9, "the bound holds for every packing with at most %d items unserved", u)
		seen++
		if u == fewest && s.Price <= best[fewest]+1e-9 {
			optimal++
		}
	})
	t.Logf("%d of %d solved to the optimum", optimal, seen)
	require.GreaterOrEqual(t, float64(optimal), 0.9*float64(seen), "small problems are mostly solved to the optimum")
}

// shuffled is the same problem with its classes, bins and relations in another order.
func shuffled(p *Problem, seed uint64) *Problem {
	rnd := newRandom(seed)
	permutation := func(n int) []int {
		to := make([]int, n)
		for i := range to {
			to[i] = i
		}
		for i := n - 1; i > 0; i-- {
			j := rnd.below(i + 1)
			to[i], to[j] = to[j], to[i]
		}
		return to
	}
	class, bin := permutation(len(p.Classes)), permutation(len(p.Bins))
	q := &Problem{Classes: make([]Class, len(p.Classes)), Bins: make([]Bin, len(p.Bins)), Pools: p.Pools, Global: p.Global}
	for c, to := range class {
		q.Classes[to] = p.Classes[c]
	}
	renamed := func(classes []int) (out []int) {
		for _, c := range classes {
			out = append(out, class[c])
		}
		return out
	}
	for k, to := range bin {
		b := p.Bins[k]
		if b.Fits != nil {
			fits := make([]bool, len(b.Fits))
			for c, f := range b.Fits {
				fits[class[c]] = f
			}
			b.Fits = fits
		}
		q.Bins[to] = b
	}
	for _, pair := range p.Conflicts {
		q.Conflicts = append(q.Conflicts, [2]int{class[pair[1]], class[pair[0]]})
	}
	for _, c := range p.Caps {
		q.Caps = append(q.Caps, Cap{Classes: renamed(c.Classes), Max: c.Max})
	}
	for _, r := range p.Requires {
		q.Requires = append(q.Requires, Requirement{Class: class[r.Class], AnyOf: renamed(r.AnyOf)})
	}
	return q
}

func TestOrderOfClassesAndBinsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		a, err := Solve(p, Budget{Work: 1_000_000})
		require.NoError(t, err)
		b, err := Solve(shuffled(p, rapid.Uint64().Draw(t, "seed")), Budget{Work: 1_000_000})
		require.NoError(t, err)
		require.Equal(t, a.Price, b.Price)
		require.Equal(t, unplacedOf(a), unplacedOf(b))
		require.Len(t, b.Bins, len(a.Bins))
		require.Equal(t, a.LowerBound, b.LowerBound)
	})
}

func TestShuffledLargerProblemsCostTheSame(t *testing.T) {
	for _, p := range []*Problem{synthetic(300, 12, 24), synthetic(120, 120, 30), ontoExisting(400, 15, 80)} {
		a, err := Solve(p, Budget{Work: 10_000_000})
		require.NoError(t, err)
		requireFeasible(t, p, a)
		again, err := Solve(p, Budget{Work: 10_000_000})
		require.NoError(t, err)
		require.Equal(t, a, again, "the same input gives the identical solution")
		for seed := range uint64(3) {
			q := shuffled(p, seed)
			b, err := Solve(q, Budget{Work: 10_000_000})
			require.NoError(t, err)
			requireFeasible(t, q, b)
			require.Equal(t, a.Price, b.Price)
			require.Equal(t, a.LowerBound, b.LowerBound)
			require.Equal(t, a.Work, b.Work, "the search took the same path")
		}
	}
}
