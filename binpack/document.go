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
	doc.PricePerHour.Added = rounded(doc.PricePerHour.Added)
	doc.PricePerHour.Before = rounded(p.pools.priceBefore)
	doc.PricePerHour.After = rounded(doc.PricePerHour.Before + doc.PricePerHour.Added)
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

// unschedulable explains every pod that the plan does not place.
func (p *planner) unschedulable(s *settled, queued []*v1.Pod) ([]plan.Unschedulable, error) {
	list := append([]plan.Unschedulable{}, p.refused...)
	e := &explainer{p: p, s: s, answers: map[*class]answer{}}
	for _, pod := range s.unplaced {
		a, err := e.unplaced(pod)
		if err != nil {
			return nil, err
		}
		list = append(list, plan.Unschedulable{Pod: podName(pod), Summary: a.summary, Reasons: a.reasons})
	}
	for _, pod := range queued {
		if out, ok := p.withdrawn[pod]; ok {
			reasons, err := e.withdrawn(pod, out)
			if err != nil {
				return nil, err
			}
			list = append(list, plan.Unschedulable{Pod: podName(pod), Summary: out.why, Reasons: reasons})
		}
	}
	if e.cluster != nil {
		p.filterCalls += e.cluster.FilterCalls()
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Pod < list[j].Pod })
	return list, nil
}

// explainer asks the scheduler about the cluster as the plan leaves it, with
// one machine of each template put beside it. Pods of one class share their
// answers.
type explainer struct {
	p *planner
	s *settled
	// cluster is made when it is needed.
	cluster *simulator.Cluster
	answers map[*class]answer
}

type answer struct {
	summary string
	reasons []plan.Reason
}

func (e *explainer) probe(pod *v1.Pod) (*simulator.Probe, error) {
	if e.cluster == nil {
		cluster, _, err := e.p.stage(e.s)
		if err != nil {
			return nil, err
		}
		for _, k := range e.p.kinds {
			if err := cluster.AddNode(k.spec); err != nil {
				return nil, err
			}
		}
		e.cluster = cluster
	}
	return e.cluster.Probe(pod)
}

func (e *explainer) unplaced(pod *v1.Pod) (answer, error) {
	c := e.p.classOf[pod]
	if a, ok := e.answers[c]; ok && !c.irregular {
		return a, nil
	}
	probe, err := e.probe(pod)
	if err != nil {
		return answer{}, err
	}
	a := answer{reasons: e.p.reasons(probe, e.s, c)}
	if a.summary, err = e.cluster.Summary(pod); err != nil {
		return answer{}, err
	}
	if a.summary == "" {
		a.summary = a.reasons[0].Message
	}
	e.answers[c] = a
	return a, nil
}

// withdrawn lists beside the group's shortage what keeps the pod itself from
// running.
func (e *explainer) withdrawn(pod *v1.Pod, out withdrawal) ([]plan.Reason, error) {
	if a, ok := e.answers[out.class]; ok && !out.class.irregular {
		return a.reasons, nil
	}
	probe, err := e.probe(pod)
	if err != nil {
		return nil, err
	}
	fold := newFold(e.p.kinds)
	for i, k := range e.p.kinds {
		fold.add(i, gangScheduling, out.why)
		for _, r := range probe.Reasons(k.spec.Node.Name) {
			fold.add(i, r.Plugin, r.Message)
		}
	}
	a := answer{reasons: fold.reasons()}
	if len(a.reasons) == 0 {
		a.reasons = []plan.Reason{{Template: anyTemplate, Plugin: gangScheduling, Message: out.why}}
	}
	e.answers[out.class] = a
	return a.reasons, nil
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
		case k.overfull:
			fold.add(i, "DaemonSets", "the DaemonSet pods alone do not fit on this machine")
		case why != "":
			fold.add(i, "Limits", why)
		case !p.fitsKind(c, i) && p.preferredOver(i) != none:
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
