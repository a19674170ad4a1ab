package binpack

import (
	"cmp"
	"slices"

	v1 "k8s.io/api/core/v1"
)

// Everything is packed at once, whatever its priority, because that is cheapest
// when everybody is served. When room is short, because of a limit or because
// nothing may be bought, the higher priority has to be served first, as
// kube-scheduler would.

// slighted says that a pod is left out which could run somewhere, while pods of
// a lower priority are served.
func (p *planner) slighted(s *settled) bool {
	for _, pod := range s.unplaced {
		c := p.classOf[pod]
		if !p.fitsAnything(c) {
			continue
		}
		if s.serves(func(other *v1.Pod) bool { return p.classOf[other].priority < c.priority }) {
			return true
		}
	}
	return false
}

// fitsAnything says that some template or node has room for a pod of the class,
// limits and other pending pods aside.
func (p *planner) fitsAnything(c *class) bool {
	for k := range p.kinds {
		if p.fitsKind(c, k) {
			return true
		}
	}
	for n := range p.nodes {
		if p.fitsNode(c, n) {
			return true
		}
	}
	return false
}

// decideByPriority decides one priority after the other, highest first. Machines
// that a higher one bought are open to the lower ones.
func (p *planner) decideByPriority() error {
	p.byPriority = true
	p.forgetEarly()
	parts, left := p.parts(style{})
	type tier struct {
		parts []part
		left  []*v1.Pod
	}
	tiers := map[int32]*tier{}
	of := func(c *class) *tier {
		if tiers[c.priority] == nil {
			tiers[c.priority] = &tier{}
		}
		return tiers[c.priority]
	}
	for _, part := range parts {
		t := of(p.classes[part.class])
		t.parts = append(t.parts, part)
	}
	for _, pod := range left {
		t := of(p.classOf[pod])
		t.left = append(t.left, pod)
	}
	order := make([]int32, 0, len(tiers))
	for priority := range tiers {
		order = append(order, priority)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(b, a) })

	s := &settled{onNode: make([][]*v1.Pod, len(p.nodes))}
	for _, priority := range order {
		t := tiers[priority]
		packed, err := p.packAll(t.parts, &packed{machines: s.machines, onNode: s.onNode})
		if err != nil {
			return err
		}
		p.truncated = p.truncated || packed.truncated
		s.machines, s.onNode = packed.machines, packed.onNode
		waiting := append(t.left, packed.unplaced...)
		for _, part := range packed.undealt {
			waiting = append(waiting, part.pods...)
		}
		if len(waiting) == 0 {
			continue
		}
		unplaced, err := p.repair(s, waiting)
		if err != nil {
			return err
		}
		s.unplaced = append(s.unplaced, unplaced...)
	}
	p.decision = &decision{machines: s.machines, onNode: s.onNode, left: s.unplaced}
	p.queueOrder(p.decision.left)
	return nil
}

// servesHigher says that of the highest priority in which they differ, s serves
// more pods than other.
func (p *planner) servesHigher(s, other *settled) bool {
	balance := map[int32]int{}
	for _, pod := range s.unplaced {
		balance[p.classOf[pod].priority]--
	}
	for _, pod := range other.unplaced {
		balance[p.classOf[pod].priority]++
	}
	best, found := int32(0), false
	for priority, n := range balance {
		if n != 0 && (!found || priority > best) {
			best, found = priority, true
		}
	}
	return balance[best] > 0
}
