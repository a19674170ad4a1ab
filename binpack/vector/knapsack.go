package vector

import (
	"cmp"
	"math"
	"slices"
)

// candidate is a class that may go into the bin being filled.
type candidate struct {
	item    int
	value   float64 // of one item, $/h
	weight  float64 // of one item, as a share of the bin: Σ_d w_d·size_d
	density float64 // value ÷ weight
	max     int     // most that fit, are asked for and are allowed
	target  int     // how many the relaxation takes, rounded down; -1 for none
	size    []int64
}

// knapsack asks one kind of bin for the most valuable load:
//
//	maximise Σ_c y_c·n_c   subject to   Σ_c size_c·n_c ≤ capacity (D dimensions),  0 ≤ n_c ≤ max_c,  couplings
//
// by depth-first branch and bound. Its upper bound is that of the surrogate: dimensions are summed with weights w ≥ 0
// scaled so that the whole bin weighs 1, and the one-dimensional relaxation is filled greedily by density (Dantzig).
// Any w gives a true upper bound; the dual prices of the linear relaxation (relax.go) give the tightest.
type knapsack struct {
	in    *instance
	meter *meter
	prior []float64 // prices of resources

	relaxed *relaxation
	last    [][]float64 // per kind: prices of the dimensions when it was last relaxed
	w       []float64   // per dimension

	cand   []candidate
	steep  [][]float64 // per dimension: the best value per unit among candidates i…
	free   []int64
	nodes  int // left
	kind   int
	chosen []stock // along the current branch, in candidate order
	best   []stock
	value  float64 // of best
	open   float64 // upper bound of branches that were not explored
}

// newKnapsack takes the prices w of resources for first weights.
func newKnapsack(in *instance, meter *meter, w []float64) *knapsack {
	return &knapsack{in: in, meter: meter, prior: w, relaxed: newRelaxation(in.dims), last: make([][]float64, len(in.kinds)), w: make([]float64, in.dims),
		free: make([]int64, in.dims), steep: make([][]float64, in.dims)}
}

// fill searches kind k for the load of greatest value at prices y, of the items in among as far as demand goes, exploring
// at most the given nodes. It returns the value of the best load found (kept in ks.best, sorted by item) and an upper
// bound of what any load is worth; they are equal when the search was exhaustive. When the bound cannot exceed the floor
// it does not search.
func (ks *knapsack) fill(k int, y []float64, demand []int, among []int32, nodes int, floor float64) (value, upper float64) {
	ks.kind = k
	ks.best, ks.chosen, ks.value = ks.best[:0], ks.chosen[:0], 0
	if !ks.collect(k, y, demand, among) {
		return 0, 0
	}
	if quick := ks.quick(k); quick <= floor {
		return 0, quick
	}
	root := ks.relax(k)
	if root <= floor {
		return 0, root
	}
	ks.suffixes()
	copy(ks.free, ks.in.kinds[k].capacity)
	ks.greedy()
	if ks.value >= root-1e-12*(1+root) {
		ks.finish()
		return ks.value, ks.value
	}
	ks.nodes, ks.open = nodes, 0
	ks.descend(0, 0, 1)
	ks.meter.nodes += nodes - ks.nodes
	ks.finish()
	return ks.value, min(root, max(ks.value+1e-10*(1+ks.value), ks.open))
}

func (ks *knapsack) finish() {
	slices.SortFunc(ks.best, func(a, b stock) int { return cmp.Compare(a.item, b.item) })
}

// collect lists the candidates of kind k.
func (ks *knapsack) collect(k int, y []float64, demand []int, among []int32) bool {
	kd := &ks.in.kinds[k]
	ks.cand = ks.cand[:0]
	for _, i32 := range among {
		i := int(i32)
		it := &ks.in.items[i]
		if y[i] <= 1e-12 && !it.enables || demand[i] <= 0 || !kd.fits[i] {
			continue
		}
		most := min(it.max, demand[i])
		for d, s := range it.size {
			if s > 0 {
				most = int(min(int64(most), kd.capacity[d]/s))
			}
		}
		for _, u := range ks.in.capsOf[i] {
			most = min(most, ks.in.caps[u].Max-kd.heldBy(int(u)))
		}
		if most > 0 {
			ks.cand = append(ks.cand, candidate{item: i, value: y[i], max: most, size: it.size})
		}
	}
	ks.meter.spend(2 * len(among))
	return len(ks.cand) > 0
}

