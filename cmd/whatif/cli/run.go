package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Exit codes of whatif.
const (
	// ExitComplete: the question is answered, and every pod has a place.
	ExitComplete = 0
	// ExitError: bad input, or something that could not be read or written.
	ExitError = 1
	// ExitUnschedulable: the question is answered, and some pod has no place.
	ExitUnschedulable = 2
)

// errUnschedulable ends a command whose answer, already printed, is that some
// pod has no place.
var errUnschedulable = errors.New("some pods cannot be hosted")

// Run executes one command line, args[0] being the program's name, and returns
// the exit code. Errors are lines on streams.ErrOut that begin with "error: ".
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	root := newRoot(programName(args), streams)
	root.SetArgs(args[min(1, len(args)):])
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return ExitComplete
	case errors.Is(err, errUnschedulable):
		return ExitUnschedulable
	}
	for _, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintf(streams.ErrOut, "error: %s\n", line)
	}
	return ExitError
}

// programName is what the user called the program, "whatif" if that is unknown.
func programName(args []string) string {
	if len(args) == 0 || args[0] == "" {
		return "whatif"
	}
	return strings.TrimSuffix(filepath.Base(args[0]), ".exe")
}

// kubectlPrefix of an executable makes it a kubectl plugin.
const kubectlPrefix = "kubectl-"

func newRoot(name string, streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:   name,
		Short: "What must be bought so that every pod runs, and why",
		Long: `whatif runs kube-scheduler's own code on a copy of a cluster and finds the
cheapest machines on which every pending pod will run. It touches nothing: the
cluster is only read, and nothing is bought.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	if plugin, ok := strings.CutPrefix(name, kubectlPrefix); ok {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl " + plugin}
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.AddCommand(
		newPlanCommand(streams),
		newExplainCommand(streams),
		newCaptureCommand(streams),
		newDecisionsCommand(streams),
		newSchemaCommand(streams),
		newVersionCommand(streams),
	)
	renameExamples(root, root.DisplayName())
	return root
}

// inExample is the program's name where an example runs it.
var inExample = regexp.MustCompile(`(  |\| )whatif `)

// renameExamples lets the examples of help call the program as the user does.
func renameExamples(cmd *cobra.Command, name string) {
	cmd.Example = inExample.ReplaceAllString(cmd.Example, "${1}"+name+" ")
	for _, sub := range cmd.Commands() {
		renameExamples(sub, name)
	}
}
