package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
)

// screen shows views of a cluster: on a terminal as a table that changes in
// place, elsewhere as a line whenever something has changed.
type screen struct {
	out   io.Writer
	begun time.Time
	// live says that out is a terminal; height is its number of lines.
	live   bool
	height int
	// drawn is how many lines the last table took; last the last plain line.
	drawn int
	last  string
}

func newScreen(out io.Writer, now time.Time) *screen {
	s := &screen{out: out, begun: now}
	if file, ok := out.(*os.File); ok {
		if _, height, err := term.GetSize(int(file.Fd())); err == nil {
			s.live, s.height = true, height
		}
	}
	return s
}

func (s *screen) show(view *cluster.View, now time.Time) {
	line := summary(view)
	if !s.live {
		if line != s.last {
			fmt.Fprintf(s.out, "%6.1f s  %s\n", now.Sub(s.begun).Seconds(), line)
		}
		s.last = line
		return
	}
	var table bytes.Buffer
	fmt.Fprintf(&table, "%6.1f s  %s\n\n", now.Sub(s.begun).Seconds(), line)
	_ = printNodes(&table, view.Nodes) // a buffer takes everything
	lines := strings.SplitAfter(strings.TrimSuffix(table.String(), "\n"), "\n")
	if room := s.height - 2; len(lines) > room && room > 3 {
		left := len(lines) - room + 1
		lines = append(lines[:room-1], fmt.Sprintf("… and %d more", left))
	}
	s.erase()
	for _, l := range lines {
		fmt.Fprint(s.out, strings.TrimSuffix(l, "\n"), "\n")
	}
	s.drawn = len(lines)
}

// erase moves to where the last table began and clears what is below.
func (s *screen) erase() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.drawn)
	}
	s.drawn = 0
}

// finish leaves the last view where it is, whole.
func (s *screen) finish(view *cluster.View) {
	s.erase()
	if s.live {
		fmt.Fprintln(s.out, summary(view))
	}
	fmt.Fprintln(s.out)
	_ = printNodes(s.out, view.Nodes) // whoever does not want it has closed it
}

// summary is a view in one line.
func summary(view *cluster.View) string {
	ready := 0
	for _, n := range view.Nodes {
		if n.State == cluster.NodeReady {
			ready++
		}
	}
	return fmt.Sprintf("%s; %d nodes ready of %d; $%.4f/h", podLine(view.Pods), ready, len(view.Nodes), view.PricePerHour)
}
