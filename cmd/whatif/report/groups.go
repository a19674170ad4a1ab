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
	// reasons of the first of the pods, equal ones together.
	reasons []groupedReason
}

// groupedReason is one plugin's message and the templates (or patterns of them)
// that it refuses.
type groupedReason struct {
	plugin, message string
	templates       []string
}

// refusals groups the pods that have no place by summary, most pods first.
func refusals(decision *plan.Plan) []*refusal {
	index := map[string]*refusal{}
	var all []*refusal
	for i := range decision.Unschedulable {
		u := &decision.Unschedulable[i]
		r := index[u.Summary]
		if r == nil {
			r = &refusal{summary: u.Summary, reasons: groupReasons(u.Reasons)}
			index[u.Summary] = r
			all = append(all, r)
		}
		r.pods = append(r.pods, u.Pod)
	}
	slices.SortStableFunc(all, func(a, b *refusal) int { return cmp.Compare(len(b.pods), len(a.pods)) })
	return all
}

// groupReasons puts equal reasons together, in the order of their templates: a
// plan lists the widest patterns first.
func groupReasons(reasons []plan.Reason) []groupedReason {
	index := map[[2]string]int{}
	var grouped []groupedReason
	for _, r := range reasons {
		k := [2]string{r.Plugin, r.Message}
		i, known := index[k]
		if !known {
			i = len(grouped)
			index[k] = i
			grouped = append(grouped, groupedReason{plugin: r.Plugin, message: r.Message})
		}
		grouped[i].templates = append(grouped[i].templates, r.Template)
	}
	return grouped
}
