package binpack

import (
	"sort"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
)

// problemBuilder states the packing of parts as a vector bin packing problem
// and reads the answer back.
type problemBuilder struct {
	p       *planner
	parts   []part
	before  *packed
	problem *vector.Problem
	// bins says what each entry of problem.Bins is.
	bins []binOrigin
	caps []hostCap
	// near lists, per entry of problem.Requires, the matcher that must be met.
	near []int
	// loose caps are left to dealing; fewest machines are needed whatever else.
	loose  []vector.Cap
	fewest int
	// lots are the parts that the packing sees as one class.
	lots []lot
	// bundled parts must share one machine; they are packed as one item.
	bundled []bool
	// perNode in $/h is added to the price of every machine to buy.
	perNode float64
}

// binOrigin is a node of today, a machine bought before, or a kind.
type binOrigin struct {
	node, machine, kind int
}

const none = -1

// hostCap is an entry of problem.Caps: at most max pods of a matcher, or of a
// host port, on one machine.
type hostCap struct {
	matcher int
	port    string
}

func (p *planner) newProblem(parts []part, before *packed) *problemBuilder {
	b := &problemBuilder{p: p, parts: parts, before: before, problem: &vector.Problem{}, perNode: p.perNode()}
	b.bundle()
	b.classes()
	b.hostPorts()
	b.hostAntiAffinity()
	b.hostSpread()
	b.hostAffinity()
	b.boundLoose()
	b.existing()
	b.buyable()
	b.problem.Pools, b.problem.Global = p.pools.vectorPools(p.dims)
	if before != nil {
		b.chargeBought()
	}
	b.findLots()
	return b
}

// bundle marks parts whose pods must all share one node: they want to be on
// the node of a pod like themselves.
func (b *problemBuilder) bundle() {
	b.bundled = make([]bool, len(b.parts))
	for i, part := range b.parts {
		cs := &b.p.model.of[part.class]
		if cs.affinityPods == noMatcher || !b.p.model.matchers[cs.affinityPods].selects[part.class] {
			continue
		}
		for _, key := range cs.affinity {
			b.bundled[i] = b.bundled[i] || key == v1.LabelHostname
		}
	}
}

func (b *problemBuilder) classes() {
	for i, part := range b.parts {
		c := b.p.classes[part.class]
		class := vector.Class{Size: c.size, Demand: len(part.pods)}
		if b.bundled[i] {
			class.Demand = 1
			class.Size = make([]int64, len(c.size))
			for d, amount := range c.size {
				class.Size[d] = min(unlimited, amount*int64(len(part.pods)))
			}
		}
		b.problem.Classes = append(b.problem.Classes, class)
	}
}

// hostPorts lets one pod per machine have a port. Pods that bind different
// addresses of a port are kept apart as well; that they could share is rare
// enough.
func (b *problemBuilder) hostPorts() {
	users := map[string][]int{}
	for i, part := range b.parts {
		for _, port := range portNumbers(b.p.classes[part.class].pod()) {
			users[port] = append(users[port], i)
		}
	}
	for _, port := range sortedKeys(users) {
		b.problem.Caps = append(b.problem.Caps, vector.Cap{Classes: users[port], Max: 1})
		b.caps = append(b.caps, hostCap{matcher: noMatcher, port: port})
	}
}

// hostAntiAffinity keeps pods off the machines of pods that they, or that
// reject them.
func (b *problemBuilder) hostAntiAffinity() {
	m := b.p.model
	holders := map[int][]int{}
	for i, part := range b.parts {
		for _, t := range m.of[part.class].antiAffinity {
			if t.key == v1.LabelHostname {
				holders[t.matcher] = append(holders[t.matcher], i)
			}
		}
	}
	for _, matcher := range sortedInts(holders) {
		holding := map[int]bool{}
		for _, i := range holders[matcher] {
			holding[i] = true
		}
		var both, selected []int
		for i, part := range b.parts {
			switch {
			case !m.matchers[matcher].selects[part.class]:
			case holding[i]:
				both = append(both, i)
			default:
				selected = append(selected, i)
			}
		}
		if len(both) > 0 {
			b.addCap(vector.Cap{Classes: both, Max: 1}, hostCap{matcher: matcher})
		}
		for _, i := range holders[matcher] {
			rejected := selected
			if !m.matchers[matcher].selects[b.parts[i].class] {
				rejected = append(append([]int(nil), selected...), both...)
			}
			for _, j := range rejected {
				b.problem.Conflicts = append(b.problem.Conflicts, [2]int{i, j})
			}
		}
	}
}

