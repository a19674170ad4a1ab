package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/explain"
)

// WritePod writes the matrix of one pod in one of TextFormats. JSON and YAML are
// exactly the document; tables put lines with equal verdicts together unless wide.
func WritePod(w io.Writer, m *explain.PodMatrix, format string, style Style) error {
	return write(w, m, format, style, func(c *canvas, wide bool) {
		words := fmt.Sprintf("%s fits on %d of %s and %d of %s", m.Pod,
			m.FittingNodes(), count(len(m.Nodes), "node"), m.FittingTemplates(), count(len(m.Templates), "template"))
		fmt.Fprintf(&c.b, "%s\n\n", c.paint(words, text.Bold, verdictColor(m.Fits)))
		if m.Node != "" {
			c.fact("Runs on", m.Node+"; what follows is as if it did not run")
		}
		if m.Summary != "" {
			c.fact("Today", m.Summary)
		}
		c.fact("Alone", "no other pending pod is placed here: what needs one beside it does not fit yet")
		c.matrix("Node", m.Nodes, wide)
		c.matrix("Template", m.Templates, wide)
		c.messages(slices.Concat(m.Nodes, m.Templates))
	})
}

// write is the part that all explanations share.
func write(w io.Writer, document any, format string, style Style, draw func(c *canvas, wide bool)) error {
	switch format {
	case JSON:
		return writeJSON(w, document)
	case YAML:
		return writeYAML(w, document)
	case Table, Wide:
		c := &canvas{style: style}
		draw(c, format == Wide)
		_, err := io.WriteString(w, c.b.String())
		return err
	}
	return CheckFormat(format, TextFormats)
}

func verdictColor(good bool) text.Color {
	if good {
		return text.FgGreen
	}
	return text.FgYellow
}

// matrix is a table of verdicts: a line for each name, a column for each plugin
// that refuses any of them.
func (c *canvas) matrix(title string, verdicts []explain.Verdict, wide bool) {
	if len(verdicts) == 0 {
		return
	}
	plugins := refusingPlugins(verdicts)
	titles := []any{title, "Fits"}
	for _, plugin := range plugins {
		titles = append(titles, plugin)
	}
	t := c.table(titles...)
	style := t.Style()
	style.Format.Header = text.FormatDefault
	for _, line := range foldVerdicts(verdicts, wide) {
		row := table.Row{line.names, c.paint("no", text.FgYellow)}
		if line.fits {
			row[1] = c.paint("yes", text.FgGreen)
		}
		for _, plugin := range plugins {
			cell := ""
			if line.refusedBy[plugin] {
				cell = c.paint("✗", text.FgRed)
			}
			row = append(row, cell)
		}
		t.AppendRow(row)
	}
	c.section(t)
}

// refusingPlugins lists the plugins that refuse something, those that refuse
// most first.
func refusingPlugins(verdicts []explain.Verdict) []string {
	refusals := map[string]int{}
	for _, v := range verdicts {
		for plugin := range refusedBy(v) {
			refusals[plugin]++
		}
	}
	return byCount(refusals)
}

func refusedBy(v explain.Verdict) map[string]bool {
	plugins := map[string]bool{}
	for _, r := range v.Reasons {
		plugins[r.Plugin] = true
	}
	return plugins
}

// byCount lists the keys, the largest counts first and equal ones by name.
func byCount(counts map[string]int) []string {
	keys := make([]string, 0, len(counts))
	for key := range counts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	slices.SortStableFunc(keys, func(a, b string) int { return counts[b] - counts[a] })
	return keys
}

// verdictLine is names that the same plugins refuse.
type verdictLine struct {
	names     string
	fits      bool
	refusedBy map[string]bool
}

// foldVerdicts puts templates that differ only in the datacenter, and get the
// same verdict, into one line; wide keeps them apart.
func foldVerdicts(verdicts []explain.Verdict, wide bool) []verdictLine {
	var lines []verdictLine
	index := map[string]int{}
	for _, v := range verdicts {
		line := verdictLine{names: v.Name, fits: v.Fits, refusedBy: refusedBy(v)}
		kind, datacenter, isTemplate := cutLast(v.Name, "/")
		if wide || !isTemplate {
			lines = append(lines, line)
			continue
		}
		key := kind + "\n" + strings.Join(slices.Sorted(maps.Keys(line.refusedBy)), "\n")
		if i, known := index[key]; known {
			lines[i].names += "," + datacenter
			continue
		}
		index[key] = len(lines)
		lines = append(lines, line)
	}
	return lines
}

