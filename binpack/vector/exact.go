package vector

import "slices"

// Why one class needs no search. Of a class that shares its bins with no other, only the number in each bin matters, and
// an empty bin of kind k holds up to room_k of it. Free machines are filled first: to buy for fewer never costs more. The
// best way to buy for n items is
//
//	best(0) = nothing,   best(n) = min over k of  one bin of kind k + best(n − room_k)
//
// in the order of merit, which adds up over bins. Prices that differ by less than tiny are equal here as anywhere. Counts
// of kinds that cost something are left out, like limits of pools: where the way needs more than there is it is no plan,
// but its price is a bound still.

// exactSteps is how many items times kinds the table of one part may take: a millisecond or two. Beyond, the search that
// everything else goes through is as good, for what it loses to rounding is the last bin of very many.
const exactSteps = 1 << 18

// helping is a number of items of the part that an empty bin of a kind takes.
type helping struct {
	kind, room int
}

// exact is an item that shares no kind of bin with another, and the best ways to buy for it.
type exact struct {
	item int
	free []helping // free machines, the roomiest first
	ways []way     // per number of items to buy for; the last serves all that free machines leave
	lack int       // items that nothing can be bought for
}

// way is the best way to buy for a number of items: one bin, and the best way for those that it does not take.
type way struct {
	merit
	last helping
}

// solveExactly makes the table for item i, unless it is too large.
func (in *instance) solveExactly(i int, meter *meter) (e exact, ok bool) {
	e.item = i
	meter.spend(len(in.kinds))
	empty := newPlan(in)
	demand := in.items[i].demand
	var buy []helping // the cheapest first, then the lowest rank, as kinds are ordered; dearer ones must hold more
	for k := range in.kinds {
		kd := &in.kinds[k]
		h := helping{k, min(demand, empty.room(&load{kind: k, free: kd.capacity}, i))}
		switch {
		case h.room == 0:
		case kd.price == 0 && kd.pool == NoLimit:
			e.free = append(e.free, h)
		case len(buy) == 0 || h.room > buy[len(buy)-1].room:
			buy = append(buy, h)
		}
	}
	slices.SortStableFunc(e.free, func(a, b helping) int { return b.room - a.room })
	left := demand
	for _, h := range e.free {
		left -= min(left, h.room*in.kinds[h.kind].count)
	}
	if len(buy) == 0 {
		left, e.lack = 0, left
	}
	steps := left * len(buy)
	if steps > exactSteps || int64(steps) > meter.left()/2 {
		return e, false
	}
	meter.spend(steps)
	e.ways = make([]way, 1, left+1)
	for n := 1; n <= left; n++ {
		e.ways = append(e.ways, in.bestWay(e.ways, buy))
	}
	return e, true
}

// bestWay serves one item more than the last of ways.
func (in *instance) bestWay(ways []way, buy []helping) way {
	var best way
	for at, h := range buy {
		kd, m := &in.kinds[h.kind], ways[max(0, len(ways)-h.room)].merit
		m.price += kd.price
		m.bins++
		m.rank += kd.rank
		if at == 0 || m.better(best.merit) {
			best = way{merit: m, last: h}
		}
	}
	return best
}

// pack puts the part into p and says whether counts and limits let it.
func (e *exact) pack(p *plan) bool {
	for _, h := range e.free {
		for p.left[e.item] > 0 && p.canOpen(h.kind) {
			p.put(p.open(h.kind), e.item, min(h.room, p.left[e.item]))
		}
	}
	for n := len(e.ways) - 1; n > 0; {
		last := e.ways[n].last
		if !p.canOpen(last.kind) {
			return false
		}
		p.put(p.open(last.kind), e.item, min(last.room, n))
		n -= min(last.room, n)
	}
	return true
}

// lowerBound is the price in $/h of the part when it may leave so many more items unserved than it must.
func (e *exact) lowerBound(more int) float64 { return e.ways[max(0, len(e.ways)-1-more)].price }
