package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/demo"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/hollow"
)

// demoFlags are those of demo beyond those of up.
type demoFlags struct {
	quiet   time.Duration
	timeout time.Duration
	keep    bool
}

func newDemo(streams genericiooptions.IOStreams, dir *string) *cobra.Command {
	flags := &upFlags{}
	more := &demoFlags{}
	command := &cobra.Command{
		Use:   "demo",
		Short: "Start a cluster, apply the bundled example, and watch it buy nodes",
		Long: `Start a cluster that looks like the bundled example does this morning, apply what
its teams have ready, and watch pods go from pending to running while the
autoscaler buys machines; then take the workloads away again, and the cluster.

A few pods stay pending: the example holds mistakes that no machine can host.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			options, err := flags.options(*dir)
			if err != nil {
				return err
			}
			return runDemo(command.Context(), streams, options, more)
		},
	}
	flags.register(command)
	command.Flags().DurationVar(&more.quiet, "quiet", 15*time.Second, "how long nothing must change until a step is over")
	command.Flags().DurationVar(&more.timeout, "timeout", 10*time.Minute, "how long a step may take")
	command.Flags().BoolVar(&more.keep, "keep", false, "keep the cluster as it is, with the workloads, until Ctrl-C")
	return command
}

func runDemo(ctx context.Context, streams genericiooptions.IOStreams, options cluster.Options, flags *demoFlags) error {
	started := time.Now()
	c, err := cluster.Start(ctx, options)
	if err != nil {
		return err
	}
	defer c.Stop()
	state := c.State()
	fmt.Fprintf(streams.Out, "a cluster of its own, after %.1f s\n", time.Since(started).Seconds())
	printWhere(streams, &state)
	nodes, err := demo.Begin(ctx, c)
	if err != nil {
		return err
	}
	// Before the cluster that they ask is stopped.
	kubelets, halt := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = hollow.Run(kubelets, c.Client(), nodes...) })
	running.Go(func() { _ = demo.RunCNI(kubelets, c.Client()) })
	defer running.Wait()
	defer halt()

	step := func(title string) error {
		fmt.Fprintf(streams.Out, "\n%s\n", title)
		within, cancel := context.WithTimeout(ctx, flags.timeout)
		defer cancel()
		screen := newScreen(streams.Out, time.Now())
		last, err := demo.Watch(within, c, 500*time.Millisecond, flags.quiet, func(v *cluster.View) { screen.show(v, time.Now()) })
		if last != nil {
			screen.finish(last)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("still busy after %v", flags.timeout)
		}
		return err
	}
	if err := step("Today:"); err != nil {
		return err
	}
	if err := demo.Apply(ctx, c); err != nil {
		return err
	}
	if err := step("The teams apply their workloads:"); err != nil {
		return err
	}
	if flags.keep {
		fmt.Fprintln(streams.Out, "\nCtrl-C ends the cluster.")
		return c.Wait(ctx)
	}
	if err := demo.ScaleDown(ctx, c.Client()); err != nil {
		return err
	}
	return step("And scale them down again:")
}
