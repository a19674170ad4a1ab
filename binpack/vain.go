package binpack

import "slices"

// A machine bought in a zone makes a domain of it. To a class that is spread
// over zones and can get no machine there, that domain stays empty and holds all
// the others down to the skew. Whether that is so shows once everything has its
// place.

// openedInVain says, per cell, whether the decision's machines there make a
// domain that keeps unplaced pods out of the domains they could use; nil if none
// does.
func (p *planner) openedInVain(s *settled) []bool {
	var vain []bool
	seen := map[*class]bool{}
	for _, pod := range s.unplaced {
		c := p.classOf[pod]
		if seen[c] {
			continue
		}
		seen[c] = true
		i := slices.Index(p.classes, c)
		for j := range p.model.of[i].spreads {
			spread := &p.model.of[i].spreads[j]
			k := p.model.key(spread.TopologyKey)
			if k < 0 {
				continue
			}
			known, counts := p.domainsOf(c, spread, k), inclusion(pod, &spread.Spread)
			for _, m := range s.machines {
				if !known[p.model.cells[m.kind.cell][k]] && counts(m.kind.spec.Node) {
					if vain == nil {
						vain = make([]bool, len(p.model.cells))
					}
					vain[m.kind.cell] = true
				}
			}
		}
	}
	return vain
}

// domainsOf are the domains that a class's spread has anyhow: those of nodes of
// today that count, and those where the class can get a machine.
func (p *planner) domainsOf(c *class, s *spread, key int) map[string]bool {
	known := map[string]bool{"": true}
	for i, n := range p.nodes {
		if s.counts[i] {
			known[p.model.cells[n.cell][key]] = true
		}
	}
	for i, k := range p.kinds {
		if p.fitsKind(c, i) {
			known[p.model.cells[k.cell][key]] = true
		}
	}
	return known
}

// avoid decides again without machines in the cells.
func (p *planner) avoid(cells []bool) (*settled, error) {
	p.avoided = cells
	p.request.stage("decide")
	if err := p.decide(); err != nil {
		return nil, err
	}
	return p.settle()
}