// hostSpread caps the pods of a spread per machine at the skew: some machine
// has none of them. Where every machine that counts could have some, the cap
// is stricter than the constraint.
func (b *problemBuilder) hostSpread() {
	m := b.p.model
	type bound struct{ matcher, skew int }
	members := map[bound][]int{}
	var order []bound
	for i, part := range b.parts {
		for _, s := range m.of[part.class].spreads {
			if s.TopologyKey != v1.LabelHostname || !m.matchers[s.matcher].selects[part.class] {
				continue
			}
			at := bound{s.matcher, s.MaxSkew}
			if members[at] == nil {
				order = append(order, at)
			}
			members[at] = append(members[at], i)
		}
	}
	sort.Slice(order, func(i, j int) bool {
		if order[i].matcher != order[j].matcher {
			return order[i].matcher < order[j].matcher
		}
		return order[i].skew < order[j].skew
	})
	for _, at := range order {
		b.addCap(vector.Cap{Classes: members[at], Max: at.skew}, hostCap{matcher: at.matcher})
	}
}

// addCap states a cap to the packing, or keeps it for dealing (deal.go) when
// there will be machines enough for it in any case.
func (b *problemBuilder) addCap(c vector.Cap, host hostCap) {
	demand := 0
	for _, i := range c.Classes {
		demand += len(b.parts[i].pods)
	}
	if demand <= c.Max*b.fewest/looseness {
		b.loose = append(b.loose, c)
		return
	}
	b.problem.Caps = append(b.problem.Caps, c)
	b.caps = append(b.caps, host)
	b.fewest = max(b.fewest, (demand+c.Max-1)/max(1, c.Max))
}

// looseness is how many times more machines there must be than a cap needs for
// it to be left out of the packing.
const looseness = 3

// hostAffinity puts pods onto machines that hold, or will hold, a pod that
// they ask for.
func (b *problemBuilder) hostAffinity() {
	m := b.p.model
	for i, part := range b.parts {
		cs := &m.of[part.class]
		if cs.affinityPods == noMatcher || b.bundled[i] {
			continue
		}
		onHost := false
		for _, key := range cs.affinity {
			onHost = onHost || key == v1.LabelHostname
		}
		if !onHost {
			continue
		}
		var wanted []int
		for j, other := range b.parts {
			if m.matchers[cs.affinityPods].selects[other.class] {
				wanted = append(wanted, j)
			}
		}
		b.problem.Requires = append(b.problem.Requires, vector.Requirement{Class: i, AnyOf: wanted})
		b.near = append(b.near, cs.affinityPods)
	}
}

// existing adds today's nodes and the machines bought before, as machines that
// cost nothing more.
func (b *problemBuilder) existing() {
	p, m := b.p, b.p.model
	for i, n := range p.nodes {
		free := n.free
		var added []*v1.Pod
		if b.before != nil && len(b.before.onNode[i]) > 0 {
			added = b.before.onNode[i]
			free = p.without(free, added)
		}
		fits, any := make([]bool, len(b.parts)), false
		for j, part := range b.parts {
			c := p.classes[part.class]
			fits[j] = (part.cell == anyCell || part.cell == n.cell) && p.groups[c.group].nodes[i] &&
				holds(free, b.problem.Classes[j].Size) && !p.rejectedOn(part.class, i)
			any = any || fits[j]
		}
		if !any {
			continue
		}
		bin := vector.Bin{Capacity: free, Count: 1, Fits: fits, Pool: vector.NoLimit}
		b.hold(&bin, func(matcher int) int { return m.matchers[matcher].onNode[i] + p.selected(matcher, added) })
		b.problem.Bins = append(b.problem.Bins, bin)
		b.bins = append(b.bins, binOrigin{node: i, machine: none, kind: none})
	}
	if b.before == nil {
		return
	}
	for i, bought := range b.before.machines {
		bin := vector.Bin{Capacity: p.without(bought.kind.free, bought.pods), Count: 1, Pool: vector.NoLimit, Fits: make([]bool, len(b.parts))}
		for j, part := range b.parts {
			bin.Fits[j] = (part.cell == anyCell || part.cell == bought.kind.cell) &&
				p.groups[p.classes[part.class].group].templates[p.kindIndex(bought.kind)] && holds(bin.Capacity, b.problem.Classes[j].Size)
		}
		b.hold(&bin, func(matcher int) int { return p.selected(matcher, bought.pods) })
		b.problem.Bins = append(b.problem.Bins, bin)
		b.bins = append(b.bins, binOrigin{node: none, machine: i, kind: none})
	}
}

