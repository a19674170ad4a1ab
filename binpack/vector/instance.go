package vector

import (
	"cmp"
	"math"
	"slices"
)

// item is an internal class: equal, uncoupled classes of the problem merged into one.
type item struct {
	size    []int64 // a part of instance.sizes
	demand  int
	max     int   // per bin, math.MaxInt32 for no cap
	members []int // classes of the problem, in order
	coupled bool  // named by a conflict, a cap or a requirement
	enables bool  // meets a requirement of others, so that even one of no value may be worth having
}

// kind is an internal kind of bin: equal bins of the problem merged into one.
type kind struct {
	capacity []int64 // in the instance's dimensions
	whole    []int64 // in the problem's, for limits of pools
	price    float64
	count    int // math.MaxInt32 for any number
	pool     int // NoLimit for none
	rank     int
	fits     []bool // per item; already false where the size alone forbids
	held     []int  // per cap
	meets    []bool // per requirement
	members  []int  // bins of the problem, in order
}

// instance is a problem in canonical form: merged, pruned, and ordered by what things are, not by where they stood, so
// that a shuffled problem is solved the same way.
type instance struct {
	problem *Problem
	dims    int     // dimensions that something is asked for in
	sizes   []int64 // items × dims, row by row
	items   []item
	kinds   []kind
	pools   []Pool // those of the problem, then the global one

	conflicts [][]int32 // per item, sorted: items it may not meet
	capsOf    [][]int32 // per item: caps that count it
	caps      []Cap     // over items
	requireOf [][]int32 // per item: requirements it has
	requires  []Requirement

	maxPrice float64 // of a kind
	hopeless []int   // per item: demand that no kind of bin can take, already removed from demand
	penalty  float64 // $/h for leaving one item unserved: above any price of serving it
}

func newInstance(p *Problem) *instance {
	in := &instance{problem: p}
	in.pools = append(in.pools, p.Pools...)
	global := NoLimits()
	if p.Global != nil {
		global = *p.Global
	}
	in.pools = append(in.pools, global)

	classHash, fitHash, binHash := signatures(p)
	itemOf := in.mergeClasses(p, classHash, fitHash)
	asked := in.compress(p)
	in.mergeBins(p, binHash, asked)
	in.couple(p, itemOf)
	for k := range in.kinds {
		in.maxPrice = math.Max(in.maxPrice, in.kinds[k].price)
	}
	in.hopeless = make([]int, len(in.items))
	for i := range in.items {
		if !slices.ContainsFunc(in.kinds, func(k kind) bool { return k.fits[i] }) {
			in.hopeless[i], in.items[i].demand = in.items[i].demand, 0
		}
	}
	in.penalty = 10*in.maxPrice + 1
	return in
}

// mergeClasses fills items and returns the item of every class.
func (in *instance) mergeClasses(p *Problem, hash, fits []uint64) []int {
	coupled := coupledClasses(p)
	order := make([]int, len(p.Classes))
	for c := range order {
		order[c] = c
	}
	// Ordered by which bins take them before anything else that differs, classes that can be merged are neighbours.
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(
			-slices.Compare(p.Classes[a].Size, p.Classes[b].Size),
			cmp.Compare(p.Classes[a].MaxPerBin, p.Classes[b].MaxPerBin),
			cmp.Compare(fits[a], fits[b]),
			compareBool(coupled[a], coupled[b]),
			cmp.Compare(hash[a], hash[b]),
			cmp.Compare(a, b))
	})
	itemOf := make([]int, len(p.Classes))
	for _, c := range order {
		class := &p.Classes[c]
		if last := len(in.items) - 1; last >= 0 {
			first := in.items[last].members[0]
			prev := &p.Classes[first]
			if !coupled[c] && !coupled[first] && class.MaxPerBin == 0 && prev.MaxPerBin == 0 &&
				slices.Equal(class.Size, prev.Size) && sameFits(p, c, first) {
				in.items[last].members = append(in.items[last].members, c)
				in.items[last].demand += class.Demand
				itemOf[c] = last
				continue
			}
		}
		most := class.MaxPerBin
		if most == 0 {
			most = math.MaxInt32
		}
		itemOf[c] = len(in.items)
		in.items = append(in.items, item{size: class.Size, demand: class.Demand, max: most, members: []int{c}, coupled: coupled[c]})
	}
	for i := range in.items {
		slices.Sort(in.items[i].members)
	}
	return itemOf
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// compress keeps the dimensions that some item asks for, lays the sizes out in one piece, and returns which they are.
func (in *instance) compress(p *Problem) []int {
	dims, _ := p.dimensions()
	var asked []int
	for d := range dims {
		if slices.ContainsFunc(in.items, func(it item) bool { return it.demand > 0 && it.size[d] > 0 }) {
			asked = append(asked, d)
		}
	}
	in.dims = len(asked)
	in.sizes = make([]int64, 0, len(in.items)*in.dims)
	for i := range in.items {
		for _, d := range asked {
			in.sizes = append(in.sizes, in.items[i].size[d])
		}
	}
	for i := range in.items {
		in.items[i].size = in.sizes[i*in.dims : (i+1)*in.dims : (i+1)*in.dims]
	}
	return asked
}

