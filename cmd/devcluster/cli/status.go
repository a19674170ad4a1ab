package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
)

func newStatus(streams genericiooptions.IOStreams, dir *string) *cobra.Command {
	output := ""
	command := &cobra.Command{
		Use:   "status",
		Short: "Show what runs, the nodes, the pods and the price; exit code 2 when something is wrong",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return fmt.Errorf("--output: %q is neither table nor json", output)
			}
			status, err := cluster.StatusOf(command.Context(), *dir)
			if err != nil {
				return err
			}
			if output == "json" {
				encoder := json.NewEncoder(streams.Out)
				encoder.SetIndent("", "  ")
				err = encoder.Encode(status)
			} else {
				err = printStatus(streams.Out, status)
			}
			if err == nil && !status.Healthy() {
				err = errUnhealthy
			}
			return err
		},
	}
	command.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return command
}

func printStatus(out io.Writer, status *cluster.Status) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "cluster\t%s\n", status.Dir)
	if status.Problem != "" {
		fmt.Fprintf(table, "problem\t%s\n", status.Problem)
	}
	for _, name := range slices.Sorted(maps.Keys(status.Programs)) {
		state := "runs"
		if slices.Contains(status.Ended, name) {
			state = "has ended"
		}
		fmt.Fprintf(table, "%s\t%s, process %d\n", name, state, status.Programs[name].PID)
	}
	for _, row := range [][2]string{
		{"API server", status.APIServer}, {"fake VPSie", status.VPSie}, {"metrics", status.Metrics}, {"kubeconfig", status.Kubeconfig},
	} {
		if row[1] != "" {
			fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
		}
	}
	if status.View != nil {
		fmt.Fprintf(table, "pods\t%s\n", podLine(status.View.Pods))
		fmt.Fprintf(table, "machines\t$%.4f/h\n", status.View.PricePerHour)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if status.View != nil && len(status.View.Nodes) > 0 {
		fmt.Fprintln(out)
		return printNodes(out, status.View.Nodes)
	}
	return nil
}

// podLine counts pods in words.
func podLine(pods cluster.PodCounts) string {
	return fmt.Sprintf("%d running, %d starting, %d pending", pods.Running, pods.Bound, pods.Pending)
}

func printNodes(out io.Writer, nodes []cluster.Node) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tGROUP\tOFFERING\tDATACENTER\tSTATE\tPODS\t$/H")
	for _, n := range nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%.4f\n", n.Name, n.NodeGroup, n.Offering, n.Datacenter, n.State, n.Pods, n.PricePerHour)
	}
	return table.Flush()
}
