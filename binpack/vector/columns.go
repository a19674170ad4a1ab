package vector

import (
	"math"
	"slices"
)

// limitRow is a row of the master program that no item belongs to.
type limitRow struct {
	atLeast bool
	bound   float64
	kind    int // the only kind that counts, or -1
	pool    int // the only pool that counts; the last one counts all
	per     func(k *kind) float64
}

// coef is what one bin of kind k adds to the row.
func (r *limitRow) coef(in *instance, k int) float64 {
	kd := &in.kinds[k]
	switch {
	case r.kind >= 0 && r.kind != k, r.kind < 0 && kd.pool == NoLimit,
		r.kind < 0 && r.pool != len(in.pools)-1 && r.pool != kd.pool:
		return 0
	}
	return r.per(kd)
}

// proves says whether the row's price may take part in a bound. Counts of a kind do so by themselves, and a least number
// of bins may turn out to be out of reach.
func (r *limitRow) proves() bool { return r.kind < 0 && !r.atLeast }

// generator owns the master program and makes columns for it.
type generator struct {
	in     *instance
	meter  *meter
	lp     *simplex
	ks     *knapsack
	limits []limitRow
	kinds  []int   // kinds the master may use
	all    []int32 // every item that is asked for
	first  int     // index of the first column that is a load
	loads  []load  // per such column: kind and items

	best      *duals  // proved the best bound; kinds outside the master count as worth nothing
	bestBound float64 // of the demand that generate was given, with everything served
}

func newGenerator(in *instance, meter *meter, kinds []int, w []float64) *generator {
	g := &generator{in: in, meter: meter, ks: newKnapsack(in, meter, w), kinds: kinds}
	n := len(in.items)
	for i := range in.items {
		if in.items[i].demand > 0 {
			g.all = append(g.all, int32(i))
		}
	}
	g.limits = in.limitRows(kinds)
	m := n + len(g.limits)
	atLeast, b, shortfall := make([]bool, m), make([]float64, m), make([]float64, m)
	for i := range n {
		atLeast[i], shortfall[i] = true, in.penalty
	}
	for r := range g.limits {
		atLeast[n+r], shortfall[n+r] = g.limits[r].atLeast, in.penalty
	}
	g.rightHand(b, in.demands(), nil)
	g.lp = newSimplex(atLeast, b, shortfall, meter)
	g.first = 2 * m
	return g
}

func (in *instance) limitRows(kinds []int) []limitRow {
	var rows []limitRow
	items := in.total()
	one := func(*kind) float64 { return 1 }
	for _, k := range kinds {
		if n := in.kinds[k].count; n < items {
			rows = append(rows, limitRow{bound: float64(n), kind: k, per: one})
		}
	}
	for index := range in.pools {
		l := &in.pools[index]
		if l.MaxBins != NoLimit && l.MaxBins < items {
			rows = append(rows, limitRow{bound: float64(l.MaxBins), kind: -1, pool: index, per: one})
		}
		if l.MinBins > 0 {
			rows = append(rows, limitRow{atLeast: true, bound: float64(l.MinBins), kind: -1, pool: index, per: one})
		}
		if l.MaxPrice != NoLimit {
			scale := max(in.maxPrice, 1e-9)
			rows = append(rows, limitRow{bound: l.MaxPrice / scale, kind: -1, pool: index,
				per: func(k *kind) float64 { return k.price / scale }})
		}
		for d, most := range l.MaxTotal {
			scale := 0.0
			for k := range in.kinds {
				scale = max(scale, float64(in.kinds[k].whole[d]))
			}
			if most != NoLimit && scale > 0 {
				rows = append(rows, limitRow{bound: float64(most) / scale, kind: -1, pool: index,
					per: func(k *kind) float64 { return float64(max(k.whole[d], 0)) / scale }})
			}
		}
	}
	return rows
}

