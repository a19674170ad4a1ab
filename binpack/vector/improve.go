package vector

import (
	"slices"
)

// improver is the local search over a complete plan. A bin wastes its price less what its items are worth at the dual
// prices; the waste of all bins is the whole gap to the bound, so moves begin at bins that waste.
type improver struct {
	in     *instance
	meter  *meter
	pk     *packer
	rnd    *random
	y      []float64 // dual prices of items
	noisy  []float64 // y with noise
	worth  []float64 // per kind: its price, or the most that a free one can be worth
	target float64   // $/h: nothing below is worth looking for

	touched []int32
	mark    []bool
}

func newImprover(in *instance, meter *meter, pk *packer, q *duals, target float64) *improver {
	worth := slices.Clone(q.upper)
	for _, k := range pk.priced {
		worth[k] = in.kinds[k].price
	}
	y := q.y
	return &improver{worth: worth, in: in, meter: meter, pk: pk, rnd: newRandom(1), y: y, noisy: slices.Clone(y), target: target, mark: make([]bool, len(in.items))}
}

// waste is the price of a bin, or the most that a free one can be worth, less the worth of its items, in $/h.
func (im *improver) waste(l *load) float64 {
	w := im.worth[l.kind]
	for _, s := range l.items {
		w -= im.y[s.item] * float64(s.n)
	}
	return w
}

// run improves p in place until the given work is used up, the target is met, or nothing has helped for long: for
// patience in work, or for a number of moves that has tried every bin several times.
func (im *improver) run(p *plan, work, patience int64) {
	end := min(im.meter.spent+work, im.meter.limit)
	for _, l := range p.loads {
		im.pk.rightSize(p, l)
	}
	idle, since := 0, im.meter.spent
	for im.meter.spent < end && len(p.loads) > 1 {
		if p.lack == 0 && p.price() <= im.target {
			return
		}
		if im.move(p) {
			idle, since = 0, im.meter.spent
		} else if idle++; im.meter.spent-since > patience || idle > 300+10*len(p.loads) {
			return
		}
	}
}

// move ruins a few bins, packs their items again, and keeps the result when it is better. It says whether it was.
func (im *improver) move(p *plan) bool {
	im.meter.moves++
	unplaced := p.lack
	worthBefore := 0.0
	chosen := im.victims(p)
	var closed []*load
	slices.SortFunc(chosen, func(a, b int) int { return b - a })
	im.touched = im.touched[:0]
	for _, index := range chosen {
		l := p.closeAt(index)
		closed = append(closed, l)
		worthBefore += im.concentration(l)
		for _, s := range l.items {
			im.touch(s.item)
		}
	}
	before := p.meritOf(closed)
	before.unplaced = unplaced
	if unplaced > 0 {
		for i, n := range p.left {
			if n > 0 {
				im.touch(int32(i))
			}
		}
	}
	// Only free machines that this move emptied are offered again: there may be a thousand others.
	im.pk.free = im.pk.free[:0]
	for _, l := range closed {
		if im.in.kinds[l.kind].price == 0 && !slices.Contains(im.pk.free, l.kind) {
			im.pk.free = append(im.pk.free, l.kind)
		}
	}
	base := len(p.loads)
	for _, i := range im.touched {
		im.mark[i] = false
		im.noisy[i] = im.y[i] * (1 + 0.15*(im.rnd.unit()-0.5))
	}
	slices.Sort(im.touched)
	var inserted []insertion
	if im.rnd.below(3) == 0 {
		inserted = im.insert(p, base)
	}
	im.pk.complete(p, im.touched, im.noisy, 40)
	worthAfter := 0.0
	for _, l := range p.loads[base:] {
		im.pk.rightSize(p, l)
		worthAfter += im.concentration(l)
	}
	after := p.meritOf(p.loads[base:])
	if after.better(before) {
		return true
	}
	if !before.better(after) && len(inserted) == 0 && worthAfter >= worthBefore {
		return false // equal: stay where the move led, to look from another side
	}
	for len(p.loads) > base {
		p.closeAt(len(p.loads) - 1)
	}
	for _, s := range inserted {
		p.take(s.into, int(s.item), int(s.n))
	}
	for _, l := range closed {
		p.reopen(l)
	}
	return false
}

func (im *improver) touch(i int32) {
	if !im.mark[i] {
		im.mark[i] = true
		im.touched = append(im.touched, i)
	}
}

// concentration prefers, among plans of equal price, full bins beside empty ones.
func (im *improver) concentration(l *load) float64 {
	w := 0.0
	for _, s := range l.items {
		w += im.pk.weight[s.item] * float64(s.n)
	}
	return w * w / max(im.in.kinds[l.kind].price, 1e-9)
}

// victims picks two to six bins: the first is the most wasteful of a random few, the rest are random or wasteful as well.
func (im *improver) victims(p *plan) []int {
	n := len(p.loads)
	count := min(n, 2+im.rnd.below(5))
	var chosen []int
	for range 4 * count {
		index := im.rnd.below(n)
		if im.rnd.below(2) == 0 || len(chosen) == 0 {
			for range 5 {
				if other := im.rnd.below(n); im.waste(p.loads[other]) > im.waste(p.loads[index]) {
					index = other
				}
			}
			im.meter.spend(60)
		}
		if !slices.Contains(chosen, index) {
			chosen = append(chosen, index)
		}
		if len(chosen) == count {
			break
		}
	}
	return chosen
}

// insertion is what a move put into a bin that it did not ruin.
type insertion struct {
	into *load
	item int32
	n    int32
}

// insert puts touched items into room of a random few other bins.
func (im *improver) insert(p *plan, base int) []insertion {
	var done []insertion
	if base == 0 {
		return nil
	}
	order := slices.Clone(im.touched)
	slices.SortFunc(order, func(a, b int32) int {
		if x, y := im.pk.weight[a], im.pk.weight[b]; x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return int(a - b)
	})
	start, tries := im.rnd.below(base), min(base, 60)
	for t := range tries {
		l := p.loads[(start+t)%base]
		for _, i := range order {
			if p.left[i] == 0 {
				continue
			}
			if n := min(p.room(l, int(i)), p.left[i]); n > 0 {
				p.put(l, int(i), n)
				done = append(done, insertion{l, i, int32(n)})
			}
		}
	}
	im.meter.spend(4 * tries * len(order))
	slices.Reverse(done)
	return done
}
