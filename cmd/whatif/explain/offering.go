package explain

import (
	"context"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// OfferingChoice is an offering's part in the plan, and what would be if it were
// another.
type OfferingChoice struct {
	Offering string `json:"offering"`
	// PricePerHour of one machine in $/h.
	PricePerHour float64 `json:"pricePerHour"`
	// Templates are the offering's machines that can be bought, as
	// offering/nodegroup/datacenter; none when it is sold out everywhere or no
	// NodeGroup admits it.
	Templates []string `json:"templates"`
	// FittingPods of PendingPods would each fit on one such machine.
	FittingPods int `json:"fittingPods"`
	PendingPods int `json:"pendingPods"`
	// Chosen says that the plan buys Machines of it, for PlannedPods.
	Chosen      bool `json:"chosen"`
	Machines    int  `json:"machines"`
	PlannedPods int  `json:"plannedPods"`
	// Plan is the plan as it is.
	Plan Outcome `json:"plan"`
	// Without is the plan made as if the offering were not sold; only when it is
	// chosen.
	Without *Outcome `json:"without,omitempty"`
	// ChosenAt is the highest price in $/h found at which the plan would buy it,
	// when it does not: found by trying prices down to half of today's. Nil when
	// it would not be bought at any of them either.
	ChosenAt *float64 `json:"chosenAt,omitempty"`
}

// Outcome is what a plan comes to.
type Outcome struct {
	// AddedPerHour is what the machines to buy cost, in $/h.
	AddedPerHour float64 `json:"addedPerHour"`
	// Unschedulable counts pods that have no place.
	Unschedulable int `json:"unschedulable"`
	// Machines counts what is bought by offering.
	Machines map[string]int `json:"machines"`
}

// trials of other prices: each is a whole plan. Five of them narrow the price
// between half of today's and today's down to 1.6 % of it.
const trials = 5

// Offering says why an offering, by name or identifier, is bought or not, by
// planning again without it or at other prices.
func Offering(ctx context.Context, request *binpack.Request, name string) (*OfferingChoice, error) {
	offering, err := request.Catalog.Lookup(name)
	if err != nil {
		return nil, err
	}
	made, err := binpack.ScaleUp(ctx, *request)
	if err != nil {
		return nil, err
	}
	choice := &OfferingChoice{
		Offering: offering.Name, PricePerHour: offering.PricePerHour, Templates: []string{},
		PendingPods: made.Stats.Pods, Plan: outcome(made),
	}
	for i := range made.Add {
		if made.Add[i].Offering == offering.Name {
			choice.Machines++
			choice.PlannedPods += len(made.Add[i].Pods)
		}
	}
	choice.Chosen = choice.Machines > 0
	if err := choice.fit(ctx, request); err != nil {
		return nil, err
	}
	switch {
	case choice.Chosen:
		err = choice.without(ctx, request)
	case choice.FittingPods > 0:
		err = choice.cheaper(ctx, request)
	}
	return choice, err
}

func outcome(p *plan.Plan) Outcome {
	o := Outcome{AddedPerHour: p.PricePerHour.Added, Unschedulable: len(p.Unschedulable), Machines: map[string]int{}}
	for i := range p.Add {
		o.Machines[p.Add[i].Offering]++
	}
	return o
}

// fit counts the pending pods that each fit on a machine of the offering.
func (c *OfferingChoice) fit(ctx context.Context, request *binpack.Request) error {
	cluster, err := simulator.New(ctx, request.Objects, request.Scheduler)
	if err != nil {
		return err
	}
	all, err := binpack.Templates(request.Catalog, request.NodeGroups, cluster.Objects().DaemonSets)
	if err != nil {
		return err
	}
	fits := map[string]bool{}
	for _, template := range all {
		if template.Offering.Name != c.Offering {
			continue
		}
		c.Templates = append(c.Templates, template.Name)
		if err := fitOne(cluster, template, fits); err != nil {
			return err
		}
	}
	c.FittingPods = len(fits)
	return nil
}

// fitOne adds the pods that fit on one machine of a template.
func fitOne(cluster *simulator.Cluster, template *binpack.Template, fits map[string]bool) error {
	cluster.Fork()
	defer cluster.Revert()
	name := machineName(template)
	if err := cluster.AddNode(template.Node(name)); err != nil {
		return err
	}
	for _, pod := range cluster.Pending() {
		if _, gated := cluster.Gated(pod); gated != "" || fits[podName(pod)] {
			continue
		}
		cycle, err := cluster.Cycle(pod)
		if err != nil {
			return err
		}
		if cycle.Refused() == nil && cycle.Filter(name).IsSuccess() {
			fits[podName(pod)] = true
		}
	}
	return nil
}

// without plans as if the offering were not sold.
func (c *OfferingChoice) without(ctx context.Context, request *binpack.Request) error {
	catalog, err := request.Catalog.Without(c.Offering)
	if err != nil {
		return err
	}
	other, err := replan(ctx, request, catalog)
	if err != nil {
		return err
	}
	o := outcome(other)
	c.Without = &o
	return nil
}

// cheaper looks for the price at which the offering would be bought.
func (c *OfferingChoice) cheaper(ctx context.Context, request *binpack.Request) error {
	low, high := c.PricePerHour/2, c.PricePerHour
	for range trials {
		// Once a price is known at which it is bought, halve what is left;
		// begin with the lowest.
		price := low
		if c.ChosenAt != nil {
			price = (*c.ChosenAt + high) / 2
		}
		bought, err := c.boughtAt(ctx, request, price)
		if err != nil {
			return err
		}
		switch {
		case bought:
			c.ChosenAt = &price
		case c.ChosenAt == nil:
			return nil
		default:
			high = price
		}
	}
	return nil
}

func (c *OfferingChoice) boughtAt(ctx context.Context, request *binpack.Request, pricePerHour float64) (bool, error) {
	if pricePerHour < offerings.MinPricePerHour {
		return false, nil
	}
	catalog, err := request.Catalog.WithPrice(c.Offering, pricePerHour)
	if err != nil {
		return false, err
	}
	other, err := replan(ctx, request, catalog)
	if err != nil {
		return false, err
	}
	return outcome(other).Machines[c.Offering] > 0, nil
}

func replan(ctx context.Context, request *binpack.Request, catalog *offerings.Catalog) (*plan.Plan, error) {
	other := *request
	other.Catalog = catalog
	return binpack.ScaleUp(ctx, other)
}
