package binpack

import (
	"math"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// pools are the NodeGroups' limits and the cluster's, less what today's nodes
// already use up.
type pools struct {
	groups []*v1alpha1.NodeGroup
	index  map[string]int
	owned  []usage
	// whole is the use of the whole cluster, limits its caps.
	whole  usage
	limits Limits
	// countsSold says that some limit is on CPU or memory.
	countsSold bool
	// preferred maps "nodegroup/datacenter" to the kind that is preferred there.
	preferred map[string]int
	// priceBefore is what today's nodes of known offerings cost, in $/h.
	priceBefore float64
}

// usage is what a set of machines counts against limits.
type usage struct {
	nodes         int
	milliCPU, mem int64
	price         float64
}

func (u *usage) add(o *offerings.Offering) {
	u.nodes++
	u.milliCPU += o.Capacity.MilliCPU
	u.mem += o.Capacity.MemoryBytes
	u.price += o.PricePerHour
}

func newPools(request *Request, nodes []*v1.Node) *pools {
	groups := request.NodeGroups
	if len(groups) == 0 {
		groups = []*v1alpha1.NodeGroup{openGroup()}
	}
	p := &pools{groups: groups, index: map[string]int{}, owned: make([]usage, len(groups)), limits: request.Limits}
	for i, group := range groups {
		p.index[group.Name] = i
		if l := group.Spec.Limits; l != nil && (l.CPU != nil || l.Memory != nil) {
			p.countsSold = true
		}
	}
	if request.Limits.MilliCPU > 0 || request.Limits.MemoryBytes > 0 {
		p.countsSold = true
	}
	for _, node := range nodes {
		offering := request.Catalog.Offering(node.Labels[v1.LabelInstanceTypeStable])
		owner, owned := p.index[node.Labels[v1alpha1.NodeGroupLabel]]
		if len(request.NodeGroups) == 0 {
			owner, owned = 0, offering != nil
		}
		if offering == nil {
			// A machine that the catalogue does not know counts as what it is, at no price.
			offering = &offerings.Offering{Capacity: offerings.Resources{
				MilliCPU: node.Status.Capacity.Cpu().MilliValue(), MemoryBytes: node.Status.Capacity.Memory().Value(),
			}}
		}
		p.whole.add(offering)
		if owned {
			p.owned[owner].add(offering)
		}
		p.priceBefore += offering.PricePerHour
	}
	return p
}

func (p *pools) of(group string) int { return p.index[group] }

// vectorPools are the limits as the packing problem states them: what may
// still be bought.
func (p *pools) vectorPools(d *dims) (each []vector.Pool, whole *vector.Pool) {
	for i, group := range p.groups {
		pool := vector.NoLimits()
		pool.MaxBins = max(0, int(group.Spec.MaxNodes)-p.owned[i].nodes)
		if group.Spec.Paused {
			pool.MaxBins = 0
		} else {
			pool.MinBins = min(pool.MaxBins, max(0, int(group.Spec.MinNodes)-p.owned[i].nodes))
		}
		if l := group.Spec.Limits; l != nil {
			var milliCPU, memory int64
			if l.CPU != nil {
				milliCPU = l.CPU.MilliValue()
			}
			if l.Memory != nil {
				memory = l.Memory.Value()
			}
			pool.MaxTotal = p.totals(d, milliCPU, memory, &p.owned[i])
			if l.PricePerHour != nil {
				pool.MaxPrice = math.Max(0, l.PricePerHour.AsApproximateFloat64()-p.owned[i].price)
			}
		}
		each = append(each, pool)
	}
	if p.limits == (Limits{}) {
		return each, nil
	}
	pool := vector.NoLimits()
	if p.limits.Nodes > 0 {
		pool.MaxBins = max(0, p.limits.Nodes-p.whole.nodes)
	}
	pool.MaxTotal = p.totals(d, p.limits.MilliCPU, p.limits.MemoryBytes, &p.whole)
	if p.limits.PricePerHour > 0 {
		pool.MaxPrice = math.Max(0, p.limits.PricePerHour-p.whole.price)
	}
	return each, &pool
}

func (p *pools) totals(d *dims, milliCPU, memory int64, used *usage) []int64 {
	if milliCPU == 0 && memory == 0 {
		return nil
	}
	totals := make([]int64, d.count())
	for i := range totals {
		totals[i] = vector.NoLimit
	}
	if milliCPU > 0 {
		totals[d.soldCPU()] = max(0, milliCPU-used.milliCPU)
	}
	if memory > 0 {
		totals[d.soldCPU()+1] = max(0, memory-used.mem)
	}
	return totals
}

// refuse says which limit keeps one more machine of the kind from being bought
// when the machines in bought are, or "" if none does.
func (p *pools) refuse(k *kind, bought []*machine) string {
	group := p.owned[k.pool]
	whole := p.whole
	for _, m := range bought {
		whole.add(m.kind.Offering)
		if m.kind.pool == k.pool {
			group.add(m.kind.Offering)
		}
	}
	group.add(k.Offering)
	whole.add(k.Offering)
	spec := &p.groups[k.pool].Spec
	groupLimits := Limits{Nodes: int(spec.MaxNodes)}
	if l := spec.Limits; l != nil {
		if l.CPU != nil {
			groupLimits.MilliCPU = l.CPU.MilliValue()
		}
		if l.Memory != nil {
			groupLimits.MemoryBytes = l.Memory.Value()
		}
		if l.PricePerHour != nil {
			groupLimits.PricePerHour = l.PricePerHour.AsApproximateFloat64()
		}
	}
	if reason := groupLimits.exceeded(&group); reason != "" {
		return "NodeGroup " + k.NodeGroup.Name + " is at its limit of " + reason
	}
	if reason := p.limits.exceeded(&whole); reason != "" {
		return "the cluster is at its limit of " + reason
	}
	return ""
}

// priceSlack forgives the rounding of sums of prices, in $/h.
const priceSlack = 1e-9

func (l Limits) exceeded(u *usage) string {
	switch {
	case l.Nodes > 0 && u.nodes > l.Nodes:
		return "nodes"
	case l.MilliCPU > 0 && u.milliCPU > l.MilliCPU:
		return "cpu"
	case l.MemoryBytes > 0 && u.mem > l.MemoryBytes:
		return "memory"
	case l.PricePerHour > 0 && u.price > l.PricePerHour+priceSlack:
		return "price per hour"
	}
	return ""
}

// exhausted says that a group may buy nothing at all.
func (p *pools) exhausted(group int) bool {
	return p.groups[group].Spec.Paused || int(p.groups[group].Spec.MaxNodes) <= p.owned[group].nodes
}