// quick bounds a load of kind k by the prices λ of the dimensions from the last time that it was relaxed: whatever λ ≥ 0,
// a load is worth at most Σ_d λ_d + Σ_c max_c·max(0, y_c − Σ_d λ_d·a_dc).
func (ks *knapsack) quick(k int) float64 {
	last := ks.last[k]
	if last == nil {
		return math.Inf(1)
	}
	bound := 0.0
	for d, c := range ks.in.kinds[k].capacity {
		bound += last[d]
		ks.w[d] = 0
		if c > 0 {
			ks.w[d] = last[d] / float64(c)
		}
	}
	for c := range ks.cand {
		gain := ks.cand[c].value
		for d, s := range ks.cand[c].size {
			gain -= ks.w[d] * float64(s)
		}
		if gain > 0 {
			bound += gain * float64(ks.cand[c].max)
		}
	}
	ks.meter.spend(len(ks.cand))
	return bound
}

// relax orders the candidates by density at the weights of the linear relaxation of all dimensions, which give the
// tightest surrogate, and returns its bound.
func (ks *knapsack) relax(k int) float64 {
	capacity := ks.in.kinds[k].capacity
	prices, steps := ks.relaxed.solve(ks.cand, capacity)
	ks.meter.spend(steps * len(ks.cand) * ks.in.dims / 2)
	for c := range ks.cand {
		ks.cand[c].target = -1
		if n := ks.relaxed.amount(c); n > 1e-9 {
			ks.cand[c].target = int(n + 1e-6)
		}
	}
	ks.last[k] = append(ks.last[k][:0], prices...)
	all := 0.0
	for _, l := range prices {
		all += l
	}
	ks.firstWeights(k)
	if all > 1e-12 {
		const trace = 1e-4 // orders what takes nothing that is scarce
		for d, c := range capacity {
			ks.w[d] *= trace
			if c > 0 {
				ks.w[d] += (1 - trace) * prices[d] / all / float64(c)
			}
		}
	}
	ks.weigh(ks.w)
	return ks.dantzig(0, 1)
}

// firstWeights gives dimensions the weight of their prices, and each a little, so that the whole bin weighs 1.
func (ks *knapsack) firstWeights(k int) {
	capacity := ks.in.kinds[k].capacity
	all, active := 0.0, 0.0
	for d, c := range capacity {
		if c > 0 {
			all += ks.prior[d] * float64(c)
			active++
		}
	}
	const trace = 0.02
	for d, c := range capacity {
		switch {
		case c <= 0:
			ks.w[d] = 0
		case all > 0:
			ks.w[d] = trace/(active*float64(c)) + (1-trace)*ks.prior[d]/all
		default:
			ks.w[d] = 1 / (active * float64(c))
		}
	}
}

func (ks *knapsack) weigh(w []float64) {
	for c := range ks.cand {
		cand := &ks.cand[c]
		cand.weight = 0
		for d, s := range cand.size {
			cand.weight += w[d] * float64(s)
		}
		cand.density = cand.value / max(cand.weight, 1e-12)
	}
	slices.SortFunc(ks.cand, func(a, b candidate) int {
		if a.density != b.density {
			return cmp.Compare(b.density, a.density)
		}
		return cmp.Compare(a.item, b.item)
	})
	ks.meter.spend(8 * len(ks.cand))
}

// dantzig fills the surrogate knapsack of the given room greedily from candidate i on, the last class in part, and
// returns the value: an upper bound of what candidates i… can add.
func (ks *knapsack) dantzig(i int, room float64) float64 {
	value := 0.0
	for ; i < len(ks.cand); i++ {
		c := &ks.cand[i]
		n := float64(c.max)
		if n*c.weight >= room {
			return value + room*c.density
		}
		value += n * c.value
		room -= n * c.weight
	}
	return value
}

// suffixes prepares, per dimension, the best value per unit among candidates i….
func (ks *knapsack) suffixes() {
	n := len(ks.cand)
	for d := range ks.steep {
		if cap(ks.steep[d]) < n+1 {
			ks.steep[d] = make([]float64, n+1, 2*n+1)
		}
		s := ks.steep[d][:n+1]
		ks.steep[d] = s
		s[n] = 0
		for i := n - 1; i >= 0; i-- {
			if size := ks.cand[i].size[d]; size > 0 {
				s[i] = max(s[i+1], ks.cand[i].value/float64(size))
			} else {
				s[i] = math.Inf(1)
			}
		}
	}
	ks.meter.spend(n * ks.in.dims)
}

// bound is an upper bound of what candidates i… can add to the current branch.
func (ks *knapsack) bound(i int, room float64) float64 {
	b := ks.dantzig(i, room)
	for d, f := range ks.free {
		if s := ks.steep[d][i]; !math.IsInf(s, 1) {
			b = min(b, s*float64(f))
		}
	}
	return b
}

