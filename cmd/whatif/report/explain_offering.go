package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/explain"
)

// WriteOffering writes why an offering is bought or not, in one of TextFormats.
func WriteOffering(w io.Writer, o *explain.OfferingChoice, currency, format string, style Style) error {
	return write(w, o, format, style, func(c *canvas, _ bool) {
		c.money = money{currency}
		verdict := o.Offering + " is not in the plan"
		if o.Chosen {
			verdict = fmt.Sprintf("%s is in the plan: %s for %s", o.Offering, count(o.Machines, "machine"), count(o.PlannedPods, "pod"))
		}
		fmt.Fprintf(&c.b, "%s\n\n", c.paint(verdict, text.Bold, verdictColor(o.Chosen)))
		c.fact("Price", c.money.hourly(o.PricePerHour)+", "+c.money.monthly(o.PricePerHour))
		c.fact("Sold as", soldAs(o.Templates))
		c.fact("Fits", fmt.Sprintf("%d of %s would each fit on one", o.FittingPods, count(o.PendingPods, "pending pod")))
		c.fact("Why", c.why(o))
		c.outcomes(o)
	})
}

// soldAs sums up the templates of an offering.
func soldAs(templates []string) string {
	if len(templates) == 0 {
		return "nothing: it is available nowhere, or no NodeGroup admits it"
	}
	return count(len(templates), "template") + ": " + nameSome(templates, false)
}

func (c *canvas) why(o *explain.OfferingChoice) string {
	switch {
	case o.Chosen && o.Without.Unschedulable > o.Plan.Unschedulable:
		return fmt.Sprintf("without it, %s more would have no place", count(o.Without.Unschedulable-o.Plan.Unschedulable, "pod"))
	case o.Chosen && o.Without.AddedPerHour > o.Plan.AddedPerHour:
		return fmt.Sprintf("second best, without it, costs %s more (%+.1f %%)",
			c.money.hourly(o.Without.AddedPerHour-o.Plan.AddedPerHour), 100*(o.Without.AddedPerHour/o.Plan.AddedPerHour-1))
	case o.Chosen:
		return "a plan without it costs no more: it is one of equals, or the search came upon it first"
	case len(o.Templates) == 0:
		return "it cannot be bought"
	case o.PendingPods == 0:
		return "no pods are pending"
	case o.FittingPods == 0:
		return "no pending pod fits on it: see explain pod"
	case o.ChosenAt != nil:
		return fmt.Sprintf("others are cheaper for what is needed: it would be bought at %s (%+.1f %%)",
			c.money.hourly(*o.ChosenAt), 100*(*o.ChosenAt/o.PricePerHour-1))
	}
	return "others are cheaper for what is needed: it would not be bought at half its price either"
}

// outcomes compares what the plan buys with what the one without the offering
// buys, line by line.
func (c *canvas) outcomes(o *explain.OfferingChoice) {
	plans := []*explain.Outcome{&o.Plan}
	titles := []any{"Machines", "The plan"}
	if o.Without != nil {
		plans = append(plans, o.Without)
		titles = append(titles, "Without "+o.Offering)
	}
	t := c.table(titles...)
	line := func(name string, cell func(outcome *explain.Outcome) string) {
		row := table.Row{name}
		for _, outcome := range plans {
			row = append(row, cell(outcome))
		}
		t.AppendRow(row)
	}
	bought := map[string]bool{}
	for _, outcome := range plans {
		for offering := range outcome.Machines {
			bought[offering] = true
		}
	}
	for _, offering := range slices.Sorted(maps.Keys(bought)) {
		line(offering, func(outcome *explain.Outcome) string { return number(outcome.Machines[offering]) })
	}
	line("pods without a place", func(outcome *explain.Outcome) string { return number(outcome.Unschedulable) })
	line(c.money.unit()+"/h to add", func(outcome *explain.Outcome) string { return fmt.Sprintf("%.4f", outcome.AddedPerHour) })
	t.SetColumnConfigs(rightAligned(2, 3))
	c.section(t)
}

// number is a count as a cell: nothing for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return thousands(fmt.Sprint(n))
}
