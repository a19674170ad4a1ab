package binpack

import (
	"slices"
	"sort"

	v1 "k8s.io/api/core/v1"
)

// domains assigns the pods of pinned classes to cells, one after the other as
// kube-scheduler would, with counters instead of machines: what a machine can
// hold is settled later, within the cell.
type domains struct {
	p     *planner
	style style
	// counts per matcher and key position: pods per value, on nodes of today
	// and assigned.
	counts map[counter]map[string]int
	// closed per key position: matchers whose selected pods may not enter a value.
	closed map[counter]map[string]bool
	// spreadCounts are the counts of one class's spread constraint, which
	// differ from counts by node inclusion policies.
	spreadCounts [][]map[string]int
	// spreadBy holds the counters that some class is spread by.
	spreadBy map[counter]bool
	// total counts the pods of a matcher anywhere.
	total []int
	// cells per class where a machine or a node can take it.
	cells [][]int
	// room per class: pods that today's nodes can take in a cell without templates, at most.
	room []map[int]int
	// wantedBy lists, per class, the classes that want to be near it over more
	// than a node.
	wantedBy [][]int
	// spare per class and cell: pods that today's nodes can take there, at most;
	// buy: the price of a machine there per pod that it holds, in $/h.
	spare []map[int]int
	buy   []map[int]float64
}

// counter is a matcher under a topology key (a position in coupling.keys).
type counter struct{ matcher, key int }

// assignCells returns, per class, the cell of each of its later pods in queue order:
// nil for classes that are not pinned, and noCell for a pod that no cell takes.
//
// Pods are taken in the order of kube-scheduler's queue, whatever their class,
// so that every constraint holds at every step when the scheduler replays it.
func (p *planner) assignCells(s style) [][]int {
	cells := make([][]int, len(p.classes))
	pods := make([][]*v1.Pod, len(p.classes))
	type entry struct{ class, pod int }
	var waiting []entry
	for i, c := range p.classes {
		if !p.model.of[i].pinned || c.irregular {
			continue
		}
		pods[i] = p.later(c)
		cells[i] = make([]int, len(pods[i]))
		for j := range pods[i] {
			cells[i][j] = noCell
			waiting = append(waiting, entry{i, j})
		}
	}
	if len(waiting) == 0 {
		return cells
	}
	position := func(e entry) int { return p.position[pods[e.class][e.pod]] }
	sort.Slice(waiting, func(a, b int) bool { return position(waiting[a]) < position(waiting[b]) })
	d := newDomains(p, s)
	last := make([]int, len(p.classes))
	for i := range last {
		last[i] = noCell
	}
	// A pod that wants to be near another may have to wait for it: go round as
	// long as that helps.
	for progress := true; progress && len(waiting) > 0; {
		progress = false
		still := waiting[:0]
		for _, e := range waiting {
			cell := d.choose(e.class, last[e.class])
			if cell == noCell {
				still = append(still, e)
				continue
			}
			d.assign(e.class, cell)
			cells[e.class][e.pod], last[e.class] = cell, cell
			progress = true
		}
		waiting = still
	}
	return cells
}

const noCell = -1

func newDomains(p *planner, s style) *domains {
	m := p.model
	d := &domains{
		p: p, style: s, counts: map[counter]map[string]int{}, closed: map[counter]map[string]bool{},
		spreadBy:     map[counter]bool{},
		spreadCounts: make([][]map[string]int, len(p.classes)),
		total:        make([]int, len(m.matchers)),
		cells:        make([][]int, len(p.classes)),
		room:         make([]map[int]int, len(p.classes)),
		wantedBy:     make([][]int, len(p.classes)),
		spare:        make([]map[int]int, len(p.classes)),
		buy:          make([]map[int]float64, len(p.classes)),
	}
	for j, matcher := range m.matchers {
		if !matcher.counted {
			continue
		}
		for k := range m.keys {
			values := map[string]int{}
			for i, n := range p.nodes {
				if matcher.onNode[i] > 0 {
					values[m.cells[n.cell][k]] += matcher.onNode[i]
				}
			}
			d.counts[counter{j, k}] = values
		}
		for _, n := range matcher.onNode {
			d.total[j] += n
		}
	}
	for _, s := range m.standing {
		if k := m.key(s.key); k >= 0 {
			d.close(counter{s.matcher, k}, m.cells[p.nodes[s.node].cell][k])
		}
	}
	for i := range p.classes {
		for _, s := range m.of[i].spreads {
			if k := m.key(s.TopologyKey); k >= 0 {
				d.spreadBy[counter{s.matcher, k}] = true
			}
		}
		if m.of[i].pinned {
			d.findCells(i)
			d.countSpreads(i)
			d.findWanted(i)
		}
	}
	return d
}

// findWanted notes which classes the class wants to be near.
func (d *domains) findWanted(i int) {
	cs := &d.p.model.of[i]
	if cs.affinityPods == noMatcher || !slices.ContainsFunc(cs.affinity, func(key string) bool { return key != v1.LabelHostname }) {
		return
	}
	for _, other := range d.p.model.matchers[cs.affinityPods].classes {
		if other != i {
			d.wantedBy[other] = append(d.wantedBy[other], i)
		}
	}
}

func (d *domains) close(at counter, value string) {
	if d.closed[at] == nil {
		d.closed[at] = map[string]bool{}
	}
	d.closed[at][value] = true
}

