package cli

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/live"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// completionTimeout is how long a shell may wait for names of a live cluster.
const completionTimeout = 3 * time.Second

// complete sets how a flag's value is completed. The only error is a flag that
// does not exist, which every test of the command shows.
func complete(cmd *cobra.Command, flag string, with cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, with); err != nil {
		panic(err)
	}
}

// completion offers names; where they cannot be had, it offers none.
func completion(names func(ctx context.Context) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		return names(ctx), cobra.ShellCompDirectiveNoFileComp
	}
}

// completions sets how the flags of a Question are completed.
func (q *questionFlags) completions(cmd *cobra.Command) {
	for _, flag := range []string{"remove-node", "cordon"} {
		complete(cmd, flag, completion(func(ctx context.Context) []string { return nodeNames(q, ctx) }))
	}
	complete(cmd, "without-offering", completion(func(ctx context.Context) []string { return offeringNames(q, ctx) }))
	prices := completion(func(ctx context.Context) []string {
		names := offeringNames(q, ctx)
		for i := range names {
			names[i] += "="
		}
		return names
	})
	complete(cmd, "price", func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names, directive := prices(cmd, args, begun)
		return names, directive | cobra.ShellCompDirectiveNoSpace
	})
}

// completionSource reads the cluster. Completing a line, cobra parses it twice,
// which doubles the files.
func (q *questionFlags) completionSource(ctx context.Context) (*source, error) {
	slices.Sort(q.files)
	q.files = slices.Compact(q.files)
	return q.readCluster(ctx)
}

// nodeNames lists the nodes of the cluster that the flags name.
func nodeNames(q *questionFlags, ctx context.Context) []string {
	if q.isLive() {
		config, err := q.connection.ToRESTConfig()
		if err != nil {
			return nil
		}
		names, _ := live.NodeNames(ctx, config)
		return names
	}
	source, err := q.completionSource(ctx)
	if err != nil {
		return nil
	}
	names := make([]string, len(source.objects.Nodes))
	for i, node := range source.objects.Nodes {
		names[i] = node.Name
	}
	return names
}

// podNames lists the pods of a cluster in files; a live one may have too many.
func podNames(q *questionFlags, ctx context.Context) []string {
	if q.isLive() {
		return nil
	}
	source, err := q.completionSource(ctx)
	if err != nil {
		return nil
	}
	names := make([]string, len(source.objects.Pods))
	for i, pod := range source.objects.Pods {
		names[i] = pod.Namespace + "/" + pod.Name
	}
	return names
}

// offeringNames lists what the catalogue that the flags name has on offer.
func offeringNames(q *questionFlags, _ context.Context) []string {
	var catalog *offerings.Catalog
	var err error
	switch {
	case q.offerings != "":
		catalog, err = offerings.Load(q.offerings)
	case q.workload != "":
		catalog, err = offerings.Load(filepath.Join(q.workload, "offerings.json"))
	default:
		catalog = offerings.Sample()
	}
	if err != nil {
		return nil
	}
	names := make([]string, len(catalog.Offerings))
	for i := range catalog.Offerings {
		names[i] = catalog.Offerings[i].Name
	}
	return names
}
