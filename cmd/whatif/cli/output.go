package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/report"
)

// outputFlags say how and where an answer is written.
type outputFlags struct {
	formats []string
	format  string
	file    string
}

func addOutputFlags(cmd *cobra.Command, formats []string) *outputFlags {
	o := &outputFlags{formats: formats}
	group(cmd, "The answer", func(f *pflag.FlagSet) {
		f.StringVarP(&o.format, "output", "o", report.Table, "`FORMAT` of the answer: "+strings.Join(formats, ", "))
		f.StringVar(&o.file, "output-file", "", "write the answer to a `FILE` instead of stdout")
	})
	complete(cmd, "output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return o
}

// check is for before the work is done.
func (o *outputFlags) check() error { return report.CheckFormat(o.format, o.formats) }

// write renders an answer where the flags say.
func (o *outputFlags) write(stdout io.Writer, render func(w io.Writer, format string, style report.Style) error) (err error) {
	if o.file == "" {
		return render(stdout, o.format, report.StyleFor(stdout))
	}
	f, err := os.Create(o.file)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	return render(f, o.format, report.Plain)
}

// printNotes tells the user how the question was read.
func (q *Question) printNotes(stderr io.Writer) {
	for _, note := range q.Notes {
		fmt.Fprintln(stderr, "note:", note)
	}
}