// rightHand writes the master's right-hand side for what is left of the demand and, if not nil, of the limits after the
// bins of p. Demands are raised by a millionth or less, each differently: that breaks the ties which stall a simplex, and
// bounds do not read the right-hand side.
func (g *generator) rightHand(b []float64, left []int, p *plan) {
	n := len(g.in.items)
	for i := range n {
		b[i] = float64(left[i])
		if left[i] > 0 {
			b[i] *= 1 + 1e-6*float64(mix(uint64(i), 11)%1024)/1024
		}
	}
	for r := range g.limits {
		row := &g.limits[r]
		b[n+r] = row.bound
		if p == nil {
			continue
		}
		for k, used := range p.used {
			if used > 0 {
				b[n+r] -= float64(used) * row.coef(g.in, k)
			}
		}
		b[n+r] = max(b[n+r], 0)
	}
}

// addLoad makes a column of a load of kind k.
func (g *generator) addLoad(k int, items []stock) {
	c := sparse{cost: g.in.kinds[k].price, rows: make([]int32, 0, len(items)+1), coef: make([]float64, 0, len(items)+1)}
	for _, s := range items {
		c.rows, c.coef = append(c.rows, s.item), append(c.coef, float64(s.n))
	}
	for r := range g.limits {
		if a := g.limits[r].coef(g.in, k); a != 0 {
			c.rows, c.coef = append(c.rows, int32(len(g.in.items)+r)), append(c.coef, a)
		}
	}
	g.lp.add(c)
	g.loads = append(g.loads, load{kind: k, items: slices.Clone(items)})
	g.meter.columns++
	g.meter.spend(4 * len(c.rows))
}

// addLoadOnce adds a load of a plan unless it is the same as the one before it: equal bins of a plan are neighbours.
func (g *generator) addLoadOnce(k int, items []stock) {
	if last := len(g.loads) - 1; last >= 0 && g.loads[last].kind == k && slices.Equal(g.loads[last].items, items) {
		return
	}
	g.addLoad(k, items)
}

// seed adds, for each item, the cheapest way to serve it alone, so that the first duals make sense.
func (g *generator) seed() {
	for _, i := range g.all {
		it := &g.in.items[i]
		bestKind, bestN, bestPrice := -1, 0, math.Inf(1)
		for _, k := range g.kinds {
			kd := &g.in.kinds[k]
			if !kd.fits[i] || !g.in.met(k, nil, int(i)) {
				continue
			}
			n := min(it.max, it.demand)
			for d, s := range it.size {
				if s > 0 {
					n = int(min(int64(n), kd.capacity[d]/s))
				}
			}
			for _, u := range g.in.capsOf[i] {
				n = min(n, g.in.caps[u].Max-kd.heldBy(int(u)))
			}
			if n > 0 && kd.price/float64(n) < bestPrice {
				bestKind, bestN, bestPrice = k, n, kd.price/float64(n)
			}
		}
		if bestKind >= 0 {
			g.addLoad(bestKind, []stock{{i, int32(bestN)}})
		}
	}
}

// prices clips the dual prices of the items to what they may be.
func (g *generator) prices(y []float64) {
	for i := range y {
		y[i] = max(g.lp.y[i], 0)
	}
}

// limitPrice is Σ_r μ_r·a_rk: what the limits charge (negative) or pay (positive) for a bin of kind k. Without
// all, only rows that may take part in a bound.
func (g *generator) limitPrice(mu []float64, k int, all bool) float64 {
	sum := 0.0
	for r := range g.limits {
		if mu[r] != 0 && (all || g.limits[r].proves()) {
			sum += mu[r] * g.limits[r].coef(g.in, k)
		}
	}
	return sum
}

// effort says how hard generate tries.
type effort struct {
	rounds int
	nodes  int     // of each knapsack search at first
	most   int     // when nothing is found, nodes grow up to here
	prove  bool    // keep the duals that prove the best bound
	known  float64 // a bound in $/h from elsewhere
	gap    float64 // relative difference of bound and master at which to stop
}

