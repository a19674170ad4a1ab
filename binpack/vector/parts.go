package vector

import "slices"

// Items that no kind of bin takes together are independent of each other, whatever conflicts, caps and requirements say
// about them: those speak of bins. Only limits of pools tie them. An item that is independent of all others and can be
// solved exactly is a part of its own, all others are the rest, and what is best for each part is best for all when it
// keeps to the limits together. The bounds of the parts add up in any case.

// parts is an instance taken apart.
type parts struct {
	exact []exact
	rest  *search // nil when the exact parts are everything
	kinds []int   // kinds of the whole instance, per kind of the rest
}

// separate takes the instance apart, or returns nil when no part of it can be solved exactly.
func (s *search) separate() *parts {
	in, a := s.in, &parts{}
	solved := make([]bool, len(in.items))
	for _, i := range in.independent() {
		if e, ok := in.solveExactly(int(i), s.meter); ok {
			a.exact, solved[i] = append(a.exact, e), true
		}
	}
	switch len(a.exact) {
	case 0:
		return nil
	case len(in.wanted()):
		return a
	}
	rest := *in
	rest.items, rest.pools, rest.kinds = slices.Clone(in.items), slices.Clone(in.pools), nil
	for i := range rest.items {
		if solved[i] {
			rest.items[i].demand = 0
		}
	}
	for i := range rest.pools {
		rest.pools[i].MinBins = 0 // which the other parts' bins may meet
	}
	wanted := rest.wanted()
	for k := range in.kinds {
		if slices.ContainsFunc(wanted, func(i int32) bool { return in.kinds[k].fits[i] }) {
			rest.kinds, a.kinds = append(rest.kinds, in.kinds[k]), append(a.kinds, k)
		}
	}
	a.rest = &search{in: &rest, meter: s.meter, gap: s.gap, regime: s.regime}
	return a
}

// independent lists the items that are asked for and share no kind of bin with another.
func (in *instance) independent() []int32 {
	all := in.wanted()
	shares := make([]bool, len(in.items))
	for k := range in.kinds {
		first := int32(-1)
		for _, i := range all {
			switch {
			case !in.kinds[k].fits[i]:
			case first < 0:
				first = i
			default:
				shares[first], shares[i] = true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(i int32) bool { return shares[i] })
}

// unlimited says whether no pool could limit a plan that uses no bin in vain.
func (in *instance) unlimited() bool {
	items := in.total()
	return !slices.ContainsFunc(in.pools, func(l Pool) bool {
		return l.MinBins > 0 || l.MaxPrice != NoLimit || l.MaxBins != NoLimit && l.MaxBins < items ||
			slices.ContainsFunc(l.MaxTotal, func(most int64) bool { return most != NoLimit })
	})
}

// inParts solves every part by itself and says whether all of them together keep to the limits.
func (s *search) inParts() bool {
	p, ok := s.packExact()
	if !ok {
		return false
	}
	if s.parts.rest != nil {
		s.withRest((*search).whole)
		for _, l := range s.parts.rest.best.loads {
			k := s.parts.kinds[l.kind]
			if !p.canOpen(k) {
				return false
			}
			whole := p.open(k)
			for _, st := range l.items {
				p.put(whole, int(st.item), int(st.n))
			}
		}
	}
	if !p.meetsMinimums() {
		return false
	}
	s.best, s.score = p, p.merit()
	return true
}

// proveParts bounds every part by itself and says whether no bound of the whole could be better.
func (s *search) proveParts() bool {
	p, ok := s.packExact()
	if s.parts.rest == nil {
		return ok && p.meetsMinimums()
	}
	s.withRest((*search).proveWhole)
	return ok && s.in.unlimited()
}

// withRest gives the rest the work that is left, or half of it where the whole may have to be searched after it.
func (s *search) withRest(do func(rest *search)) {
	total := s.meter.limit
	if !s.in.unlimited() {
		s.meter.limit -= s.meter.left() / 2
	}
	do(s.parts.rest)
	s.meter.limit = total
}

// packExact makes a plan of the exact parts and says whether counts and limits let it.
func (s *search) packExact() (p *plan, ok bool) {
	p = newPlan(s.in)
	for i := range s.parts.exact {
		if !s.parts.exact[i].pack(p) {
			return p, false
		}
	}
	return p, true
}

// lowerBound sums the bounds of the parts when together they leave at most so many items unserved: what they must not
// leave, any of them could.
func (a *parts) lowerBound(unserved int) (price float64, proven bool) {
	for i := range a.exact {
		unserved -= a.exact[i].lack
	}
	unserved, proven = max(0, unserved), true
	if a.rest != nil {
		price, proven = a.rest.lowerBound(unserved)
	}
	for i := range a.exact {
		price += a.exact[i].lowerBound(unserved)
	}
	return price, proven
}