// messages lists what the plugins say, once each.
func (c *canvas) messages(verdicts []explain.Verdict) {
	counts := map[string]int{}
	for _, v := range verdicts {
		for _, r := range v.Reasons {
			counts[r.Plugin+": "+r.Message]++
		}
	}
	if len(counts) == 0 {
		return
	}
	c.b.WriteByte('\n')
	for _, message := range byCount(counts) {
		c.indented(0, fmt.Sprintf("%s (%d×)", message, counts[message]))
	}
}

// WriteNode writes what a node runs and would take, in one of TextFormats.
func WriteNode(w io.Writer, r *explain.NodeRoom, currency, format string, style Style) error {
	return write(w, r, format, style, func(c *canvas, wide bool) {
		c.money = money{currency}
		takes := 0
		for _, v := range r.Pending {
			if v.Fits {
				takes++
			}
		}
		fmt.Fprintf(&c.b, "%s\n\n", c.paint(fmt.Sprintf("%s runs %s and would take %d of %s, each alone", r.Node,
			count(len(r.Pods), "pod"), takes, count(len(r.Pending), "pending pod")), text.Bold))
		machine := strings.Join(slices.DeleteFunc([]string{r.Offering, r.NodeGroup, r.Datacenter}, func(s string) bool { return s == "" }), ", ")
		if r.PricePerHour > 0 {
			machine += " at " + c.money.hourly(r.PricePerHour)
		}
		c.fact("Machine", machine)
		if r.Unschedulable {
			c.fact("Cordoned", "kube-scheduler puts no pod on it")
		}
		c.roomTable(r.Resources)
		c.pendingTable(r.Pending, wide)
		if wide {
			c.runningTable(r.Pods)
		}
	})
}

func (c *canvas) roomTable(resources []explain.Room) {
	t := c.table("Resource", "Allocatable", "Requested", "Free", "Used")
	for _, r := range resources {
		used := ""
		if r.Allocatable > 0 {
			u := usage{allocatable: r.Allocatable, today: r.Requested}
			used = c.bar(u) + fmt.Sprintf("%3.0f %%", 100*float64(r.Requested)/float64(r.Allocatable))
		}
		t.AppendRow(table.Row{r.Resource, quantity(r.Resource, r.Allocatable), quantity(r.Resource, r.Requested), quantity(r.Resource, r.Free), used})
	}
	t.SetColumnConfigs(rightAligned(2, 3, 4))
	c.section(t)
}

// pendingTable groups the pending pods by verdict.
func (c *canvas) pendingTable(pending []explain.Verdict, wide bool) {
	index := map[string][]string{}
	counts := map[string]int{}
	for _, v := range pending {
		why := "fits"
		if !v.Fits {
			messages := make([]string, len(v.Reasons))
			for i, r := range v.Reasons {
				messages[i] = r.Plugin + ": " + r.Message
			}
			why = strings.Join(messages, "; ")
		}
		index[why] = append(index[why], v.Name)
		counts[why]++
	}
	if len(counts) == 0 {
		return
	}
	fmt.Fprintf(&c.b, "\n%s\n", c.paint("Pending pods", text.Bold))
	for _, why := range byCount(counts) {
		c.indented(2, c.paint(why, verdictColor(why == "fits")))
		c.indented(6, fmt.Sprintf("%s: %s", count(counts[why], "pod"), nameSome(index[why], wide)))
	}
}

func (c *canvas) runningTable(pods []explain.RunningPod) {
	t := c.table("Running pod", "CPU", "Memory")
	for _, p := range pods {
		t.AppendRow(table.Row{p.Pod, quantity("cpu", p.MilliCPU), quantity("memory", p.MemoryBytes)})
	}
	t.SetColumnConfigs(rightAligned(2, 3))
	c.section(t)
}

// nameSome names all pods, or the first few of many.
func nameSome(pods []string, all bool) string {
	if all || len(pods) <= namedPods {
		return strings.Join(pods, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(pods[:namedPods], ", "), len(pods)-namedPods)
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
