package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
)

func newDown(streams genericiooptions.IOStreams, dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End the cluster and remove its folder, also after it was killed",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			err := cluster.Down(*dir)
			if errors.Is(err, cluster.ErrNone) {
				fmt.Fprintln(streams.Out, err)
				return nil
			}
			if err == nil {
				fmt.Fprintln(streams.Out, "the cluster is gone")
			}
			return err
		},
	}
}