// generate alternates between solving the master and pricing until no load is worth more than its bin, the rounds are
// used up, or the bound meets the master's value.
func (g *generator) generate(left []int, e effort) {
	n := len(g.in.items)
	y, center := make([]float64, n), make([]float64, n)
	mu := make([]float64, len(g.limits))
	blend, nodes := 0.0, e.nodes
	haveCenter := false
	among := make([]int32, 0, len(g.all))
	for _, i := range g.all {
		if left[i] > 0 {
			among = append(among, i)
		}
	}
	for range e.rounds {
		optimal := g.lp.primal()
		if g.meter.left() <= 0 {
			return
		}
		if !optimal {
			return
		}
		g.meter.rounds++
		g.prices(y)
		if blend > 0 && haveCenter {
			for i := range y {
				y[i] = blend*center[i] + (1-blend)*y[i]
			}
		}
		for r := range mu {
			mu[r] = g.lp.y[n+r]
		}
		found, q := g.round(left, among, y, mu, nodes, e.prove)
		if e.prove {
			if bound := g.in.bound(q, left, 0); bound > g.bestBound || g.best == nil {
				g.best, g.bestBound = q, bound
				copy(center, y)
				haveCenter = true
			}
			if max(g.bestBound, e.known) >= g.objective()*(1-e.gap) {
				return
			}
		}
		if found {
			if e.prove {
				blend = 0.6
			}
			continue
		}
		switch {
		case blend > 0:
			blend = 0
		case nodes < e.most:
			nodes = min(4*nodes, e.most)
		default:
			return
		}
	}
}

// objective is the value of the master for its present right-hand side, artificial columns included.
func (g *generator) objective() float64 {
	sum := 0.0
	for r, j := range g.lp.basis {
		sum += g.lp.columns[j].cost * g.lp.x[r]
	}
	return sum
}

// round prices every kind once and adds the loads worth more than their bins at the master's own prices. It returns the
// duals with the upper bounds that pricing proved when prove is set.
func (g *generator) round(left []int, among []int32, y, mu []float64, nodes int, prove bool) (found bool, q *duals) {
	if prove {
		q = &duals{y: slices.Clone(y), upper: make([]float64, len(g.in.kinds))}
		for r := range g.limits {
			if g.limits[r].proves() {
				q.limits += mu[r] * g.limits[r].bound
			}
		}
	}
	added := 0
	bestKind, bestRatio := -1, 0.0
	for _, k := range g.kinds {
		price := g.in.kinds[k].price - g.limitPrice(mu, k, true)
		value, upper := g.ks.fill(k, y, left, among, nodes, price+1e-8)
		if prove {
			q.upper[k] = upper + g.limitPrice(mu, k, false)
		}
		if value > price+1e-8 && g.improves(k, g.ks.best) {
			g.addLoad(k, g.ks.best)
			added++
			if ratio := value / max(price, 1e-9); ratio > bestRatio {
				bestKind, bestRatio = k, ratio
			}
		}
	}
	if target := len(among) / 6; bestKind >= 0 && added < target {
		g.spread(left, among, y, bestKind, nodes/8+20, target-added, mu)
	}
	return added > 0, q
}

// improves says whether a load has negative reduced cost at the master's own duals, which smoothing may have left.
func (g *generator) improves(k int, items []stock) bool {
	d := g.in.kinds[k].price
	for _, s := range items {
		d -= g.lp.y[s.item] * float64(s.n)
	}
	for r := range g.limits {
		if mu := g.lp.y[len(g.in.items)+r]; mu != 0 {
			d -= mu * g.limits[r].coef(g.in, k)
		}
	}
	return d < -1e-9
}

// spread adds loads of kind k that are disjoint from each other, as long as they are worth it: where classes are many and
// demands small, one column per round would take far too many rounds.
func (g *generator) spread(left []int, among []int32, y []float64, k, nodes, most int, mu []float64) {
	rest := slices.Clone(left)
	price := g.in.kinds[k].price - g.limitPrice(mu, k, true)
	for t := 0; t < most; t++ {
		value, _ := g.ks.fill(k, y, rest, among, nodes, price+1e-8)
		if value <= price+1e-8 {
			return
		}
		if t > 0 && g.improves(k, g.ks.best) {
			g.addLoad(k, g.ks.best)
		}
		for _, s := range g.ks.best {
			rest[s.item] -= int(s.n)
		}
	}
}

// withFree is the best duals with every kind outside the master at what it is worth at most: a bound for all demand.
func (g *generator) withFree() *duals {
	q := &duals{y: g.best.y, upper: slices.Clone(g.best.upper), limits: g.best.limits}
	demand := g.in.demands()
	for k := range q.upper {
		if !slices.Contains(g.kinds, k) {
			_, q.upper[k] = g.ks.fill(k, q.y, demand, g.all, 60, 0)
		}
	}
	return q
}
