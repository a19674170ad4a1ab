package report

import (
	"cmp"
	"slices"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// purchase is machines of one offering for one NodeGroup in one datacenter.
type purchase struct {
	nodeGroup, offering, datacenter string
	nodes                           []*node
	pods                            int
	// room is the sum over the machines.
	room []usage
}

// pricePerHour of all machines of the purchase.
func (p *purchase) pricePerHour() float64 {
	var sum float64
	for _, n := range p.nodes {
		sum += n.pricePerHour
	}
	return sum
}

// purchases groups what is bought, the largest sum of money first.
func (pic *picture) purchases() []*purchase {
	type key struct{ offering, nodeGroup, datacenter string }
	index := map[key]*purchase{}
	var all []*purchase
	for _, n := range pic.bought {
		k := key{n.offering, n.nodeGroup, n.datacenter}
		p := index[k]
		if p == nil {
			p = &purchase{offering: n.offering, nodeGroup: n.nodeGroup, datacenter: n.datacenter, room: make([]usage, len(pic.resources))}
			index[k] = p
			all = append(all, p)
		}
		p.nodes = append(p.nodes, n)
		p.pods += len(n.incoming)
		addRoom(p.room, n.room)
	}
	slices.SortFunc(all, func(a, b *purchase) int {
		return cmp.Or(
			cmp.Compare(b.pricePerHour(), a.pricePerHour()),
			cmp.Compare(a.offering, b.offering),
			cmp.Compare(a.nodeGroup, b.nodeGroup),
			cmp.Compare(a.datacenter, b.datacenter),
		)
	})
	return all
}

func addRoom(sum, room []usage) {
	for i, u := range room {
		sum[i].allocatable += u.allocatable
		sum[i].today += u.today
		sum[i].incoming += u.incoming
	}
}

// refusal is the pods that have no place for the same reason.
type refusal struct {
	summary string
	pods    []string
	// reasons of the first of the pods, equal ones counted over templates.
	reasons []countedReason
}

// countedReason is one plugin's message and the number of templates (or nodes)
// that it refuses.
type countedReason struct {
	plugin, message string
	templates       int
}

// refusals groups the pods that have no place by summary, most pods first.
func refusals(decision *plan.Plan) []*refusal {
	index := map[string]*refusal{}
	var all []*refusal
	for i := range decision.Unschedulable {
		u := &decision.Unschedulable[i]
		r := index[u.Summary]
		if r == nil {
			r = &refusal{summary: u.Summary, reasons: countReasons(u.Reasons)}
			index[u.Summary] = r
			all = append(all, r)
		}
		r.pods = append(r.pods, u.Pod)
	}
	slices.SortStableFunc(all, func(a, b *refusal) int { return cmp.Compare(len(b.pods), len(a.pods)) })
	return all
}

// countReasons puts equal reasons together, the most frequent first.
func countReasons(reasons []plan.Reason) []countedReason {
	index := map[[2]string]int{}
	var counted []countedReason
	for _, r := range reasons {
		k := [2]string{r.Plugin, r.Message}
		i, known := index[k]
		if !known {
			i = len(counted)
			index[k] = i
			counted = append(counted, countedReason{plugin: r.Plugin, message: r.Message})
		}
		counted[i].templates++
	}
	slices.SortFunc(counted, func(a, b countedReason) int {
		return cmp.Or(cmp.Compare(b.templates, a.templates), cmp.Compare(a.plugin, b.plugin), cmp.Compare(a.message, b.message))
	})
	return counted
}
