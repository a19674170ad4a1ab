package vector

import "fmt"

// LowerBound is a price in $/h that no packing of all items undercuts, found
// without packing anything; proven is as Solution.BoundProven. The error is
// that of Validate.
func LowerBound(p *Problem, budget Budget) (price float64, proven bool, err error) {
	if err := p.Validate(); err != nil {
		return 0, false, fmt.Errorf("vector packing: %w", err)
	}
	if budget.Gap <= 0 {
		budget.Gap = DefaultGap
	}
	s := &search{in: newInstance(p), meter: newMeter(budget), gap: budget.Gap, regime: usual}
	if s.parts = s.separate(); s.parts == nil || !s.proveParts() {
		s.proveWhole()
	}
	price, proven = s.lowerBound(0)
	return price, proven, nil
}

// proveWhole bounds everything at once.
func (s *search) proveWhole() {
	s.weigh()
	if all := s.in.wanted(); len(all) > 0 && len(all) <= s.regime.masterItems {
		s.proveByColumns()
	}
}

// proveByColumns generates columns until their prices prove a bound.
func (s *search) proveByColumns() {
	in := s.in
	pk := newPacker(in, s.meter, newKnapsack(in, s.meter, s.w), s.w)
	few := len(pk.free) <= s.regime.freeKinds
	kinds := pk.priced
	if few {
		kinds = make([]int, len(in.kinds))
		for k := range kinds {
			kinds[k] = k
		}
	}
	g := newGenerator(in, s.meter, kinds, s.w)
	g.seed()
	g.generate(in.demands(), effort{rounds: 3000, nodes: 150, most: 2400, prove: true, known: s.bound, gap: s.gap * 0.6})
	switch {
	case g.best == nil:
	case few:
		s.prove(g.best)
	default:
		s.prove(g.withFree())
	}
}
