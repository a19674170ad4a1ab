package vector

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// regime says which instances are treated how.
type regime struct {
	// masterItems is the largest number of internal classes that the master program has rows for. Beyond, items are
	// priced by the resources they take, the bound is the sum of resources, and packing is greedy with local search:
	// where sizes are that many, something fits into every gap, and both are tight.
	masterItems int
	// manyItems is the number of internal classes above which local search comes before the master as well.
	manyItems int
	// freeKinds is how many kinds of free machines may enter the master; more are filled before it (existing.go).
	freeKinds int
}

var usual = regime{masterItems: 600, manyItems: 100, freeKinds: 40}

// search is one Solve under way.
type search struct {
	in     *instance
	meter  *meter
	gap    float64
	regime regime
	w      []float64 // prices of resources, per dimension
	pk     *packer
	best   *plan
	score  merit

	duals    []*duals
	bound    float64 // with everything served
	resource *duals
	guide    *duals // the prices that packing and local search go by

	parts *parts // nil when nothing can be solved on its own
}

// Solve packs the problem: most items served first, then the lowest price, then the fewest bins, then the lowest rank. The
// error is that of Validate. Equal problems and budgets give equal solutions; the price does not depend on the order of
// classes and bins.
func Solve(p *Problem, budget Budget) (Solution, error) { return solve(p, budget, usual) }

func solve(p *Problem, budget Budget, r regime) (Solution, error) {
	if err := p.Validate(); err != nil {
		return Solution{}, fmt.Errorf("vector packing: %w", err)
	}
	if budget.Gap <= 0 {
		budget.Gap = DefaultGap
	}
	s := &search{in: newInstance(p), meter: newMeter(budget), gap: budget.Gap, regime: r}
	s.run()
	return s.solution(), nil
}

// run solves what it can exactly (parts.go) and searches for the rest.
func (s *search) run() {
	if s.parts = s.separate(); s.parts == nil || !s.inParts() {
		s.whole()
	}
}

// whole searches for everything at once.
func (s *search) whole() {
	in := s.in
	s.weigh()
	s.guide = s.resource
	s.pk = newPacker(in, s.meter, newKnapsack(in, s.meter, s.w), s.w)
	if len(s.pk.free) > s.regime.freeKinds {
		s.fillFree()
	} else {
		s.packAll()
	}
	if s.score.unplaced == 0 && s.meter.left() > 0 {
		// The target is met: a little more search, for fewer bins at no more money.
		im := newImprover(in, s.meter, s.pk, s.guide, -1)
		im.run(s.best, s.meter.limit/100, s.meter.limit/200)
		s.offer(s.best)
	}
}

// weigh prices resources, and bounds by their sum.
func (s *search) weigh() {
	s.w = s.in.resourceWeights(s.meter)
	s.resource = s.in.resourceDuals(s.w)
	s.bound = s.in.bound(s.resource, s.in.demands(), 0)
}

// packAll solves the instance as it stands.
func (s *search) packAll() {
	all := s.in.wanted()
	first := newPlan(s.in)
	s.pk.complete(first, all, s.guide.y, 0)
	s.pk.topUp(first, all)
	s.offer(first)
	if len(all) == 0 || s.done() {
		return
	}
	if len(all) > s.regime.masterItems {
		s.searchAround()
	} else {
		s.generateAndDive()
	}
}

// searchAround is local search alone, for as long as it helps.
func (s *search) searchAround() {
	im := newImprover(s.in, s.meter, s.pk, s.guide, s.target())
	im.run(s.best, s.meter.left(), s.meter.limit/4)
	s.offer(s.best)
}

// generateAndDive bounds by column generation and rounds by dives.
func (s *search) generateAndDive() {
	in, meter := s.in, s.meter
	kinds := make([]int, len(in.kinds))
	for k := range kinds {
		kinds[k] = k
	}
	g := newGenerator(in, meter, kinds, s.w)
	if len(g.all) > s.regime.manyItems {
		// The master will take long: a good plan first, in case it does not get far, and good columns for it to begin with.
		im := newImprover(in, meter, s.pk, s.guide, s.target())
		im.run(s.best, meter.left()/8, meter.limit/20)
		s.offer(s.best)
	}
	total := meter.limit
	meter.limit = meter.spent + (total-meter.spent)/2
	g.seed()
	for _, l := range s.best.loads {
		g.addLoadOnce(l.kind, l.items)
	}
	g.generate(in.demands(), effort{rounds: 3000, nodes: 150, most: 2400, prove: true, known: s.bound, gap: s.gap * 0.6})
	meter.limit = total
	if g.best != nil {
		s.prove(g.best)
		s.guide = g.best
	}
	s.diveAndImprove(g, newPlan(in), 2)
}

// prove keeps duals for the bound.
func (s *search) prove(q *duals) {
	s.duals = append(s.duals, q)
	s.bound = max(s.bound, s.in.bound(q, s.in.demands(), 0))
}

