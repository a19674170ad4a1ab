package report

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Style is how a table is drawn.
type Style struct {
	// Bars are drawn beside percentages.
	Bars bool
	// Colors are ANSI escapes.
	Colors bool
	// Width in columns at which long text wraps; 0: never.
	Width int
}

// Plain is for files, pipes and tests.
var Plain = Style{}

// StyleFor is the style that suits w: bars at a terminal, and colours unless
// NO_COLOR (no-color.org) or TERM=dumb forbid them.
func StyleFor(w io.Writer) Style {
	if !IsTerminal(w) {
		return Plain
	}
	style := Style{Bars: true, Colors: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil {
		style.Width = width
	}
	return style
}

// IsTerminal says whether somebody is looking.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