// fitting is how many of candidate i the current branch has room for.
func (ks *knapsack) fitting(i int) int {
	c := &ks.cand[i]
	n := c.max
	for d, s := range c.size {
		if s > 0 {
			if s > ks.free[d] {
				return 0
			}
			if s*int64(n) > ks.free[d] {
				n = int(ks.free[d] / s)
			}
		}
	}
	if ks.in.items[c.item].coupled {
		n = min(n, ks.coupledFitting(c.item))
	}
	return n
}

// coupledFitting is fitting as far as conflicts and caps go; requirements are asked of finished loads, because what meets
// one may come later in the branch.
func (ks *knapsack) coupledFitting(i int) int {
	for _, s := range ks.chosen {
		if _, hit := slices.BinarySearch(ks.in.conflicts[i], s.item); hit {
			return 0
		}
	}
	n := math.MaxInt32
	for _, u := range ks.in.capsOf[i] {
		c := &ks.in.caps[u]
		left := c.Max - ks.in.kinds[ks.kind].heldBy(int(u))
		for _, s := range ks.chosen {
			if _, counts := slices.BinarySearch(c.Classes, int(s.item)); counts {
				left -= int(s.n)
			}
		}
		n = min(n, max(left, 0))
	}
	return n
}

// greedy takes as many as fit of each candidate in order of density, for a first load. Candidates whose requirements
// nothing in the load meets wait for a second pass.
func (ks *knapsack) greedy() {
	value := 0.0
	for pass := range 2 {
		for i := range ks.cand {
			c := &ks.cand[i]
			if len(ks.in.requireOf[c.item]) > 0 != (pass == 1) {
				continue
			}
			n := ks.fitting(i)
			if n == 0 || pass == 1 && !ks.in.met(ks.kind, ks.chosen, c.item) {
				continue
			}
			ks.push(i, n)
			value += float64(n) * c.value
		}
		if len(ks.in.requires) == 0 {
			break
		}
	}
	ks.record(value)
	for _, s := range ks.chosen {
		for d, size := range ks.in.items[s.item].size {
			ks.free[d] += size * int64(s.n)
		}
	}
	ks.chosen = ks.chosen[:0]
	ks.meter.spend(len(ks.cand) * ks.in.dims)
}

func (ks *knapsack) push(i, n int) {
	if n == 0 {
		return
	}
	c := &ks.cand[i]
	for d, s := range c.size {
		ks.free[d] -= s * int64(n)
	}
	ks.chosen = append(ks.chosen, stock{int32(c.item), int32(n)})
}

func (ks *knapsack) pop(i, n int) {
	if n == 0 {
		return
	}
	for d, s := range ks.cand[i].size {
		ks.free[d] += s * int64(n)
	}
	ks.chosen = ks.chosen[:len(ks.chosen)-1]
}

func (ks *knapsack) record(value float64) {
	if value > ks.value && (len(ks.in.requires) == 0 || ks.in.allMet(ks.kind, ks.chosen)) {
		ks.value = value
		ks.best = append(ks.best[:0], ks.chosen...)
	}
}

// descend explores what candidates i… can add to the branch worth value, with the surrogate room that is left. Counts near
// those of the relaxation come first, so that the first loads are nearly as good as the bound and cut most of the rest.
func (ks *knapsack) descend(i int, value, room float64) {
	ks.record(value)
	n := 0
	for ; i < len(ks.cand); i++ {
		if n = ks.fitting(i); n > 0 {
			break
		}
	}
	if n == 0 {
		return
	}
	reach := value + ks.bound(i, room)
	ks.meter.spend(12)
	if reach <= ks.value+1e-10*(1+ks.value) {
		return
	}
	if ks.nodes <= 0 {
		ks.open = max(ks.open, reach)
		return
	}
	ks.nodes--
	c := &ks.cand[i]
	from := n
	if c.target >= 0 {
		from = min(c.target, n)
	}
	for away := 0; away <= n; away++ {
		for side := range 2 {
			q := from + away
			if side == 1 {
				q = from - away
			}
			if q < 0 || q > n || side == 1 && away == 0 {
				continue
			}
			ks.push(i, q)
			ks.descend(i+1, value+float64(q)*c.value, max(room-float64(q)*c.weight, 0))
			ks.pop(i, q)
			if ks.nodes <= 0 {
				ks.open = max(ks.open, reach)
				return
			}
		}
	}
}