// diveAndImprove rounds the master's solution to complete the start in several ways, until one part in share of the work
// that is left is done, and then searches around the best.
func (s *search) diveAndImprove(g *generator, start *plan, share int64) {
	meter := s.meter
	im := newImprover(s.in, meter, s.pk, s.guide, s.target())
	dives, failed := meter.left()/share, 0
	for d := 0; failed < s.persistence() && !s.done() && dives > 0; d++ {
		before, price := meter.spent, s.score.price
		p := g.dive(start, s.pk, newRandom(uint64(d+1)), float64(d)*0.1)
		im.run(p, meter.left()/20, meter.limit/60)
		s.offer(p)
		if failed++; s.score.price < price*(1-s.gap/2) {
			failed = 0
		}
		dives -= meter.spent - before
	}
	if !s.done() {
		im.run(s.best, meter.left(), int64(s.persistence())*meter.limit/24)
		s.offer(s.best)
	}
}

// persistence is how many dives may fail before local search takes over, and how long that goes on without success: less
// where little is left to gain.
func (s *search) persistence() int {
	if s.score.unplaced == 0 && s.score.price <= s.bound*(1+10*s.gap) {
		return 1
	}
	return 2
}

// offer keeps a plan when it is the best so far.

func (s *search) offer(p *plan) {
	s.pk.finish(p)
	if m := p.merit(); s.best == nil || m.better(s.score) {
		s.best, s.score = p.clone(), m
	}
}

// done says whether nothing better can exist, or the work has run out.
func (s *search) done() bool {
	return s.meter.left() <= 0 || s.score.unplaced == 0 && s.score.price <= s.target()
}

// target is the price in $/h at which the search is content.
func (s *search) target() float64 { return s.in.roundUp(s.bound)*(1+s.gap) + tiny }

// wanted lists the items that are asked for.
func (in *instance) wanted() []int32 {
	var all []int32
	for i := range in.items {
		if in.items[i].demand > 0 {
			all = append(all, int32(i))
		}
	}
	return all
}

// solution translates the best plan back to the problem's classes and bins.
func (s *search) solution() Solution {
	in, p := s.in, s.in.problem
	out := Solution{Unplaced: make([]int, len(p.Classes)), Price: s.score.price,
		Rounds: s.meter.rounds, Columns: s.meter.columns, Pivots: s.meter.pivots, Nodes: s.meter.nodes,
		Dives: s.meter.dives, Moves: s.meter.moves, Work: s.meter.spent, Truncated: s.meter.left() <= 0}
	unserved := 0
	classes := make([]dealer, len(in.items))
	for i := range in.items {
		classes[i] = dealer{members: in.items[i].members, size: func(c int) int { return p.Classes[c].Demand }}
		unserved += s.best.left[i]
	}
	bins := make([]dealer, len(in.kinds))
	for k := range in.kinds {
		bins[k] = dealer{members: in.kinds[k].members, size: func(b int) int {
			if p.Bins[b].Count == NoLimit {
				return math.MaxInt
			}
			return p.Bins[b].Count
		}}
	}
	loads := slices.Clone(s.best.loads)
	slices.SortStableFunc(loads, func(a, b *load) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), slices.CompareFunc(a.items, b.items, func(x, y stock) int {
			return cmp.Or(cmp.Compare(x.item, y.item), cmp.Compare(y.n, x.n))
		}))
	})
	for _, l := range loads {
		used := UsedBin{}
		bins[l.kind].deal(1, func(b, _ int) { used.Kind = b })
		for _, st := range l.items {
			classes[st.item].deal(int(st.n), func(c, n int) { used.Items = append(used.Items, ClassCount{c, n}) })
		}
		slices.SortFunc(used.Items, func(a, b ClassCount) int { return a.Class - b.Class })
		out.Bins = append(out.Bins, used)
	}
	slices.SortStableFunc(out.Bins, func(a, b UsedBin) int { return a.Kind - b.Kind })
	for i := range in.items {
		classes[i].deal(s.best.left[i], func(c, n int) { out.Unplaced[c] += n })
		if in.hopeless[i] > 0 {
			for _, c := range in.items[i].members {
				out.Unplaced[c] = p.Classes[c].Demand
			}
		}
	}
	out.LowerBound, out.BoundProven = s.lowerBound(unserved)
	out.LowerBound = min(out.LowerBound, out.Price)
	return out
}

// lowerBound is the best of the bounds that were found for plans that leave at most as many items unserved; proven is as
// Solution.BoundProven.
func (s *search) lowerBound(unserved int) (price float64, proven bool) {
	if s.resource != nil {
		demand := s.in.demands()
		price = s.in.bound(s.resource, demand, unserved)
		for _, q := range s.duals {
			if b := s.in.bound(q, demand, unserved); b >= price {
				price, proven = b, true
			}
		}
		price = s.in.roundUp(price * (1 - 1e-9))
	}
	if s.parts != nil {
		if b, exact := s.parts.lowerBound(unserved); b >= price {
			price, proven = b, exact
		}
	}
	return price, proven
}

// dealer hands out the members of a merged class or kind in order.
type dealer struct {
	members []int
	size    func(member int) int
	at, out int
}

func (d *dealer) deal(n int, give func(member, n int)) {
	for n > 0 {
		left := d.size(d.members[d.at]) - d.out
		if left == 0 {
			d.at, d.out = d.at+1, 0
			continue
		}
		t := min(n, left)
		give(d.members[d.at], t)
		d.out += t
		n -= t
	}
}
