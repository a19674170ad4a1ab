package vector

import (
	"cmp"
	"math"
	"slices"
)

// tiny is the difference of prices, in $/h, below which they are equal.
const tiny = 1e-9

// stock is a number of items of one internal class.
type stock struct {
	item int32
	n    int32
}

// load is one bin in use: its kind, what lies in it and how much room is left.
type load struct {
	kind  int
	free  []int64
	items []stock // sorted by item
}

// plan is a partial packing that always keeps to capacities, couplings and limits.
type plan struct {
	in    *instance
	loads []*load
	left  []int // items not packed, per item
	lack  int   // their sum
	used  []int // bins in use, per kind
	pools []poolUse
}

// poolUse is what the bins of one pool add up to.
type poolUse struct {
	bins  int
	price float64
	total []int64
}

func newPlan(in *instance) *plan {
	p := &plan{in: in, left: make([]int, len(in.items)), used: make([]int, len(in.kinds)), pools: make([]poolUse, len(in.pools))}
	for i := range in.items {
		p.left[i] = in.items[i].demand
		p.lack += p.left[i]
	}
	dims, _ := in.problem.dimensions()
	for i := range p.pools {
		p.pools[i].total = make([]int64, dims)
	}
	return p
}

func (p *plan) clone() *plan {
	q := &plan{in: p.in, left: slices.Clone(p.left), lack: p.lack, used: slices.Clone(p.used), pools: slices.Clone(p.pools)}
	for i := range q.pools {
		q.pools[i].total = slices.Clone(p.pools[i].total)
	}
	q.loads = make([]*load, len(p.loads))
	for i, l := range p.loads {
		q.loads[i] = &load{kind: l.kind, free: slices.Clone(l.free), items: slices.Clone(l.items)}
	}
	return q
}

// canOpen says whether one more bin of kind k keeps to its count and to the limits of its pool and of all pools.
func (p *plan) canOpen(k int) bool { return p.canOpenInstead(k, -1) }

// canOpenInstead is canOpen after one bin of kind old has been given back; old < 0 gives nothing back.
func (p *plan) canOpenInstead(k, old int) bool {
	kd := &p.in.kinds[k]
	if k != old && p.used[k] >= kd.count {
		return false
	}
	if kd.pool == NoLimit {
		return true
	}
	return p.poolAllows(kd.pool, kd, old) && p.poolAllows(len(p.in.pools)-1, kd, old)
}

func (p *plan) poolAllows(index int, kd *kind, old int) bool {
	limit, use := &p.in.pools[index], &p.pools[index]
	var back *kind
	if old >= 0 {
		if o := &p.in.kinds[old]; o.pool == index || index == len(p.in.pools)-1 && o.pool != NoLimit {
			back = o
		}
	}
	bins, price := use.bins+1, use.price+kd.price
	if back != nil {
		bins, price = bins-1, price-back.price
	}
	if limit.MaxBins != NoLimit && bins > limit.MaxBins || limit.MaxPrice != NoLimit && price > limit.MaxPrice+tiny {
		return false
	}
	for d, most := range limit.MaxTotal {
		if most == NoLimit {
			continue
		}
		total := use.total[d] + kd.whole[d]
		if back != nil {
			total -= back.whole[d]
		}
		if total > most {
			return false
		}
	}
	return true
}

func (p *plan) account(k, sign int) {
	kd := &p.in.kinds[k]
	p.used[k] += sign
	if kd.pool == NoLimit {
		return
	}
	for _, index := range [2]int{kd.pool, len(p.in.pools) - 1} {
		use := &p.pools[index]
		use.bins += sign
		use.price += float64(sign) * kd.price
		for d, most := range p.in.pools[index].MaxTotal {
			if most != NoLimit { // others could overflow, and nobody asks
				use.total[d] += int64(sign) * kd.whole[d]
			}
		}
	}
}

// open puts an empty bin of kind k into use; the caller has asked canOpen.
func (p *plan) open(k int) *load {
	l := &load{kind: k, free: slices.Clone(p.in.kinds[k].capacity)}
	p.loads = append(p.loads, l)
	p.account(k, 1)
	return l
}

// closeAt gives a bin back and what lay in it to left. The last load takes its place.
func (p *plan) closeAt(index int) *load {
	l := p.loads[index]
	last := len(p.loads) - 1
	p.loads[index] = p.loads[last]
	p.loads = p.loads[:last]
	p.account(l.kind, -1)
	for _, s := range l.items {
		p.left[s.item] += int(s.n)
		p.lack += int(s.n)
	}
	return l
}

// reopen undoes closeAt for a load that still holds its items.
func (p *plan) reopen(l *load) {
	p.loads = append(p.loads, l)
	p.account(l.kind, 1)
	for _, s := range l.items {
		p.left[s.item] -= int(s.n)
		p.lack -= int(s.n)
	}
}

// put moves n items from left into the load; the caller has asked room.
func (p *plan) put(l *load, i, n int) {
	for d, s := range p.in.items[i].size {
		l.free[d] -= s * int64(n)
	}
	at, found := slices.BinarySearchFunc(l.items, int32(i), func(s stock, i int32) int { return cmp.Compare(s.item, i) })
	if found {
		l.items[at].n += int32(n)
	} else {
		l.items = slices.Insert(l.items, at, stock{int32(i), int32(n)})
	}
	p.left[i] -= n
	p.lack -= n
}

