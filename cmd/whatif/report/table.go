package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	v1 "k8s.io/api/core/v1"
)

// namedPods is how many pods of a group a table names.
const namedPods = 3

// sheet is a report in the making as text.
type sheet struct {
	*Report
	*picture
	canvas
}

// writeTable writes the report for a terminal; wide lists every machine and
// every pod without a place instead of groups.
func (r *Report) writeTable(w io.Writer, wide bool, style Style) error {
	pic, err := draw(r.plan, r.request)
	if err != nil {
		return err
	}
	s := &sheet{Report: r, picture: pic, canvas: canvas{style: style, money: money{r.request.Catalog.Currency}}}
	s.headline()
	if wide {
		s.machines()
	} else {
		s.purchases()
	}
	s.todaysNodes()
	s.unschedulable(wide)
	s.alternatives()
	s.work()
	_, err = io.WriteString(w, s.b.String())
	return err
}

func (s *sheet) headline() {
	p := s.plan
	o := outcomeOf(p)
	sentence := o.sentence(len(p.Add))
	color := text.FgGreen
	if o.nowhere > 0 {
		color = text.FgYellow
	}
	fmt.Fprintf(&s.b, "%s\n\n", s.paint(sentence, text.Bold, color))
	price := p.PricePerHour
	s.fact("Price", fmt.Sprintf("%s → %s, %s → %s (720 h); %s of that is new",
		s.money.hourly(price.Before), s.paint(s.money.hourly(price.After), text.Bold),
		s.money.monthly(price.Before), s.money.monthly(price.After), s.money.hourly(price.Added)))
	s.fact("Bound", bound(p, s.money))
	s.fact("Placement", fmt.Sprintf("%s: %s", p.Placement, placementWords[p.Placement]))
	s.fact("Plan", p.Metadata.ID)
}

// purchases is the list of what to buy, alike machines in one line.
func (s *sheet) purchases() {
	if len(s.bought) == 0 {
		return
	}
	t := s.table(append(table.Row{"Buy", "Offering", "NodeGroup", "Datacenter", s.money.unit() + "/h each", s.money.unit() + "/h", "Pods"}, s.resourceTitles()...)...)
	for _, p := range s.picture.purchases() {
		t.AppendRow(append(table.Row{
			fmt.Sprintf("%d ×", len(p.nodes)), s.paint(p.offering, text.FgCyan), p.nodeGroup, p.datacenter,
			s.price(p.nodes[0]), fmt.Sprintf("%.4f", p.pricePerHour()), p.pods,
		}, s.rooms(p.room)...))
	}
	t.SetColumnConfigs(rightAligned(1, 5, 6, 7))
	s.section(t)
}

// machines is the list of what to buy, one machine a line.
func (s *sheet) machines() {
	if len(s.bought) == 0 {
		return
	}
	t := s.table(append(table.Row{"Buy", "Offering", "NodeGroup", "Datacenter", s.money.unit() + "/h", "Pods"}, s.resourceTitles()...)...)
	for _, n := range s.bought {
		t.AppendRow(append(table.Row{
			n.name, s.paint(n.offering, text.FgCyan), n.nodeGroup, n.datacenter, s.price(n), len(n.incoming),
		}, s.rooms(n.room)...))
	}
	t.SetColumnConfigs(rightAligned(5, 6))
	s.section(t)
}

// todaysNodes lists the nodes of today that take pods.
func (s *sheet) todaysNodes() {
	t := s.table(append(table.Row{"Existing node", "Offering", "Datacenter", s.money.unit() + "/h", "New pods"}, s.resourceTitles()...)...)
	for _, n := range s.today {
		if len(n.incoming) == 0 {
			continue
		}
		t.AppendRow(append(table.Row{
			n.name, n.offering, n.datacenter, s.price(n), fmt.Sprintf("+%d", len(n.incoming)),
		}, s.rooms(n.room)...))
	}
	if t.Length() > 0 {
		t.SetColumnConfigs(rightAligned(4, 5))
		s.section(t)
	}
}

// unschedulable lists the pods without a place and why.
func (s *sheet) unschedulable(wide bool) {
	groups := refusals(s.plan)
	if len(groups) == 0 {
		return
	}
	fmt.Fprintf(&s.b, "\n%s\n", s.paint("No place for", text.Bold, text.FgYellow))
	for _, g := range groups {
		s.indented(2, fmt.Sprintf("%s: %s", count(len(g.pods), "pod"), nameSome(g.pods, wide)))
		s.indented(6, s.paint(g.summary, text.FgHiBlack))
		if wide {
			for _, r := range g.reasons {
				s.indented(6, fmt.Sprintf("%s: %s (%s)", r.plugin, r.message, strings.Join(r.templates, ", ")))
			}
		}
	}
}

// alternatives shows what other ways would cost.
func (s *sheet) alternatives() {
	if len(s.plan.Alternatives) == 0 {
		return
	}
	added := s.plan.PricePerHour.Added
	t := s.table("Alternative", s.money.unit()+"/h", "Difference")
	for _, a := range s.plan.Alternatives {
		difference := ""
		if added > 0 {
			difference = fmt.Sprintf("%+.1f %%", 100*(a.PricePerHour/added-1))
		}
		t.AppendRow(table.Row{a.Summary, fmt.Sprintf("%.4f", a.PricePerHour), difference})
	}
	t.SetColumnConfigs(rightAligned(2, 3))
	s.section(t)
}

// work says how much was looked at.
func (s *sheet) work() {
	stats := s.plan.Stats
	line := fmt.Sprintf("%s in %s held against %s: %s",
		count(stats.Pods, "pod"), plural(stats.Classes, "class", "classes"),
		count(stats.Templates, "template"), count(stats.FilterCalls, "filter call"))
	if stats.Truncated {
		line += "; the search ended at its budget, more --work may find a cheaper plan"
	}
	fmt.Fprintf(&s.b, "\n%s\n", s.paint(line, text.FgHiBlack))
}

func (s *sheet) price(n *node) string {
	if !n.priced {
		return "?"
	}
	return fmt.Sprintf("%.4f", n.pricePerHour)
}

// resourceTitles head the columns that rooms fills.
func (s *sheet) resourceTitles() table.Row {
	titles := make(table.Row, len(s.resources))
	for i, name := range s.resources {
		titles[i] = string(name)
	}
	return titles
}

// rooms says how full a node will be: a share of CPU and memory, a number of
// pieces of other resources.
func (s *sheet) rooms(room []usage) table.Row {
	cells := make(table.Row, len(room))
	for i, u := range room {
		switch {
		case u.allocatable == 0:
			cells[i] = ""
		case s.resources[i] == v1.ResourceCPU || s.resources[i] == v1.ResourceMemory:
			cells[i] = s.bar(u) + fmt.Sprintf("%3.0f %%", 100*float64(u.after())/float64(u.allocatable))
		default:
			cells[i] = fmt.Sprintf("%d of %d", u.after(), u.allocatable)
		}
	}
	return cells
}