func coupledClasses(p *Problem) []bool {
	coupled := make([]bool, len(p.Classes))
	for _, pair := range p.Conflicts {
		coupled[pair[0]], coupled[pair[1]] = true, true
	}
	for _, u := range p.Caps {
		for _, c := range u.Classes {
			coupled[c] = true
		}
	}
	for _, r := range p.Requires {
		coupled[r.Class] = true
		for _, c := range r.AnyOf {
			coupled[c] = true
		}
	}
	return coupled
}

func sameFits(p *Problem, a, b int) bool {
	for k := range p.Bins {
		if f := p.Bins[k].Fits; f != nil && f[a] != f[b] {
			return false
		}
	}
	return true
}

// mergeBins fills kinds, leaving out those that can hold nothing that is asked for and those that another kind beats.
func (in *instance) mergeBins(p *Problem, hash []uint64, asked []int) {
	order := make([]int, len(p.Bins))
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &p.Bins[a], &p.Bins[b]
		return cmp.Or(
			cmp.Compare(x.Price, y.Price),
			cmp.Compare(x.Rank, y.Rank),
			slices.Compare(x.Capacity, y.Capacity),
			cmp.Compare(x.Pool, y.Pool),
			cmp.Compare(hash[a], hash[b]),
			cmp.Compare(a, b))
	})
	for _, k := range order {
		b := &p.Bins[k]
		if b.Count == 0 {
			continue
		}
		capacity := make([]int64, len(asked))
		for at, d := range asked {
			capacity[at] = b.Capacity[d]
		}
		fits, useful := in.fitting(b, capacity)
		if !useful && (b.Pool == NoLimit || in.pools[b.Pool].MinBins == 0 && in.pools[len(in.pools)-1].MinBins == 0) {
			continue
		}
		count := b.Count
		if count == NoLimit {
			count = math.MaxInt32
		}
		next := kind{capacity: capacity, whole: b.Capacity, price: b.Price, count: count, pool: b.Pool, rank: b.Rank,
			fits: fits, held: b.Held, meets: b.Meets, members: []int{k}}
		if last := len(in.kinds) - 1; last >= 0 && sameKind(&in.kinds[last], &next) {
			in.kinds[last].members = append(in.kinds[last].members, k)
			in.kinds[last].count = min(math.MaxInt32, in.kinds[last].count+count)
			continue
		}
		in.kinds = append(in.kinds, next)
	}
	for k := range in.kinds {
		slices.Sort(in.kinds[k].members)
	}
	in.pruneDominated()
}

// fitting says which items could lie alone in an empty bin b.
func (in *instance) fitting(b *Bin, capacity []int64) (fits []bool, useful bool) {
	fits = make([]bool, len(in.items))
	for i := range in.items {
		it := &in.items[i]
		fits[i] = b.Fits == nil || b.Fits[it.members[0]]
		for d := 0; fits[i] && d < in.dims; d++ {
			fits[i] = it.size[d] == 0 || it.size[d] <= capacity[d]
		}
		useful = useful || fits[i] && it.demand > 0
	}
	return fits, useful
}

func sameKind(a, b *kind) bool {
	return a.price == b.price && a.pool == b.pool && a.rank == b.rank &&
		slices.Equal(a.whole, b.whole) && slices.Equal(a.fits, b.fits) &&
		slices.Equal(a.held, b.held) && slices.Equal(a.meets, b.meets)
}

// pruneDominated drops every kind for which another is as cheap, as large in each dimension, fits as many classes, counts
// against no limit that the dropped one is free of, and is there in any number.
func (in *instance) pruneDominated() {
	kept := in.kinds[:0:0]
	for k := range in.kinds {
		dominated := false
		for _, other := range kept {
			if in.dominates(&other, &in.kinds[k]) {
				dominated = true
				break
			}
		}
		if !dominated {
			kept = append(kept, in.kinds[k])
		}
	}
	in.kinds = kept
}

func (in *instance) dominates(a, b *kind) bool {
	if a.price > b.price || a.count != math.MaxInt32 || a.price == b.price && a.rank > b.rank || a.held != nil || b.meets != nil {
		return false
	}
	global := &in.pools[len(in.pools)-1]
	if global.MaxTotal != nil || a.pool != b.pool {
		return false
	}
	if a.pool != NoLimit && in.pools[a.pool].MaxTotal != nil {
		return false
	}
	for d := range a.capacity {
		if a.capacity[d] < b.capacity[d] {
			return false
		}
	}
	for i, f := range b.fits {
		if f && !a.fits[i] {
			return false
		}
	}
	return true
}

// total is how many items are asked for.
func (in *instance) total() int {
	n := 0
	for i := range in.items {
		n += in.items[i].demand
	}
	return n
}

