package binpack

import (
	"cmp"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// style is a way to deal pinned pods out to cells. Which is cheapest shows only
// when the cells are packed: even zones suit most workloads, but a wide skew may
// fill whole machines when pods are lumped, and which zone gets the odd pod, or
// the class that tolerates no other, can decide about a machine.
type style struct {
	// lumped fills the cheapest cell, and then the next, as far as the
	// constraints allow; otherwise the emptiest is chosen.
	lumped bool
	// rotate is where the list of cells begins, which breaks ties.
	rotate int
}

const (
	// lumpedPods is up to how many pinned pods lumping is tried, rotatedPods up
	// to how many also other orders of the cells are.
	lumpedPods  = 500
	rotatedPods = 100
	rotations   = 3
)

// styles lists the ways worth trying, the usual one first.
func (p *planner) styles() []style {
	pinned := 0
	for i, c := range p.classes {
		if p.model.of[i].pinned && !c.irregular {
			pinned += len(p.later(c))
		}
	}
	list := []style{{}}
	if pinned == 0 || len(p.model.cells) < 2 {
		return list
	}
	if pinned <= lumpedPods {
		list = append(list, style{lumped: true})
	}
	if pinned <= rotatedPods {
		for r := 1; r < min(rotations, len(p.model.cells)); r++ {
			list = append(list, style{rotate: r}, style{lumped: true, rotate: r})
		}
	}
	return list
}

// layout is a decision in the making: how one style packs.
type layout struct {
	parts  []part
	packed *packed
	// missing counts the pods without a place.
	missing int
	price   float64
}

// draft is what one style deals out.
type draft struct {
	parts []part
	left  []*v1.Pod
}

// drafts lists the styles' results, each but once.
func (p *planner) drafts() []draft {
	var list []draft
	seen := map[string]bool{}
	for _, s := range p.styles() {
		parts, left := p.parts(s)
		if key := partsKey(parts); !seen[key] {
			seen[key] = true
			list = append(list, draft{parts, left})
		}
	}
	return list
}

// partsKey is equal for parts that pack alike: the same number of pods of each
// class in each cell.
func partsKey(parts []part) string {
	sorted := slices.Clone(parts)
	slices.SortFunc(sorted, func(a, b part) int { return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.cell, b.cell)) })
	var w keyWriter
	for _, part := range sorted {
		w.number(int64(part.class))
		w.number(int64(part.cell))
		w.number(int64(len(part.pods)))
	}
	return string(w.buffer)
}

func (p *planner) layOut(d draft) (*layout, error) {
	packed, err := p.packAll(d.parts, nil)
	if err != nil {
		return nil, err
	}
	packed.unplaced = append(d.left, packed.unplaced...)
	l := &layout{parts: d.parts, packed: packed, missing: len(packed.unplaced)}
	for _, m := range packed.machines {
		l.price += m.kind.Offering.PricePerHour
	}
	return l, nil
}

// better prefers more pods with a place, then the lower price, then fewer
// machines.
func (l *layout) better(other *layout) bool {
	switch {
	case l.missing != other.missing:
		return l.missing < other.missing
	case l.price < other.price-priceSlack || l.price > other.price+priceSlack:
		return l.price < other.price
	}
	return len(l.packed.machines) < len(other.packed.machines)
}

// choose picks the cell for the next pod of the class among those that its
// constraints allow.
func (d *domains) choose(i, last int) int {
	best, bestMissed, bestLoad, bestCost := noCell, 0, 0, 0.0
	for j := range d.cells[i] {
		c := d.cells[i][(j+d.style.rotate)%len(d.cells[i])]
		load, ok := d.allows(i, c)
		if !ok {
			continue
		}
		missed, cost := d.missed(i, c), d.cost(i, c)
		better := load < bestLoad || load == bestLoad && (cost < bestCost || cost == bestCost && c == last)
		if d.style.lumped {
			better = cost < bestCost || cost == bestCost && (c == last || best != last && load < bestLoad)
		}
		if best == noCell || missed < bestMissed || missed == bestMissed && better {
			best, bestMissed, bestLoad, bestCost = c, missed, load, cost
		}
	}
	return best
}

// missed counts the classes that want to be near a pod of this class, have none
// where they can go yet, and cannot come to the cell.
func (d *domains) missed(i, c int) int {
	n := 0
	for _, other := range d.wantedBy[i] {
		if !d.reaches(other, c) && !d.met(other) {
			n++
		}
	}
	return n
}

// reaches says whether the class can go to a cell that the topologies of its
// affinity take for the same place as c.
func (d *domains) reaches(class, c int) bool {
	m := d.p.model
	for _, own := range d.cells[class] {
		same := true
		for _, key := range m.of[class].affinity {
			if k := m.key(key); k >= 0 {
				same = same && m.cells[own][k] == m.cells[c][k]
			} else {
				same = same && own == c
			}
		}
		if same {
			return true
		}
	}
	return false
}

// met says whether there is a cell where the class finds a pod that it wants.
func (d *domains) met(class int) bool {
	m := d.p.model
	for _, c := range d.cells[class] {
		if d.near(&m.of[class], class, m.cells[c]) {
			return true
		}
	}
	return false
}

// cost of one more pod of the class in a cell, in $/h: nothing where today's
// nodes have room for it, otherwise its share of the machine that is cheapest
// per pod.
func (d *domains) cost(i, c int) float64 {
	if d.spare[i][c] > 0 {
		return 0
	}
	return d.buy[i][c]
}
