package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// schedulerModule is the module whose version says which kube-scheduler is in
// the program.
const schedulerModule = "k8s.io/kubernetes"

func newVersionCommand(streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of whatif and of the kube-scheduler in it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(streams.Out, versionLine(info))
			return err
		},
	}
}

// versionLine names the versions that decide what a plan looks like.
func versionLine(info *debug.BuildInfo) string {
	own, scheduler := "(devel)", "unknown"
	if info != nil {
		if info.Main.Version != "" {
			own = info.Main.Version
		}
		for _, dependency := range info.Deps {
			if dependency.Path == schedulerModule {
				scheduler = dependency.Version
			}
		}
	}
	return fmt.Sprintf("whatif %s, kube-scheduler %s, %s %s/%s", own, scheduler, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
