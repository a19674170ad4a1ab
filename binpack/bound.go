package binpack

import (
	"fmt"
	"math"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
)

const (
	columnGeneration = "columnGeneration"
	resourceSum      = "resourceSum"
)

// bound is a price that no plan for the placed pods can undercut. Everything
// that the decision assumed beyond the constraints themselves is left out:
// cells, caps that stand for a spread, bundles. What remains are requests,
// static constraints, and the anti-affinity of pods that tolerate no second
// one like themselves.
func (p *planner) bound(s *settled, added float64) (plan.LowerBound, error) {
	placed := map[*class]int{}
	each := func(pods []*v1.Pod) {
		for _, pod := range pods {
			placed[p.classOf[pod]]++
		}
	}
	for _, m := range s.machines {
		each(m.pods)
	}
	for _, pods := range s.onNode {
		each(pods)
	}
	if added == 0 {
		return plan.LowerBound{Method: columnGeneration}, nil
	}
	p.early.swap(p)
	defer p.early.swap(p)
	price, proven, err := vector.LowerBound(p.relaxed(placed), p.budget())
	if err != nil {
		return plan.LowerBound{}, fmt.Errorf("bound: %w", err)
	}
	// Floating point leaves a trace of a price where the bound is 0.
	price = math.Floor(price*1e9) / 1e9
	bound := plan.LowerBound{PricePerHour: min(price, added), Method: resourceSum}
	if proven {
		bound.Method = columnGeneration
	}
	if bound.PricePerHour > 0 {
		bound.Gap = added/bound.PricePerHour - 1
	}
	return bound, nil
}

// relaxed is the packing problem of the placed pods with nothing in it but
// what every plan must respect.
func (p *planner) relaxed(placed map[*class]int) *vector.Problem {
	var parts []part
	for i, c := range p.classes {
		if n := placed[c]; n > 0 {
			parts = append(parts, part{class: i, cell: anyCell, pods: c.pods[:n]})
		}
	}
	b := &problemBuilder{p: p, parts: parts, problem: &vector.Problem{}, bundled: make([]bool, len(parts))}
	b.classes()
	b.hostAntiAffinity()
	b.existing()
	b.buyable()
	b.problem.Pools, b.problem.Global = p.pools.vectorPools(p.dims)
	return b.problem
}
