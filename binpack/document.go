package binpack

import (
	"sort"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// anyTemplate stands in a reason for every template there is.
const anyTemplate = "*"

// document writes the decision down.
func (p *planner) document(s *settled, queued []*v1.Pod) (*plan.Plan, error) {
	doc := &plan.Plan{
		APIVersion: plan.APIVersion,
		Kind:       plan.Kind,
		Metadata:   plan.Metadata{ID: p.id, Inputs: p.inputs},
		Placement:  placement(s),
		Add:        []plan.Machine{},
		Remove:     []plan.Removal{},
		Existing:   []plan.ExistingNode{},
	}
	for _, m := range s.machines {
		doc.Add = append(doc.Add, plan.Machine{
			Name: m.name, NodeGroup: m.kind.NodeGroup.Name, Offering: m.kind.Offering.Name,
			Datacenter: m.kind.Datacenter.ID, Zone: m.kind.Datacenter.ID,
			PricePerHour: m.kind.Offering.PricePerHour, Pods: podNames(m.pods),
		})
		doc.PricePerHour.Added += m.kind.Offering.PricePerHour
	}
	sort.Slice(doc.Add, func(i, j int) bool { return doc.Add[i].Name < doc.Add[j].Name })
	for i, pods := range s.onNode {
		if len(pods) > 0 {
			doc.Existing = append(doc.Existing, plan.ExistingNode{Name: p.nodes[i].name, Pods: podNames(pods)})
		}
	}
	doc.PricePerHour.Before = p.pools.priceBefore
	doc.PricePerHour.After = doc.PricePerHour.Before + doc.PricePerHour.Added
	var err error
	if doc.LowerBound, err = p.bound(s, doc.PricePerHour.Added); err != nil {
		return nil, err
	}
	if doc.Alternatives, err = p.alternatives(s); err != nil {
		return nil, err
	}
	if doc.Unschedulable, err = p.unschedulable(s, queued); err != nil {
		return nil, err
	}
	doc.Stats = plan.Stats{
		Pods: len(p.cluster.Pending()), Classes: len(p.classes), Templates: len(p.kinds),
		FilterCalls: p.filterCalls, Truncated: p.truncated,
	}
	return doc, nil
}

func placement(s *settled) plan.Placement {
	switch {
	case s.verdict.Nominated.Held():
		return plan.PlacementNominated
	case s.verdict.ScoreOrder.AllLand() && !s.verdict.ScoreOrder.Sampled:
		return plan.PlacementScoreOrder
	}
	return plan.PlacementNotHeld
}

func podNames(pods []*v1.Pod) []string {
	names := make([]string, len(pods))
	for i, pod := range pods {
		names[i] = podName(pod)
	}
	sort.Strings(names)
	return names
}

// unschedulable explains every pod that the plan does not place. Pods of one
// class share their reasons.
func (p *planner) unschedulable(s *settled, queued []*v1.Pod) ([]plan.Unschedulable, error) {
	list := append([]plan.Unschedulable{}, p.refused...)
	for _, pod := range queued {
		if why := p.withdrawn[pod]; why != "" {
			list = append(list, plan.Unschedulable{
				Pod: podName(pod), Summary: why, Reasons: []plan.Reason{{Template: anyTemplate, Plugin: gangScheduling, Message: why}},
			})
		}
	}
	if len(s.unplaced) > 0 {
		explained, err := p.explain(s)
		if err != nil {
			return nil, err
		}
		list = append(list, explained...)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Pod < list[j].Pod })
	return list, nil
}

// explain asks the scheduler about the cluster as the plan leaves it, with one
// machine of each template put beside it.
func (p *planner) explain(s *settled) ([]plan.Unschedulable, error) {
	cluster, _, err := p.stage(s)
	if err != nil {
		return nil, err
	}
	defer func() { p.filterCalls += cluster.FilterCalls() }()
	for _, k := range p.kinds {
		if err := cluster.AddNode(k.spec); err != nil {
			return nil, err
		}
	}
	type answer struct {
		summary string
		reasons []plan.Reason
	}
	answers := map[*class]answer{}
	var list []plan.Unschedulable
	for _, pod := range s.unplaced {
		c := p.classOf[pod]
		a, ok := answers[c]
		if !ok || c.irregular {
			probe, err := cluster.Probe(pod)
			if err != nil {
				return nil, err
			}
			a.reasons = p.reasons(probe, s, c)
			if a.summary, err = cluster.Summary(pod); err != nil {
				return nil, err
			}
			if a.summary == "" {
				a.summary = a.reasons[0].Message
			}
			answers[c] = a
		}
		list = append(list, plan.Unschedulable{Pod: podName(pod), Summary: a.summary, Reasons: a.reasons})
	}
	return list, nil
}

// reasons lists per template every plugin that refuses, and what keeps the
// templates that none refuses from being bought.
func (p *planner) reasons(probe *simulator.Probe, s *settled, c *class) []plan.Reason {
	fold := newFold(p.kinds)
	for i, k := range p.kinds {
		refusals := probe.Reasons(k.spec.Node.Name)
		for _, r := range refusals {
			fold.add(i, r.Plugin, r.Message)
		}
		if len(refusals) > 0 {
			continue
		}
		switch why := p.pools.refuse(k, s.machines); {
		case c.noTemplates && c.priority < p.request.expendableBelow():
			fold.add(i, "Expendable", "no machine is bought for a pod of this low priority")
		case why != "":
			fold.add(i, "Limits", why)
		case !p.fitsKind(c, i):
			fold.add(i, "Preference", "NodeGroup "+k.NodeGroup.Name+" buys its preferred instance type for this pod")
		default:
			fold.add(i, "Plan", "the search found no plan with this machine")
		}
	}
	if len(p.kinds) == 0 {
		why := "nothing can be bought: no NodeGroup admits an available offering"
		if p.request.NoScaleUp {
			why = "scale-up is off"
		}
		return []plan.Reason{{Template: anyTemplate, Plugin: "ScaleUp", Message: why}}
	}
	return fold.reasons()
}
