package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/report"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/scaleup/record"
)

// latest names the newest record, whatever its plan's ID.
const latest = "latest"

func newDecisionsCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "decisions [PLAN | latest]",
		Short: "Show what the autoscaler in the cluster decided, and why",
		Long: `decisions lists the latest plans that the autoscaler recorded, or shows one of
them: machines, prices, alternatives, and the pods that have no place.`,
		Example: `  whatif decisions
  whatif decisions latest
  whatif decisions plan-1ba49abd8229d60c -o json`,
		Args: cobra.MaximumNArgs(1),
	}
	connection := genericclioptions.NewConfigFlags(true)
	connection.Namespace, connection.CacheDir, connection.DisableCompression = nil, nil, nil
	var namespace, currency string
	group(cmd, "The autoscaler", func(f *pflag.FlagSet) {
		f.StringVar(&namespace, "autoscaler-namespace", "kube-system", "`NAMESPACE` where it keeps its records (its --vpsie-namespace)")
		f.StringVar(&currency, "currency", "USD", "currency of its catalogue")
	})
	output := addOutputFlags(cmd, report.TextFormats)
	group(cmd, "Connection to a live cluster", connection.AddFlags)
	reader := func() (client.Reader, error) {
		config, err := connection.ToRESTConfig()
		if err != nil {
			return nil, err
		}
		return client.New(config, client.Options{})
	}
	cmd.ValidArgsFunction = completion(func(ctx context.Context) []string {
		return planIDs(ctx, reader, namespace)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := output.check(); err != nil {
			return err
		}
		from, err := reader()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			entries, err := record.List(cmd.Context(), from, namespace)
			if err != nil {
				return err
			}
			return output.write(streams.Out, func(w io.Writer, format string, style report.Style) error {
				return report.WriteDecisions(w, entries, format, style)
			})
		}
		plan := args[0]
		if plan == latest {
			plan = ""
		}
		decision, err := record.Read(cmd.Context(), from, namespace, plan)
		if err != nil {
			return err
		}
		return output.write(streams.Out, func(w io.Writer, format string, style report.Style) error {
			return report.WriteDecision(w, decision, currency, format, style)
		})
	}
	return cmd
}

// planIDs completes the argument.
func planIDs(ctx context.Context, reader func() (client.Reader, error), namespace string) []string {
	names := []string{latest}
	if from, err := reader(); err == nil {
		entries, _ := record.List(ctx, from, namespace)
		for _, entry := range entries {
			names = append(names, entry.PlanID)
		}
	}
	return names
}