// hold fills in what a machine's pods use up of caps and meet of requirements.
func (b *problemBuilder) hold(bin *vector.Bin, selected func(matcher int) int) {
	if len(b.caps) > 0 {
		bin.Held = make([]int, len(b.caps))
		for i, c := range b.caps {
			if c.matcher != noMatcher {
				bin.Held[i] = selected(c.matcher)
			}
		}
	}
	if len(b.near) > 0 {
		bin.Meets = make([]bool, len(b.near))
		for i, matcher := range b.near {
			bin.Meets[i] = selected(matcher) > 0
		}
	}
}

// buyable adds the kinds; of kinds that are alike in everything that packing
// sees, the first stands for all.
func (b *problemBuilder) buyable() {
	p := b.p
	seen := map[string]bool{}
	for i, k := range p.kinds {
		var w keyWriter
		w.number(int64(k.pool))
		w.quantities(k.free)
		w.float(k.Offering.PricePerHour)
		fits, any := make([]bool, len(b.parts)), false
		for j, part := range b.parts {
			fits[j] = (part.cell == anyCell || part.cell == k.cell) && p.fitsKind(p.classes[part.class], i) && holds(k.free, b.problem.Classes[j].Size)
			any = any || fits[j]
			w.number(int64(count(fits[j])))
		}
		needed := p.groupNeedsNodes(k.pool) && p.preferredOver(i) == none
		if (!any && !needed) || seen[string(w.buffer)] {
			continue
		}
		seen[string(w.buffer)] = true
		b.problem.Bins = append(b.problem.Bins, vector.Bin{
			Capacity: nonNegative(k.free), Price: k.Offering.PricePerHour + b.perNode, Count: vector.NoLimit, Fits: fits, Pool: k.pool,
			Rank: int(maxPriority - k.NodeGroup.Spec.Priority),
		})
		b.bins = append(b.bins, binOrigin{node: none, machine: none, kind: i})
	}
}

// nodeShare of the cheapest machine's price is what one node more may cost at
// most when the money is otherwise the same: with prices that are linear in
// size, thousands of small machines and a few big ones cost the same, and
// every node is a kubelet, an address and a thing to fail.
const nodeShare = 0.001

// perNode is the price of having one node more, in $/h.
func (p *planner) perNode() float64 {
	cheapest := 0.0
	for _, k := range p.kinds {
		if price := k.Offering.PricePerHour; cheapest == 0 || price < cheapest {
			cheapest = price
		}
	}
	return nodeShare * cheapest
}

// maxPriority of a NodeGroup, so that ranks are not negative.
const maxPriority = 1000

// chargeBought takes machines bought before off the limits.
func (b *problemBuilder) chargeBought() {
	for _, bought := range b.before.machines {
		charge(&b.problem.Pools[bought.kind.pool], bought.kind)
		if b.problem.Global != nil {
			charge(b.problem.Global, bought.kind)
		}
	}
}

func charge(pool *vector.Pool, k *kind) {
	pool.MinBins = max(0, pool.MinBins-1)
	if pool.MaxBins != vector.NoLimit {
		pool.MaxBins = max(0, pool.MaxBins-1)
	}
	if pool.MaxPrice != vector.NoLimit {
		pool.MaxPrice = max(0, pool.MaxPrice-k.Offering.PricePerHour)
	}
	for d := range pool.MaxTotal {
		if pool.MaxTotal[d] != vector.NoLimit {
			pool.MaxTotal[d] = max(0, pool.MaxTotal[d]-k.free[d])
		}
	}
}

// read turns the solution into pods on machines. A part's pods are dealt out in
// queue order.
func (b *problemBuilder) read(solution *vector.Solution) *packed {
	result := &packed{onNode: make([][]*v1.Pod, len(b.p.nodes))}
	if b.before != nil {
		copy(result.onNode, b.before.onNode)
		result.machines = append(result.machines, b.before.machines...)
	}
	dealer := b.newDealer()
	for i, hand := range dealer.deal(solution.Bins) {
		bin, pods := solution.Bins[i], hand.pods
		switch origin := b.bins[bin.Kind]; {
		case origin.node != none:
			result.onNode[origin.node] = append(result.onNode[origin.node][:len(result.onNode[origin.node]):len(result.onNode[origin.node])], pods...)
		case origin.machine != none:
			old := result.machines[origin.machine]
			result.machines[origin.machine] = &machine{kind: old.kind, pods: append(old.pods[:len(old.pods):len(old.pods)], pods...)}
		default:
			result.machines = append(result.machines, &machine{kind: b.p.kinds[origin.kind], pods: pods})
		}
	}
	if b.before != nil {
		result.unplaced = append(result.unplaced, b.before.unplaced...)
	}
	unplaced, undealt := dealer.rest(solution.Unplaced)
	result.unplaced, result.undealt = append(result.unplaced, unplaced...), undealt
	return result
}
