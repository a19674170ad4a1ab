package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/report"
)

const planExamples = `  # what the live cluster lacks, and what that costs
  whatif plan --offerings prices.yaml

  # the bundled example, as an HTML report
  whatif plan --example -o html --output-file report.html

  # a dump of a cluster and a NodeGroup that does not exist yet
  kubectl get nodes,pods,ds,pvc,pv,sc -A -o json | whatif plan -f - --nodegroup gpu.yaml

  # what if 20 more copies of this Deployment land, and node web-3 dies?
  whatif plan --add shop.yaml --replicas 20 --remove-node web-3

  # what if the big machine cost less, or were sold out?
  whatif plan --price std-16c32g=0.10
  whatif plan --without-offering std-16c32g`

func newPlanCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Find the cheapest machines on which every pending pod runs",
		Long: `plan decides what must be bought so that kube-scheduler will run every pending
pod, at the lowest price it finds, and says how far that is from a lower bound.

Exit code 0: every pod has a place; 2: some pods cannot be hosted by anything on
offer, and the plan says why; 1: an error.`,
		Example: planExamples,
		Args:    cobra.NoArgs,
	}
	var (
		scaleUp, scaleDown bool
		withStats          bool
	)
	question := addQuestionFlags(cmd, streams)
	group(cmd, "The answer", func(f *pflag.FlagSet) {
		f.BoolVar(&scaleUp, "scale-up", true, "buy machines; with =false pods go onto today's nodes or nowhere")
		f.BoolVar(&scaleDown, "scale-down", true, "give back nodes that are not needed (has no effect yet: removals come with a later release)")
		f.BoolVar(&withStats, "stats", false, "print CPU seconds, allocations and peak memory to stderr as one line of JSON")
	})
	output := addOutputFlags(cmd, report.Formats)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		meter := newMeter()
		progress := newProgress(streams.ErrOut)
		defer progress.end()
		if err := output.check(); err != nil {
			return err
		}
		progress.step("reading the cluster")
		q, err := question.resolve(cmd.Context())
		if err != nil {
			return err
		}
		q.NoScaleUp = !scaleUp
		q.Stage = func(name string) {
			meter.stage(name)
			progress.stage(name)
		}
		decision, err := binpack.ScaleUp(cmd.Context(), q.Request)
		if err != nil {
			return err
		}
		meter.stage("")
		progress.end()
		answer := report.New(decision, &q.Request, q.Notes)
		if err := output.write(streams.Out, answer.Write); err != nil {
			return err
		}
		q.printNotes(streams.ErrOut)
		if withStats {
			if err := meter.print(streams.ErrOut); err != nil {
				return err
			}
		}
		if len(decision.Unschedulable) > 0 {
			return errUnschedulable
		}
		return nil
	}
	return cmd
}