// take moves n items from the load back to left.
func (p *plan) take(l *load, i, n int) {
	for d, s := range p.in.items[i].size {
		l.free[d] += s * int64(n)
	}
	at, _ := slices.BinarySearchFunc(l.items, int32(i), func(s stock, i int32) int { return cmp.Compare(s.item, i) })
	if l.items[at].n -= int32(n); l.items[at].n == 0 {
		l.items = slices.Delete(l.items, at, at+1)
	}
	p.left[i] += n
	p.lack += n
}

// room is how many more of item i the load can take, whatever is left of it.
func (p *plan) room(l *load, i int) int {
	kd, it := &p.in.kinds[l.kind], &p.in.items[i]
	if !kd.fits[i] {
		return 0
	}
	n := math.MaxInt32
	for d, s := range it.size {
		if s > 0 {
			if s > l.free[d] {
				return 0
			}
			n = int(min(int64(n), l.free[d]/s))
		}
	}
	if it.max != math.MaxInt32 {
		n = min(n, it.max-l.count(i))
	}
	if n > 0 && it.coupled {
		n = min(n, p.in.coupledRoom(l, i))
	}
	return max(n, 0)
}

func (l *load) count(i int) int {
	for _, s := range l.items {
		if int(s.item) == i {
			return int(s.n)
		}
	}
	return 0
}

// coupledRoom is room as far as conflicts, caps and requirements go.
func (in *instance) coupledRoom(l *load, i int) int {
	for _, s := range l.items {
		if _, hit := slices.BinarySearch(in.conflicts[i], s.item); hit {
			return 0
		}
	}
	n := math.MaxInt32
	for _, u := range in.capsOf[i] {
		c := &in.caps[u]
		left := c.Max - in.kinds[l.kind].heldBy(int(u))
		for _, s := range l.items {
			if _, counts := slices.BinarySearch(c.Classes, int(s.item)); counts {
				left -= int(s.n)
			}
		}
		n = min(n, left)
	}
	if n > 0 && !in.met(l.kind, l.items, i) {
		return 0
	}
	return n
}

func (k *kind) heldBy(u int) int {
	if k.held == nil {
		return 0
	}
	return k.held[u]
}

// met says whether every requirement of item i is met by the bin itself, by what lies in it, or by i.
func (in *instance) met(k int, items []stock, i int) bool {
	for _, r := range in.requireOf[i] {
		if !in.meets(k, items, int(r), i) {
			return false
		}
	}
	return true
}

func (in *instance) meets(k int, items []stock, r, i int) bool {
	if m := in.kinds[k].meets; m != nil && m[r] {
		return true
	}
	meeting := in.requires[r].AnyOf
	if _, itself := slices.BinarySearch(meeting, i); itself {
		return true
	}
	for _, s := range items {
		if _, has := slices.BinarySearch(meeting, int(s.item)); has {
			return true
		}
	}
	return false
}

// allMet says whether every item of a finished load has its requirements met.
func (in *instance) allMet(k int, items []stock) bool {
	for _, s := range items {
		if !in.met(k, items, int(s.item)) {
			return false
		}
	}
	return true
}

// price sums the prices of the bins in use, kind by kind, so that the order in which they were opened does not show.
func (p *plan) price() float64 {
	sum := 0.0
	for k, n := range p.used {
		sum += float64(n) * p.in.kinds[k].price
	}
	return sum
}

// merit is what solutions are compared by.
type merit struct {
	unplaced int
	price    float64
	bins     int
	rank     int
}

func (p *plan) merit() merit {
	m := merit{price: p.price(), unplaced: p.lack}
	for k, n := range p.used {
		if p.in.kinds[k].price > 0 || p.in.kinds[k].pool != NoLimit {
			m.bins += n
			m.rank += n * p.in.kinds[k].rank
		}
	}
	return m
}

// meritOf is the merit of a few loads alone; differences of it are differences of the whole plan's.
func (p *plan) meritOf(loads []*load) merit {
	m := merit{unplaced: p.lack}
	for _, l := range loads {
		kd := &p.in.kinds[l.kind]
		m.price += kd.price
		if kd.price > 0 || kd.pool != NoLimit {
			m.bins++
			m.rank += kd.rank
		}
	}
	return m
}

// better says whether m is to be preferred to o.
func (m merit) better(o merit) bool {
	if m.unplaced != o.unplaced {
		return m.unplaced < o.unplaced
	}
	if math.Abs(m.price-o.price) > tiny {
		return m.price < o.price
	}
	if m.bins != o.bins {
		return m.bins < o.bins
	}
	return m.rank < o.rank
}

// satisfyMinimums buys the cheapest empty bins until every pool, then all pools together, has its MinBins, as far as
// limits allow.
func (p *plan) satisfyMinimums() {
	for index := range p.in.pools {
		counts := func(pool int) bool { return pool == index || index == len(p.in.pools)-1 && pool != NoLimit }
		for p.pools[index].bins < p.in.pools[index].MinBins {
			cheapest := -1 // kinds are ordered by price
			for k := range p.in.kinds {
				if counts(p.in.kinds[k].pool) && p.canOpen(k) {
					cheapest = k
					break
				}
			}
			if cheapest < 0 {
				break
			}
			p.open(cheapest)
		}
	}
}

// meetsMinimums says whether no pool, nor all pools together, needs one more bin for its MinBins.
func (p *plan) meetsMinimums() bool {
	for index := range p.pools {
		if p.pools[index].bins < p.in.pools[index].MinBins {
			return false
		}
	}
	return true
}
