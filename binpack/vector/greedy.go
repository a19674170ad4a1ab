package vector

import (
	"cmp"
	"math"
	"slices"
)

// packer completes plans by opening, one after the other, the bin whose load is worth most per dollar at given prices of
// items. It is the quick step inside diving and local search.
type packer struct {
	in     *instance
	meter  *meter
	ks     *knapsack
	weight []float64 // per item: its share of what is scarce, for the density order
	priced []int     // kinds that cost something, cheapest first
	free   []int     // kinds of free machines

	reach   []float64 // per kind: its capacity by the same weights, above what any load weighs
	byReach []int     // priced kinds, most reach per dollar first

	order   []int32
	density []float64
	room    []int64
	try     []stock
	pick    []stock
}

// newPacker weighs items by the prices w of the resources they take; a trace of every other dimension breaks ties.
func newPacker(in *instance, meter *meter, ks *knapsack, w []float64) *packer {
	pk := &packer{in: in, meter: meter, ks: ks, weight: make([]float64, len(in.items)), density: make([]float64, len(in.items)), room: make([]int64, in.dims)}
	largest := make([]float64, in.dims)
	for k := range in.kinds {
		for d, c := range in.kinds[k].capacity {
			largest[d] = max(largest[d], float64(c))
		}
		if in.kinds[k].price > 0 {
			pk.priced = append(pk.priced, k)
		} else {
			pk.free = append(pk.free, k)
		}
	}
	unit := make([]float64, in.dims)
	for d := range unit {
		if largest[d] > 0 {
			unit[d] = w[d] + 1e-3*max(in.maxPrice, 1e-9)/largest[d]
		}
	}
	for i := range in.items {
		for d, s := range in.items[i].size {
			if s > 0 {
				pk.weight[i] += float64(s) * unit[d]
			}
		}
	}
	pk.reach = make([]float64, len(in.kinds))
	for k := range in.kinds {
		for d, c := range in.kinds[k].capacity {
			pk.reach[k] += float64(max(c, 0)) * unit[d]
		}
	}
	pk.byReach = slices.Clone(pk.priced)
	slices.SortStableFunc(pk.byReach, func(a, b int) int {
		if x, y := pk.reach[a]/in.kinds[a].price, pk.reach[b]/in.kinds[b].price; math.Abs(x-y) > 1e-9*(x+y) {
			return cmp.Compare(y, x)
		}
		return cmp.Compare(in.kinds[b].price, in.kinds[a].price) // fewer, larger bins
	})
	return pk
}

// arrange lists the items with something left, densest first, larger ones first among equals.
func (pk *packer) arrange(p *plan, among []int32, y []float64) []int32 {
	pk.order = pk.order[:0]
	for _, i := range among {
		if p.left[i] > 0 {
			pk.order = append(pk.order, i)
			pk.density[i] = y[i] / max(pk.weight[i], 1e-12)
		}
	}
	slices.SortFunc(pk.order, func(a, b int32) int {
		if x, y := pk.density[a], pk.density[b]; math.Abs(x-y) > 1e-9*(x+y) {
			return cmp.Compare(y, x)
		}
		return cmp.Or(cmp.Compare(pk.weight[b], pk.weight[a]), cmp.Compare(a, b))
	})
	pk.meter.spend(6 * len(pk.order))
	return pk.order
}

// greedy fills an empty bin of kind k in the given order and returns what the load, left in pk.try, is worth.
func (pk *packer) greedy(k int, order []int32, left []int, y []float64) float64 {
	in := pk.in
	kd := &in.kinds[k]
	copy(pk.room, kd.capacity)
	pk.try = pk.try[:0]
	value := 0.0
	dims := in.dims
	room := pk.room[:dims]
next:
	for _, i := range order {
		n := left[i]
		if n == 0 || !kd.fits[i] {
			continue
		}
		at := int(i) * dims
		size := in.sizes[at : at+dims]
		for d, s := range size {
			if s > room[d] {
				if s > 0 {
					continue next
				}
			} else if n > 1 && s > 0 {
				n = int(min(int64(n), room[d]/s))
			}
		}
		if it := &in.items[i]; it.max < n || it.coupled {
			if n = min(n, it.max); it.coupled {
				l := load{kind: k, items: pk.try}
				n = min(n, in.coupledRoom(&l, int(i)))
			}
			if n <= 0 {
				continue
			}
		}
		for d, s := range size {
			room[d] -= s * int64(n)
		}
		value += float64(n) * y[i]
		pk.try = append(pk.try, stock{i, int32(n)})
	}
	pk.meter.spend(2 * len(order))
	return value
}

// complete opens bins for what is left of the items in among until nothing more can be placed. The best kinds of each
// step are searched with the given number of knapsack nodes.
func (pk *packer) complete(p *plan, among []int32, y []float64, nodes int) {
	order := pk.arrange(p, among, y)
	for len(order) > 0 {
		k, ok := pk.choose(p, order, y, nodes)
		if !ok {
			return
		}
		copies := math.MaxInt32
		for _, s := range pk.pick {
			copies = min(copies, p.left[s.item]/int(s.n))
		}
		for range copies {
			if !p.canOpen(k) {
				break
			}
			l := p.open(k)
			for _, s := range pk.pick {
				p.put(l, int(s.item), int(s.n))
			}
			pk.meter.spend(8 * len(pk.pick))
		}
		order = slices.DeleteFunc(order, func(i int32) bool { return p.left[i] == 0 })
	}
}