// findCells lists where the class can go at all.
func (d *domains) findCells(i int) {
	p, c := d.p, d.p.classes[i]
	open := make([]bool, len(p.model.cells))
	bought := make([]bool, len(p.model.cells))
	d.room[i], d.spare[i], d.buy[i] = map[int]int{}, map[int]int{}, map[int]float64{}
	for k, kind := range p.kinds {
		if p.fitsKind(c, k) && !p.pools.exhausted(kind.pool) {
			open[kind.cell], bought[kind.cell] = true, true
			each := kind.Offering.PricePerHour / float64(fill(kind.free, c.size))
			if known, ok := d.buy[i][kind.cell]; !ok || each < known {
				d.buy[i][kind.cell] = each
			}
		}
	}
	for n := range p.nodes {
		if p.fitsNode(c, n) && !p.rejectedOn(i, n) {
			open[p.nodes[n].cell] = true
			d.spare[i][p.nodes[n].cell] += fill(p.nodes[n].free, c.size)
		}
	}
	for cell := range open {
		if !bought[cell] {
			d.room[i][cell] = d.spare[i][cell]
		}
		if open[cell] {
			d.cells[i] = append(d.cells[i], cell)
		}
	}
}

// fill is how many loads of this size the free room holds.
func fill(free, size []int64) int {
	most := unlimited
	for i, amount := range size {
		if amount > 0 {
			most = min(most, free[i]/amount)
		}
	}
	return int(max(0, most))
}

// countSpreads sets up the counters of the class's own spread constraints. A
// domain exists where a node counts today, and where the class can buy one.
func (d *domains) countSpreads(i int) {
	p, m := d.p, d.p.model
	for _, s := range m.of[i].spreads {
		k := m.key(s.TopologyKey)
		values := map[string]int{}
		if k >= 0 {
			for n, on := range s.counts {
				if value := m.cells[p.nodes[n].cell][k]; on && value != "" {
					values[value] += m.matchers[s.matcher].onNode[n]
				}
			}
			for _, c := range d.cells[i] {
				if value := m.cells[c][k]; value != "" {
					values[value] += 0
				}
			}
		}
		d.spreadCounts[i] = append(d.spreadCounts[i], values)
	}
}

// allows says whether the class may enter a cell, and how many pods that the
// constraints around it count are there already.
func (d *domains) allows(i, c int) (load int, ok bool) {
	m := d.p.model
	cs, values := &m.of[i], m.cells[c]
	if left, limited := d.room[i][c]; limited && left <= 0 {
		return 0, false
	}
	for j := range cs.spreads {
		s := &cs.spreads[j]
		k := m.key(s.TopologyKey)
		if k < 0 {
			continue
		}
		value := values[k]
		if value == "" {
			return 0, false
		}
		counts := d.spreadCounts[i][j]
		if counts[value]+count(m.matchers[s.matcher].selects[i])-d.least(counts, s.MinDomains) > s.MaxSkew {
			return 0, false
		}
		load += counts[value]
	}
	for _, t := range cs.antiAffinity {
		if k := m.key(t.key); k >= 0 && values[k] != "" && d.counts[counter{t.matcher, k}][values[k]] > 0 {
			return 0, false
		}
	}
	for at, closed := range d.closed {
		if m.matchers[at.matcher].selects[i] && values[at.key] != "" && closed[values[at.key]] {
			return 0, false
		}
	}
	if !d.near(cs, i, values) {
		return 0, false
	}
	if len(cs.spreads) == 0 {
		// Not bound itself, only counted: even out what others count.
		for at := range d.spreadBy {
			if m.matchers[at.matcher].selects[i] {
				load += d.counts[at][values[at.key]]
			}
		}
	}
	return load, true
}

func (d *domains) least(counts map[string]int, minDomains int) int {
	if len(counts) < minDomains {
		return 0
	}
	least, first := 0, true
	for _, n := range counts {
		if first || n < least {
			least, first = n, false
		}
	}
	return least
}

// near checks required affinity: in every topology of the terms there is a pod
// that meets them all. The first pod of a group that selects itself is free.
func (d *domains) near(cs *constraints, i int, values cell) bool {
	if cs.affinityPods == noMatcher {
		return true
	}
	m := d.p.model
	free := d.total[cs.affinityPods] == 0 && m.matchers[cs.affinityPods].selects[i]
	for _, key := range cs.affinity {
		k := m.key(key)
		if k < 0 {
			continue
		}
		if values[k] == "" || (!free && d.counts[counter{cs.affinityPods, k}][values[k]] == 0) {
			return false
		}
	}
	return true
}

// assign counts one pod of the class in a cell.
func (d *domains) assign(i, c int) {
	m := d.p.model
	values := m.cells[c]
	if _, limited := d.room[i][c]; limited {
		d.room[i][c]--
	}
	if d.spare[i][c] > 0 {
		d.spare[i][c]--
	}
	for j, matcher := range m.matchers {
		if !matcher.counted || !matcher.selects[i] {
			continue
		}
		d.total[j]++
		for k := range m.keys {
			d.counts[counter{j, k}][values[k]]++
		}
	}
	for other := range m.of {
		for j := range d.spreadCounts[other] {
			s := &m.of[other].spreads[j]
			if k := m.key(s.TopologyKey); k >= 0 && m.matchers[s.matcher].selects[i] {
				if _, exists := d.spreadCounts[other][j][values[k]]; exists {
					d.spreadCounts[other][j][values[k]]++
				}
			}
		}
	}
	for _, t := range m.of[i].antiAffinity {
		if k := m.key(t.key); k >= 0 && t.key != v1.LabelHostname && values[k] != "" {
			d.close(counter{t.matcher, k}, values[k])
		}
	}
}
