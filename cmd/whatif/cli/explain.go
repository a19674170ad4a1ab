package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/explain"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/report"
)

// render writes a finished answer.
type render func(w io.Writer, format string, style report.Style) error

func newExplainCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say why a pod fits here and not there, what a node would take, why an offering is bought",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newExplainPodCommand(streams),
		newExplainNodeCommand(streams),
		newExplainOfferingCommand(streams),
	)
	return cmd
}

func newExplainPodCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pod [NAMESPACE/]NAME",
		Short: "Hold a pod against every node and every machine that could be bought",
		Long: `pod runs every Filter plugin of kube-scheduler, each on its own, for one pod on
every node of today and on one machine of every template (offering/NodeGroup/
datacenter), and lists all plugins that refuse. NAME is a pod's, or that of a
workload, which stands for one of its pods. A running pod is looked at as if it
were not running.

Exit code 0: something takes the pod; 2: nothing does; 1: an error.`,
		Example: `  whatif explain pod shop/cart-6d4cf56db6-x2x9z
  whatif explain pod --example ml/bouquet-generator -o wide
  whatif explain pod -f cluster.json.gz cart -o json`,
	}
	explainer(cmd, streams, func(ctx context.Context, q *Question, name string) (render, error) {
		m, err := explain.Pod(ctx, &q.Request, name)
		if err != nil {
			return nil, err
		}
		write := func(w io.Writer, format string, style report.Style) error {
			return report.WritePod(w, m, format, style)
		}
		if !m.Fits {
			return write, errUnschedulable
		}
		return write, nil
	}, podNames)
	return cmd
}

func newExplainNodeCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node NAME",
		Short: "Show what runs on a node, what is free, and which pending pods it would take",
		Long: `node lists a node's room and what runs there, and holds every pending pod against
it, each as if it were the only one.`,
		Example: `  whatif explain node web-3
  whatif explain node --example vpsie-general-k7m2p -o wide`,
	}
	explainer(cmd, streams, func(ctx context.Context, q *Question, name string) (render, error) {
		room, err := explain.Node(ctx, &q.Request, name)
		return func(w io.Writer, format string, style report.Style) error {
			return report.WriteNode(w, room, q.Catalog.Currency, format, style)
		}, err
	}, nodeNames)
	return cmd
}

func newExplainOfferingCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "offering NAME",
		Short: "Say why an offering is bought or not, and what second best costs",
		Long: `offering plans, and plans again without the offering if the plan buys it, or at
lower prices of it if the plan does not. NAME is its name or identifier.`,
		Example: `  whatif explain offering std-16c32g --offerings prices.yaml
  whatif explain offering --example mem-8c64g`,
	}
	explainer(cmd, streams, func(ctx context.Context, q *Question, name string) (render, error) {
		choice, err := explain.Offering(ctx, &q.Request, name)
		return func(w io.Writer, format string, style report.Style) error {
			return report.WriteOffering(w, choice, q.Catalog.Currency, format, style)
		}, err
	}, offeringNames)
	return cmd
}

// explainer is what the explain commands share: the flags of a Question, one
// name, an answer in a text format. The answer is written even when explain
// returns errUnschedulable.
func explainer(
	cmd *cobra.Command,
	streams genericiooptions.IOStreams,
	answer func(ctx context.Context, q *Question, name string) (render, error),
	names func(q *questionFlags, ctx context.Context) []string,
) {
	question := addQuestionFlags(cmd, streams)
	output := addOutputFlags(cmd, report.TextFormats)
	cmd.Args = cobra.ExactArgs(1)
	cmd.ValidArgsFunction = completion(func(ctx context.Context) []string { return names(question, ctx) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := output.check(); err != nil {
			return err
		}
		progress := newProgress(streams.ErrOut)
		defer progress.end()
		progress.step("reading the cluster")
		q, err := question.resolve(cmd.Context())
		if err != nil {
			return err
		}
		q.Stage = progress.stage
		progress.step("asking kube-scheduler")
		render, err := answer(cmd.Context(), q, args[0])
		if err != nil && err != errUnschedulable {
			return err
		}
		progress.end()
		if writeErr := output.write(streams.Out, render); writeErr != nil {
			return writeErr
		}
		q.printNotes(streams.ErrOut)
		return err
	}
}