// choose finds the kind and, in pk.pick, the load that is worth most per dollar.
func (pk *packer) choose(p *plan, order []int32, y []float64, nodes int) (kind int, ok bool) {
	kind = -1
	bestValue := 0.0
	for _, k := range pk.free {
		if p.used[k] >= pk.in.kinds[k].count {
			continue
		}
		if v := pk.greedy(k, order, p.left, y); len(pk.try) > 0 && (kind < 0 || v > bestValue) {
			kind, bestValue = k, v
			pk.pick = append(pk.pick[:0], pk.try...)
		}
		if nodes > 0 {
			if v, _ := pk.ks.fill(k, y, p.left, order, nodes, bestValue); v > bestValue && len(pk.ks.best) > 0 {
				kind, bestValue = k, v
				pk.pick = append(pk.pick[:0], pk.ks.best...)
			}
		}
	}
	if kind < 0 {
		kind = pk.choosePriced(p, order, y, nodes)
	}
	slices.SortFunc(pk.pick, func(a, b stock) int { return cmp.Compare(a.item, b.item) })
	return kind, kind >= 0
}

// choosePriced is choose among the kinds that cost something. A kind is passed over when even a bin full of the densest
// item, or holding everything, would be worth less per dollar than the best so far; good kinds come first.
func (pk *packer) choosePriced(p *plan, order []int32, y []float64, nodes int) int {
	kind, second, bestRatio := -1, -1, 0.0
	everything, densest := 0.0, 0.0
	for _, i := range order {
		everything += y[i] * float64(p.left[i])
		densest = max(densest, pk.density[i])
	}
	everything, densest = everything*(1+1e-9)+1e-9, densest*(1+1e-9)
	for _, k := range pk.byReach {
		price := pk.in.kinds[k].price
		if min(everything, densest*pk.reach[k]) < bestRatio*price || !p.canOpen(k) {
			continue
		}
		v := pk.greedy(k, order, p.left, y)
		if len(pk.try) == 0 {
			continue
		}
		if ratio := max(v, 1e-12) / price; ratio > bestRatio*(1+1e-12) {
			kind, second, bestRatio = k, kind, ratio
			pk.pick = append(pk.pick[:0], pk.try...)
		}
	}
	if nodes > 0 && kind >= 0 {
		kind = pk.deepen(p, [2]int{kind, second}, order, y, nodes, bestRatio)
	}
	return kind
}

// deepen searches the most promising kinds for a better load than greedy found.
func (pk *packer) deepen(p *plan, kinds [2]int, order []int32, y []float64, nodes int, ratio float64) int {
	kind := kinds[0]
	for _, k := range kinds {
		if k < 0 {
			continue
		}
		price := pk.in.kinds[k].price
		value, _ := pk.ks.fill(k, y, p.left, order, nodes, ratio*price*(1+1e-12))
		if r := value / price; r > ratio*(1+1e-12) && len(pk.ks.best) > 0 {
			kind, ratio = k, r
			pk.pick = append(pk.pick[:0], pk.ks.best...)
		}
	}
	return kind
}

// topUp puts what is left of the items in among into room that open bins still have.
func (pk *packer) topUp(p *plan, among []int32) {
	for _, i := range among {
		for _, l := range p.loads {
			if p.left[i] == 0 {
				break
			}
			if n := min(p.room(l, int(i)), p.left[i]); n > 0 {
				p.put(l, int(i), n)
			}
		}
		pk.meter.spend(2 * len(p.loads))
	}
}

// rightSize exchanges the bin of a load for the cheapest kind that holds what lies in it.
func (pk *packer) rightSize(p *plan, l *load) bool {
	in := pk.in
	old := &in.kinds[l.kind]
	if old.price == 0 {
		return false
	}
	for _, k := range pk.priced {
		kd := &in.kinds[k]
		if kd.price > old.price || kd.price == old.price && kd.rank >= old.rank {
			break
		}
		if pk.holds(k, l) && p.canOpenInstead(k, l.kind) {
			p.account(l.kind, -1)
			for d := range l.free {
				l.free[d] += kd.capacity[d] - old.capacity[d]
			}
			l.kind = k
			p.account(k, 1)
			return true
		}
	}
	return false
}

// holds says whether a bin of kind k could hold the load instead.
func (pk *packer) holds(k int, l *load) bool {
	in := pk.in
	kd, old := &in.kinds[k], &in.kinds[l.kind]
	pk.meter.spend(in.dims)
	for d, f := range l.free {
		if used := old.capacity[d] - f; used > 0 && used > kd.capacity[d] {
			return false
		}
	}
	for _, s := range l.items {
		if !kd.fits[s.item] {
			return false
		}
	}
	if len(in.caps) == 0 && len(in.requires) == 0 {
		return true
	}
	for _, s := range l.items {
		for _, u := range in.capsOf[s.item] {
			held := kd.heldBy(int(u))
			for _, o := range l.items {
				if _, counts := slices.BinarySearch(in.caps[u].Classes, int(o.item)); counts {
					held += int(o.n)
				}
			}
			if held > in.caps[u].Max {
				return false
			}
		}
	}
	return in.allMet(k, l.items)
}

// finish drops empty bins that nothing demands and gives back what no price pays for.
func (pk *packer) finish(p *plan) {
	for index := len(p.loads) - 1; index >= 0; index-- {
		if len(p.loads[index].items) == 0 {
			p.closeAt(index)
		} else {
			pk.rightSize(p, p.loads[index])
		}
	}
	p.satisfyMinimums()
}
