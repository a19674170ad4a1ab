package vector

// fillFree serves instances with many different free machines. They would swamp the master, so they are filled before it:
// the items are priced by what buying for all that is left would cost, each free machine takes the load worth most at
// those prices, and the prices are found anew a few times on the way, because they fall as demand shrinks. Every one of
// those prices also proves a bound, in which each free machine counts as minus its own worth.
func (s *search) fillFree() {
	in, pk := s.in, s.pk
	all := in.wanted()
	p := newPlan(in)
	free := pk.free
	pk.free = nil
	defer func() { pk.free = free }()
	const stages = 4
	for stage := range stages {
		y := s.freePrices(p, all)
		from, to := len(free)*stage/stages, len(free)*(stage+1)/stages
		for _, k := range free[from:to] {
			s.fillKind(p, k, y, all)
		}
		if !anyLeft(p.left) {
			break
		}
	}
	pk.topUp(p, all)
	rest := p.clone()
	pk.complete(p, all, s.y, 0)
	s.offer(p)
	if !s.done() && anyLeft(rest.left) {
		s.generateAndDive(rest, all)
	}
}

// freePrices values items by what it costs to buy for what p leaves.
func (s *search) freePrices(p *plan, all []int32) []float64 {
	g := newGenerator(s.in, s.meter, s.pk.priced)
	b := make([]float64, g.lp.m)
	g.rightHand(b, p.left, p)
	g.lp.setB(b)
	g.seed()
	g.generate(p.left, effort{rounds: 200, nodes: 50, most: 50, prove: true})
	if g.best == nil {
		return s.y
	}
	s.duals = append(s.duals, g.best)
	s.bound = max(s.bound, g.bestBound)
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

func anyLeft(left []int) bool {
	for _, n := range left {
		if n > 0 {
			return true
		}
	}
	return false
}
