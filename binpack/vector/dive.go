package vector

import (
	"cmp"
	"slices"
)

// dive rounds the master's solution to a plan: bins that it uses whole times are fixed, then the most nearly whole column
// is, the master is solved again for what is left (from the basis at hand, by the dual simplex), new columns are generated
// for it, and so on until nothing is left. Noise in that choice makes dives differ.
func (g *generator) dive(start *plan, pk *packer, rnd *random, noise float64) *plan {
	full, loads := g.lp, g.loads
	g.keepPromising()
	defer func() { g.lp, g.loads = full, loads }()
	p := start.clone()
	b := make([]float64, g.lp.m)
	for {
		if g.meter.left() <= 0 {
			break
		}
		fixed := g.fixWhole(p)
		if !fixed {
			fixed = g.fixBest(p, rnd, noise)
		}
		if !fixed {
			break
		}
		if p.lack == 0 {
			break
		}
		g.rightHand(b, p.left, p)
		g.lp.setB(b)
		if !g.lp.dual() {
			g.lp.refactor()
			if !g.lp.dual() {
				break
			}
		}
		g.generate(p.left, effort{rounds: 3, nodes: 60, most: 60})
	}
	y := make([]float64, len(g.in.items))
	g.prices(y)
	pk.topUp(p, g.all)
	pk.complete(p, g.all, y, 100)
	g.meter.dives++
	return p
}

// keepPromising gives the dive a master of its own, with the columns in the basis and those nearest to entering it: the
// dual simplex looks at every column in every step.
func (g *generator) keepPromising() {
	var out []int // columns outside the basis, nearest first
	for j := g.first; j < len(g.lp.columns); j++ {
		if g.lp.where[j] < 0 {
			out = append(out, j)
		}
	}
	cost := make([]float64, len(g.lp.columns))
	for _, j := range out {
		cost[j] = g.lp.reduced(j) / max(g.lp.columns[j].cost, tiny)
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Or(cmp.Compare(cost[a], cost[b]), cmp.Compare(a, b)) })
	out = out[min(len(out), 2*g.lp.m+100):]
	slices.Sort(out)
	g.lp = g.lp.clone(out)
	kept := make([]load, 0, len(g.loads))
	for at := range g.loads {
		if _, drop := slices.BinarySearch(out, g.first+at); !drop {
			kept = append(kept, g.loads[at])
		}
	}
	g.loads = kept
}

// fixWhole fixes every column as often as the master uses it in full, as far as that is still asked for and allowed.
func (g *generator) fixWhole(p *plan) bool {
	fixed := false
	for r, j := range g.lp.basis {
		if int(j) < g.first {
			continue
		}
		if n := int(g.lp.x[r] + 1e-5); n > 0 {
			fixed = g.fix(p, int(j)-g.first, n, true) > 0 || fixed
		}
	}
	return fixed
}

// fix opens up to n bins for a column. When exact, only bins that are needed in full; otherwise the last may be trimmed to
// what is left.
func (g *generator) fix(p *plan, column, n int, exact bool) int {
	l := &g.loads[column]
	done := 0
	for ; done < n && p.canOpen(l.kind); done++ {
		full, something := true, false
		for _, s := range l.items {
			full = full && p.left[s.item] >= int(s.n)
			something = something || p.left[s.item] > 0
		}
		if !something || exact && !full {
			break
		}
		opened := p.open(l.kind)
		for _, s := range l.items {
			if t := min(int(s.n), p.left[s.item]); t > 0 {
				p.put(opened, int(s.item), t)
			}
		}
		if !full && !g.in.allMet(l.kind, opened.items) {
			p.closeAt(len(p.loads) - 1)
			break
		}
	}
	g.meter.spend(10 * done * len(l.items))
	return done
}

// fixBest fixes the column that the master uses most nearly in full, once, and with it others that are close to whole.
func (g *generator) fixBest(p *plan, rnd *random, noise float64) bool {
	type option struct {
		column int
		score  float64
	}
	var options []option
	for r, j := range g.lp.basis {
		if int(j) < g.first || g.lp.x[r] < 1e-6 {
			continue
		}
		x := g.lp.x[r]
		options = append(options, option{int(j) - g.first, x - float64(int(x)) + noise*rnd.unit()})
	}
	slices.SortStableFunc(options, func(a, b option) int {
		if a.score != b.score {
			if a.score > b.score {
				return -1
			}
			return 1
		}
		return a.column - b.column
	})
	most := 1 + len(options)/40
	fixed := 0
	for at, o := range options {
		if fixed >= most || at > 0 && fixed > 0 && o.score < 0.5 {
			break
		}
		fixed += g.fix(p, o.column, 1, fixed > 0)
	}
	return fixed > 0
}
