package cli

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

func newSchemaCommand(streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of the plan",
		Long: `schema prints the JSON schema (draft 2020-12) of what "plan -o json" prints and
the autoscaler carries out, with a description of each field.`,
		Example: "  whatif schema > plan.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := streams.Out.Write(plan.Schema())
			return err
		},
	}
}
