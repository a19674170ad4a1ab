package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/scaleup/record"
)

// WriteDecisions lists the decisions that the autoscaler has recorded, in one of
// TextFormats.
func WriteDecisions(w io.Writer, entries []record.Entry, format string, style Style) error {
	switch format {
	case JSON:
		return writeJSON(w, entries)
	case YAML:
		return writeYAML(w, entries)
	case Table, Wide:
		c := &canvas{style: style}
		t := c.table("Plan", "Decided", "Result", "Summary")
		for _, entry := range entries {
			t.AppendRow(table.Row{entry.PlanID, entry.DecidedAt.UTC().Format(time.RFC3339), entry.Result, entry.Summary})
		}
		c.section(t)
		_, err := io.WriteString(w, strings.TrimPrefix(c.b.String(), "\n"))
		return err
	}
	return CheckFormat(format, TextFormats)
}

// WriteDecision shows one decision as it was made and carried out, in one of
// TextFormats. Prices are in the currency.
func WriteDecision(w io.Writer, decision *record.Record, currency, format string, style Style) error {
	switch format {
	case JSON:
		return writeJSON(w, decision)
	case YAML:
		return writeYAML(w, decision)
	case Table, Wide:
		s := &sheet{Report: &Report{plan: decision.Plan}, canvas: canvas{style: style, money: money{currency}}}
		s.headline()
		s.fact("Decided", fmt.Sprintf("%s, %s: %s", decision.DecidedAt.UTC().Format(time.RFC3339), decision.Result, decision.Summary))
		s.ordered()
		s.unschedulable(format == Wide)
		s.alternatives()
		s.remarks(decision)
		_, err := io.WriteString(w, s.b.String())
		return err
	}
	return CheckFormat(format, TextFormats)
}

// ordered lists the machines of a plan without the cluster they were planned for.
func (s *sheet) ordered() {
	if len(s.plan.Add) == 0 {
		return
	}
	t := s.table("Machine", "Offering", "NodeGroup", "Datacenter", s.money.unit()+"/h", "Pods")
	for i := range s.plan.Add {
		m := &s.plan.Add[i]
		t.AppendRow(table.Row{m.Name, m.Offering, m.NodeGroup, m.Datacenter, fmt.Sprintf("%.4f", m.PricePerHour), len(m.Pods)})
	}
	t.SetColumnConfigs(rightAligned(5, 6))
	s.section(t)
}

// remarks are what a decision left out.
func (s *sheet) remarks(decision *record.Record) {
	for _, machine := range decision.HeldBack {
		fmt.Fprintf(&s.b, "\nheld back: %s", machine)
	}
	for _, note := range decision.Notes {
		fmt.Fprintf(&s.b, "\nnote: %s", note)
	}
	if decision.PodsDropped {
		fmt.Fprint(&s.b, "\nnote: the names of pods were left out of the record to keep it small")
	}
	if len(decision.HeldBack)+len(decision.Notes) > 0 || decision.PodsDropped {
		fmt.Fprintln(&s.b)
	}
}
