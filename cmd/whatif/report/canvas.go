package report

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// canvas is text for a terminal in the making.
type canvas struct {
	style Style
	money money
	b     strings.Builder
}

func (c *canvas) fact(name, value string) {
	fmt.Fprintf(&c.b, "%-10s %s\n", name, value)
}

// section appends a table below an empty line.
func (c *canvas) section(t table.Writer) {
	c.b.WriteByte('\n')
	for line := range strings.Lines(t.Render() + "\n") {
		c.b.WriteString(strings.TrimRight(line, " \n"))
		c.b.WriteByte('\n')
	}
}

// indented appends text wrapped to the style's width.
func (c *canvas) indented(indent int, line string) {
	const narrowest = 40
	if width := c.style.Width - indent; c.style.Width > 0 {
		line = text.WrapSoft(line, max(width, narrowest))
	}
	margin := strings.Repeat(" ", indent)
	for part := range strings.Lines(line) {
		c.b.WriteString(margin + strings.TrimRight(part, " \n") + "\n")
	}
}

// table begins a table without lines, in kubectl's manner.
func (c *canvas) table(titles ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	t.SetStyle(style)
	t.AppendHeader(table.Row(titles))
	return t
}

func rightAligned(columns ...int) []table.ColumnConfig {
	configs := make([]table.ColumnConfig, len(columns))
	for i, number := range columns {
		configs[i] = table.ColumnConfig{Number: number, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	return configs
}

// barWidth in columns of a bar.
const barWidth = 16

// bar draws what is used today, what comes and what stays free; "" where bars
// are off.
func (c *canvas) bar(u usage) string {
	if !c.style.Bars {
		return ""
	}
	today := cells(u.today, u.allocatable)
	incoming := cells(u.after(), u.allocatable) - today
	free := barWidth - today - incoming
	return c.paint(strings.Repeat("█", today), text.FgBlue) +
		c.paint(strings.Repeat("▓", incoming), text.FgGreen) +
		c.paint(strings.Repeat("░", free), text.FgHiBlack) + " "
}

// cells is amount as a number of a bar's cells, rounded.
func cells(amount, of int64) int {
	if of <= 0 {
		return 0
	}
	return min(barWidth, max(0, int(float64(amount)*barWidth/float64(of)+0.5)))
}

// paint colours text where colours are on.
func (c *canvas) paint(words string, colors ...text.Color) string {
	if !c.style.Colors || words == "" {
		return words
	}
	return text.Escape(words, text.Colors(colors).EscapeSeq())
}
