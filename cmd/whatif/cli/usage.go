package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageWidth is where the description of a flag wraps, in columns.
const usageWidth = 110

// flagGroup is the annotation of a command that holds the titles of its flag
// groups, in order, one a line; each flag is annotated with its own.
const flagGroup = "whatif/flag-group"

// group defines flags that stand under a title of their own in the help.
func group(cmd *cobra.Command, title string, define func(*pflag.FlagSet)) {
	flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
	define(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[flagGroup] = []string{title}
	})
	cmd.Flags().AddFlagSet(flags)
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	titles := groupTitles(cmd)
	if !slices.Contains(titles, title) {
		cmd.Annotations[flagGroup] = strings.Join(append(titles, title), "\n")
	}
	cmd.SetUsageFunc(usage)
}

// groupTitles lists the titles of a command's flag groups, in order.
func groupTitles(cmd *cobra.Command) []string {
	return strings.FieldsFunc(cmd.Annotations[flagGroup], func(r rune) bool { return r == '\n' })
}

// usage prints a command's flags group by group; cobra's own template has one
// list in alphabetical order.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	for _, title := range append(groupTitles(cmd), "Other") {
		flags := pflag.NewFlagSet(title, pflag.ContinueOnError)
		flags.SortFlags = false
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			in := "Other"
			if of := f.Annotations[flagGroup]; len(of) > 0 {
				in = of[0]
			}
			if in == title {
				flags.AddFlag(f)
			}
		})
		if flags.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s", title, flags.FlagUsagesWrapped(usageWidth))
		}
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}
