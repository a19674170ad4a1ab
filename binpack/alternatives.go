package binpack

import (
	"fmt"
	"math"
	"sort"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
)

// alternativeWork bounds the search for one alternative: it is there for
// comparison and need not be the best of its kind.
const alternativeWork = 5_000_000

// alternatives prices two other ways to serve the packed pods, so that a user
// sees what the mix saves: one offering for everything, and doing without the
// offering that the plan spends most on. They are not verified.
func (p *planner) alternatives(s *settled) ([]plan.Alternative, error) {
	spent := map[string]float64{}
	for _, m := range s.machines {
		if len(m.pods) > 0 {
			spent[m.kind.Offering.Name] += m.kind.Offering.PricePerHour
		}
	}
	list := []plan.Alternative{}
	if len(spent) < 1 {
		return list, nil
	}
	names := sortedKeys(spent)
	sort.SliceStable(names, func(i, j int) bool { return spent[names[i]] > spent[names[j]] })
	main := names[0]
	for _, variant := range []struct {
		summary string
		keep    func(offering string) bool
	}{
		{fmt.Sprintf("only %s", main), func(o string) bool { return o == main }},
		{fmt.Sprintf("without %s", main), func(o string) bool { return o != main }},
	} {
		if variant.summary[:4] == "only" && len(names) == 1 {
			continue
		}
		price, ok, err := p.price(s, variant.keep)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, plan.Alternative{Summary: variant.summary, PricePerHour: price})
		}
	}
	return list, nil
}

// price packs the decision's parts with some offerings only.
func (p *planner) price(s *settled, keep func(offering string) bool) (price float64, ok bool, err error) {
	b := p.newProblem(p.packedParts, nil)
	bins, origins := b.problem.Bins[:0:0], b.bins[:0:0]
	for i, origin := range b.bins {
		if origin.kind == none || keep(p.kinds[origin.kind].Offering.Name) {
			bins, origins = append(bins, b.problem.Bins[i]), append(origins, origin)
		}
	}
	b.problem.Bins, b.bins = bins, origins
	solution, err := vector.Solve(b.problem, vector.Budget{Work: alternativeWork, Gap: 0.01})
	if err != nil {
		return 0, false, fmt.Errorf("alternative: %w", err)
	}
	for _, n := range solution.Unplaced {
		if n > 0 {
			return 0, false, nil
		}
	}
	for _, bin := range solution.Bins {
		if origin := b.bins[bin.Kind]; origin.kind != none {
			price += p.kinds[origin.kind].Offering.PricePerHour
		}
	}
	return rounded(price), true, nil
}

// rounded takes the noise of summing off a price; nothing costs less than a
// billionth of a dollar an hour.
func rounded(price float64) float64 { return math.Round(price*1e9) / 1e9 }
