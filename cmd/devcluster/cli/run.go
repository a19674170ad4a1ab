package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Exit codes of devcluster.
const (
	// ExitOK: done.
	ExitOK = 0
	// ExitError: it could not be done.
	ExitError = 1
	// ExitUnhealthy: status was printed, and the cluster is not well.
	ExitUnhealthy = 2
)

// errUnhealthy ends a command that has already said so.
var errUnhealthy = errors.New("the cluster is not healthy")

// Run executes one command line, without the program's name, and returns the exit
// code. Errors are lines on streams.ErrOut that begin with "error: ".
func Run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errUnhealthy):
		return ExitUnhealthy
	}
	for _, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintf(streams.ErrOut, "error: %s\n", line)
	}
	return ExitError
}

func newRoot(streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:   "devcluster",
		Short: "A Kubernetes cluster on this machine that buys its nodes from a fake VPSie",
		Long: `A Kubernetes cluster on this machine, without containers: the real control plane
as processes, a fake VPSie that sells machines which really join it, storage that
provisions volumes without disks, and the autoscaler between them.

Run make plane first. Pods do not run anything; their kubelets say they do.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		// So that --dir is read before kubectl, which reads no flags of ours.
		TraverseChildren: true,
		Args:             cobra.NoArgs,
		RunE:             func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	dir := root.PersistentFlags().String("dir", defaultDir(), "folder of the cluster")
	root.AddCommand(newUp(streams, dir), newDown(streams, dir), newStatus(streams, dir), newDemo(streams, dir), newKubectl(streams, dir))
	return root
}

// defaultDir is in the user's cache: nothing in it is worth keeping.
func defaultDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "vpsie-devcluster")
}
