package binpack

import (
	"fmt"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
)

// decision is what packing proposes: machines with pods, pods on today's
// nodes, and pods that are left for the simulator.
type decision struct {
	machines []*machine
	// onNode holds pending pods per node of today.
	onNode [][]*v1.Pod
	// left in queue order.
	left []*v1.Pod
}

// machine is one machine to buy.
type machine struct {
	kind *kind
	name string
	pods []*v1.Pod
}

// part is what packing knows of a class: its pods in one cell, or all of them.
type part struct {
	class int
	// cell is anyCell for a class that is not pinned.
	cell int
	pods []*v1.Pod
}

const anyCell = -2

// decide packs all classes at once, in the style that comes out cheapest.
func (p *planner) decide() error {
	drafts := p.drafts()
	p.searches = len(drafts)
	var best *layout
	for _, d := range drafts {
		l, err := p.layOut(d)
		if err != nil {
			return err
		}
		if best == nil || l.better(best) {
			best = l
		}
	}
	p.packedParts = best.parts
	p.truncated = p.truncated || best.packed.truncated
	onNode := p.earlyOnNode()
	for i, pods := range best.packed.onNode {
		onNode[i] = append(onNode[i], pods...)
	}
	p.decision = &decision{machines: best.packed.machines, onNode: onNode, left: best.packed.unplaced}
	p.queueOrder(p.decision.left)
	return nil
}

// packAll packs the parts and once more, beside the machines found, what
// dealing could not give a place.
func (p *planner) packAll(parts []part, before *packed) (*packed, error) {
	packed, err := p.pack(parts, before)
	if err != nil || len(packed.undealt) == 0 {
		return packed, err
	}
	if packed, err = p.pack(packed.undealt, packed); err != nil {
		return nil, err
	}
	for _, part := range packed.undealt {
		packed.unplaced = append(packed.unplaced, part.pods...)
	}
	return packed, nil
}

// parts splits the classes by cell. Irregular classes, and pods that no cell
// or no machine takes, are left to the simulator, whose word on them is final.
func (p *planner) parts(s style) (parts []part, left []*v1.Pod) {
	cells := p.assignCells(s)
	for i, c := range p.classes {
		pods := p.later(c)
		switch {
		case len(pods) == 0:
			continue
		case c.irregular || !p.fitsSomewhere(i):
			left = append(left, pods...)
			continue
		case cells[i] == nil:
			parts = append(parts, part{class: i, cell: anyCell, pods: pods})
			continue
		}
		at := map[int]int{}
		for j, cell := range cells[i] {
			if cell == noCell {
				left = append(left, pods[j])
				continue
			}
			k, ok := at[cell]
			if !ok {
				k = len(parts)
				at[cell] = k
				parts = append(parts, part{class: i, cell: cell})
			}
			parts[k].pods = append(parts[k].pods, pods[j])
		}
	}
	return parts, left
}

// fitsSomewhere says whether there is a kind or a node that holds the class.
func (p *planner) fitsSomewhere(i int) bool {
	for k := range p.kinds {
		if p.fitsKind(p.classes[i], k) {
			return true
		}
	}
	for n := range p.nodes {
		if p.fitsNode(p.classes[i], n) && !p.rejectedOn(i, n) {
			return true
		}
	}
	return false
}

// packed is the result of packing some parts.
type packed struct {
	machines []*machine
	onNode   [][]*v1.Pod
	unplaced []*v1.Pod
	// undealt are the pods that packing placed and dealing could not.
	undealt []part
	// truncated says that the work ended before the search did.
	truncated bool
}

// pack solves the packing of parts beside what before holds already (nil for
// nothing), and returns both together.
func (p *planner) pack(parts []part, before *packed) (*packed, error) {
	b := p.newProblem(parts, before)
	solution, err := vector.Solve(b.problem, p.budget())
	if err != nil {
		return nil, fmt.Errorf("packing: %w", err)
	}
	result := b.read(&solution)
	result.truncated = solution.Truncated || before != nil && before.truncated
	return result, nil
}
