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
	target float64   // $/h: nothing below is worth looking for

	patience int // moves without success before giving up, on top of some per bin

	touched []int32
	mark    []bool
}

func newImprover(in *instance, meter *meter, pk *packer, y []float64, target float64) *improver {
	return &improver{in: in, meter: meter, pk: pk, rnd: newRandom(1), y: y, noisy: slices.Clone(y), target: target, mark: make([]bool, len(in.items))}
}

// waste is the price of a bin less the worth of its items, in $/h.
func (im *improver) waste(l *load) float64 {
	w := im.in.kinds[l.kind].price
	for _, s := range l.items {
		w -= im.y[s.item] * float64(s.n)
	}
	return w
}

// run improves p in place until the budget share is used up, the bound is met or nothing has helped for long.
func (im *improver) run(p *plan, work int64) {
	end := im.meter.spent + work
	for _, l := range p.loads {
		im.pk.rightSize(p, l)
	}
	patience := 0
	for im.meter.spent < min(end, im.meter.limit) && len(p.loads) > 1 {
		if p.lack == 0 && p.price() <= im.target {
			return
		}
		if im.move(p) {
			patience = 0
		} else if patience++; patience > im.patience+4*len(p.loads) {
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

// finish drops empty bins that nothing demands and gives back what no price pays for.
func (im *improver) finish(p *plan) {
	for index := len(p.loads) - 1; index >= 0; index-- {
		if len(p.loads[index].items) == 0 {
			p.closeAt(index)
		} else {
			im.pk.rightSize(p, p.loads[index])
		}
	}
	p.satisfyMinimums()
}
