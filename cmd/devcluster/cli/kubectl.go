package cli

import (
	"errors"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
)

func newKubectl(streams genericiooptions.IOStreams, dir *string) *cobra.Command {
	return &cobra.Command{
		Use:     "kubectl [argument]...",
		Short:   "Run kubectl, which make plane has built, on the cluster",
		Example: "  devcluster kubectl get nodes\n  devcluster --dir folder kubectl get pods -A",
		// What follows is kubectl's, flags as well.
		DisableFlagParsing: true,
		RunE: func(command *cobra.Command, arguments []string) error {
			state, err := cluster.ReadState(*dir)
			if err != nil {
				return err
			}
			if !state.Ready {
				return errors.New("the cluster is not ready")
			}
			binaries, err := plane.Find()
			if err != nil {
				return err
			}
			kubectl := exec.CommandContext(command.Context(), binaries.Kubectl(), arguments...)
			kubectl.Env = append(os.Environ(), "KUBECONFIG="+state.Kubeconfig)
			kubectl.Stdin, kubectl.Stdout, kubectl.Stderr = streams.In, streams.Out, streams.ErrOut
			return kubectl.Run()
		},
	}
}