// demands lists how many of each item are asked for.
func (in *instance) demands() []int {
	d := make([]int, len(in.items))
	for i := range in.items {
		d[i] = in.items[i].demand
	}
	return d
}

// couple translates conflicts, caps and requirements from classes to items. Coupled classes are never merged.
func (in *instance) couple(p *Problem, itemOf []int) {
	n := len(in.items)
	in.conflicts, in.capsOf, in.requireOf = make([][]int32, n), make([][]int32, n), make([][]int32, n)
	for _, pair := range p.Conflicts {
		a, b := itemOf[pair[0]], itemOf[pair[1]]
		if a == b {
			in.items[a].max = 1
			continue
		}
		in.conflicts[a] = append(in.conflicts[a], int32(b))
		in.conflicts[b] = append(in.conflicts[b], int32(a))
	}
	for i := range in.conflicts {
		slices.Sort(in.conflicts[i])
		in.conflicts[i] = slices.Compact(in.conflicts[i])
	}
	translate := func(classes []int) []int {
		out := make([]int, 0, len(classes))
		for _, c := range classes {
			out = append(out, itemOf[c])
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	for u, c := range p.Caps {
		in.caps = append(in.caps, Cap{Classes: translate(c.Classes), Max: c.Max})
		for _, i := range in.caps[u].Classes {
			in.capsOf[i] = append(in.capsOf[i], int32(u))
		}
	}
	for r, q := range p.Requires {
		in.requires = append(in.requires, Requirement{Class: itemOf[q.Class], AnyOf: translate(q.AnyOf)})
		for _, i := range in.requires[r].AnyOf {
			in.items[i].enables = true
		}
		in.requireOf[itemOf[q.Class]] = append(in.requireOf[itemOf[q.Class]], int32(r))
	}
}

// signatures gives each class and each bin a number that depends on what it is and on what it is related to, but not on
// its index (colour refinement): it orders what sizes and prices leave equal.
//
// fits is the part of it that depends on which bins take the class alone.
func signatures(p *Problem) (class, fits, bin []uint64) {
	class, bin = make([]uint64, len(p.Classes)), make([]uint64, len(p.Bins))
	for c := range p.Classes {
		h := mix(uint64(p.Classes[c].Demand), uint64(p.Classes[c].MaxPerBin))
		for _, s := range p.Classes[c].Size {
			h = mix(h, uint64(s))
		}
		class[c] = h
	}
	for k := range p.Bins {
		b := &p.Bins[k]
		h := mix(math.Float64bits(b.Price), uint64(b.Count))
		h = mix(mix(h, uint64(b.Pool)), uint64(b.Rank))
		for _, s := range b.Capacity {
			h = mix(h, uint64(s))
		}
		for _, n := range b.Held {
			h = mix(h, uint64(n))
		}
		for _, m := range b.Meets {
			if m {
				h = mix(h, 1)
			} else {
				h = mix(h, 2)
			}
		}
		bin[k] = h
	}
	fits = make([]uint64, len(class))
	for k := range p.Bins {
		for c, f := range p.Bins[k].Fits {
			if f {
				fits[c] += mix(bin[k], 12)
			}
		}
	}
	for range 2 {
		class, bin = refine(p, class, bin)
	}
	return class, fits, bin
}

func refine(p *Problem, class, bin []uint64) (nextClass, nextBin []uint64) {
	nextClass, nextBin = make([]uint64, len(class)), make([]uint64, len(bin))
	for k := range p.Bins {
		fits := p.Bins[k].Fits
		if fits == nil {
			nextBin[k] = bin[k]
			continue
		}
		var sum uint64
		for c, f := range fits {
			if f {
				sum += mix(class[c], 3)
				nextClass[c] += mix(bin[k], 4)
			}
		}
		nextBin[k] = mix(bin[k], sum)
	}
	for _, pair := range p.Conflicts {
		a, b := pair[0], pair[1]
		nextClass[a] += mix(class[b], 5)
		nextClass[b] += mix(class[a], 5)
	}
	for _, u := range p.Caps {
		h := mix(uint64(u.Max), 6)
		for _, c := range u.Classes {
			h += mix(class[c], 6)
		}
		for _, c := range u.Classes {
			nextClass[c] += mix(h, 6)
		}
	}
	for _, r := range p.Requires {
		h := mix(class[r.Class], 7)
		for _, c := range r.AnyOf {
			h += mix(class[c], 8)
		}
		nextClass[r.Class] += mix(h, 9)
		for _, c := range r.AnyOf {
			nextClass[c] += mix(h, 10)
		}
	}
	for c := range class {
		nextClass[c] = mix(class[c], nextClass[c])
	}
	return nextClass, nextBin
}

// mix is the finaliser of splitmix64 over two words.
func mix(a, b uint64) uint64 {
	z := a*0x9E3779B97F4A7C15 + b + 0x632BE59BD9B4E019
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
