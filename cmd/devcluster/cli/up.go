package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// upFlags say what cluster to start.
type upFlags struct {
	catalog             string
	bootTime            time.Duration
	controller          string
	controllerArguments []string
	schedulerConfig     string
	featureGates        map[string]string
	verbosity           int
}

func (f *upFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.catalog, "offerings", "", "catalogue file of what the fake VPSie sells; a sample when empty")
	flags.DurationVar(&f.bootTime, "boot-time", 5*time.Second, "time from the order of a machine to its Ready node, give or take a quarter")
	flags.StringVar(&f.controller, "controller", "", "executable of the autoscaler to run; none when empty")
	flags.StringArrayVar(&f.controllerArguments, "controller-argument", nil, "further argument of the autoscaler, such as --log-level=debug; may be repeated")
	flags.StringVar(&f.schedulerConfig, "scheduler-config", "", "KubeSchedulerConfiguration file for kube-scheduler")
	flags.StringToStringVar(&f.featureGates, "feature-gates", nil, "feature gates of the Kubernetes programs, such as DRAExtendedResource=true")
	flags.IntVar(&f.verbosity, "plane-verbosity", 0, "-v of the Kubernetes programs")
}

func (f *upFlags) options(dir string) (cluster.Options, error) {
	options := cluster.Options{
		Dir:                 dir,
		Plane:               plane.Options{SchedulerConfig: f.schedulerConfig, Verbosity: f.verbosity},
		BootTime:            f.bootTime,
		Controller:          f.controller,
		ControllerArguments: f.controllerArguments,
	}
	if f.bootTime < 0 {
		return options, fmt.Errorf("--boot-time: %v is negative", f.bootTime)
	}
	if len(f.featureGates) > 0 {
		options.Plane.FeatureGates = map[string]bool{}
	}
	for name, value := range f.featureGates {
		if value != "true" && value != "false" {
			return options, fmt.Errorf("--feature-gates: %s is %q, neither true nor false", name, value)
		}
		options.Plane.FeatureGates[name] = value == "true"
	}
	if f.catalog != "" {
		catalog, err := offerings.Load(f.catalog)
		if err != nil {
			return options, err
		}
		options.Catalog = catalog
	}
	if f.controller == "" && len(f.controllerArguments) > 0 {
		return options, errors.New("--controller-argument without --controller")
	}
	return options, nil
}

func newUp(streams genericiooptions.IOStreams, dir *string) *cobra.Command {
	flags := &upFlags{}
	detach := false
	command := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster, and keep it until Ctrl-C or devcluster down",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			options, err := flags.options(*dir)
			if err != nil {
				return err
			}
			if detach {
				return upDetached(command, streams, *dir)
			}
			return up(command.Context(), streams, options)
		},
	}
	flags.register(command)
	command.Flags().BoolVar(&detach, "detach", false, "return when the cluster is ready and leave it running")
	return command
}

// up starts a cluster and keeps it until ctx is done or something in it ends.
func up(ctx context.Context, streams genericiooptions.IOStreams, options cluster.Options) error {
	started := time.Now()
	running, err := cluster.Start(ctx, options)
	if err != nil {
		return err
	}
	defer running.Stop()
	state := running.State()
	fmt.Fprintf(streams.Out, "ready after %.1f s\n", time.Since(started).Seconds())
	printWhere(streams, &state)
	if err := running.Wait(ctx); err != nil {
		return fmt.Errorf("the cluster has ended: %w", err)
	}
	fmt.Fprintln(streams.Out, "stopping")
	return nil
}

// printWhere says how to get at a cluster.
func printWhere(streams genericiooptions.IOStreams, state *cluster.State) {
	fmt.Fprintf(streams.Out, "  fake VPSie  %s\n", state.VPSie)
	if state.Metrics != "" {
		fmt.Fprintf(streams.Out, "  metrics     %s\n", state.Metrics)
	}
	fmt.Fprintf(streams.Out, "  export KUBECONFIG=%s\n", state.Kubeconfig)
}
