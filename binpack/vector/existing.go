package vector

import "slices"

// fillFree serves instances with many different free machines. They would swamp the master, so they are filled before it:
// the items are priced by what buying for all that is left would cost, each free machine takes the load worth most at
// those prices, and the prices are found anew a few times on the way, because they fall as demand shrinks. Every one of
// those prices also proves a bound, in which each free machine counts as minus its own worth.
func (s *search) fillFree() {
	in, pk := s.in, s.pk
	all := in.wanted()
	p := newPlan(in)
	free := slices.Clone(pk.free)
	pk.free = pk.free[:0]
	quick := s.fillInTurn(free, all)
	if quick.lack == 0 {
		s.offer(quick)
		return
	}
	pk.complete(quick, all, s.guide.y, 0)
	s.offer(quick)
	if len(all) > s.regime.masterItems {
		s.searchAround()
		return
	}
	g := newGenerator(in, s.meter, pk.priced, s.w)
	g.seed()
	const stages = 4
	for stage := range stages {
		y := s.freePrices(g, p)
		if stage == 0 && g.best != nil {
			s.guide = g.withFree()
			s.prove(s.guide)
		}
		from, to := len(free)*stage/stages, len(free)*(stage+1)/stages
		for _, k := range free[from:to] {
			s.fillKind(p, k, y, all)
		}
		if p.lack == 0 {
			break
		}
	}
	pk.topUp(p, all)
	rest := p.clone()
	pk.complete(p, all, s.guide.y, 0)
	s.offer(p)
	if rest.lack > 0 && !s.done() {
		s.resume(g, rest, s.gap)
		s.diveAndImprove(g, rest, 16) // most is to be gained from filling the free machines better
	}
}

// fillInTurn fills free machines one after the other, scarce items first: enough where there is room for everything.
func (s *search) fillInTurn(free []int, all []int32) *plan {
	p := newPlan(s.in)
	order := slices.Clone(s.pk.arrange(p, all, s.guide.y))
	for _, k := range free {
		for p.lack > 0 && p.canOpen(k) {
			s.pk.greedy(k, order, p.left, s.guide.y)
			if len(s.pk.try) == 0 {
				break
			}
			l := p.open(k)
			for _, st := range s.pk.try {
				p.put(l, int(st.item), int(st.n))
			}
		}
	}
	return p
}

// roughGap is how far from optimal prices may be that free machines are filled by.
const roughGap = 2e-3

// resume has the master price what p leaves.
func (s *search) resume(g *generator, p *plan, gap float64) {
	b := make([]float64, g.lp.m)
	g.rightHand(b, p.left, p)
	g.lp.setB(b)
	if !g.lp.dual() {
		g.lp.refactor()
		g.lp.dual()
	}
	g.best, g.bestBound = nil, 0
	g.generate(p.left, effort{rounds: 300, nodes: 100, most: 1000, prove: true, gap: gap})
}

// freePrices values items by what it costs to buy for what p leaves.
func (s *search) freePrices(g *generator, p *plan) []float64 {
	s.resume(g, p, roughGap)
	y := make([]float64, len(s.in.items))
	g.prices(y)
	return y
}

// fillKind fills as many machines of kind k as there are and as take something.
func (s *search) fillKind(p *plan, k int, y []float64, all []int32) {
	for p.canOpen(k) {
		value, _ := s.pk.ks.fill(k, y, p.left, all, 60, 0)
		if value <= 0 {
			return
		}
		l := p.open(k)
		for _, st := range s.pk.ks.best {
			p.put(l, int(st.item), int(st.n))
		}
	}
}
