package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/input"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/nodegroup"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Question is what the commands that look at a cluster start from: the request
// that the flags describe, and what the user should know about how it was read.
type Question struct {
	binpack.Request
	// Notes are lines for stderr.
	Notes []string
}

// questionFlags are the flags that describe a Question.
type questionFlags struct {
	streams genericiooptions.IOStreams
	// changed says which flags the user set.
	changed func(name string) bool

	// Where the cluster is read from.
	connection *genericclioptions.ConfigFlags
	files      []string
	workload   string
	example    bool

	// What may be bought, and who places pods.
	offerings       string
	nodeGroups      []string
	schedulerConfig string
	featureGates    string
	maxNodes        int
	maxCPU          string
	maxMemory       string
	maxPrice        float64
	expendableBelow int32
	work            int64

	// What is different from today.
	add              []string
	replicas         int32
	removeNodes      []string
	cordon           []string
	prices           []string
	withoutOfferings []string
}

// addQuestionFlags gives a command the flags of a Question.
func addQuestionFlags(cmd *cobra.Command, streams genericiooptions.IOStreams) *questionFlags {
	q := &questionFlags{
		streams:    streams,
		changed:    cmd.Flags().Changed,
		connection: genericclioptions.NewConfigFlags(true),
	}
	q.clusterFlags(cmd)
	group(cmd, "What may be bought", func(f *pflag.FlagSet) {
		f.StringVar(&q.offerings, "offerings", "", "offerings and prices from a `FILE` (default: those of --workload, else the bundled sample, whose prices are invented)")
		f.StringArrayVar(&q.nodeGroups, "nodegroup", nil, "NodeGroups from a `FILE`; repeatable (default: those of the cluster, else one open group over everything on offer)")
		f.IntVar(&q.maxNodes, "max-nodes", 0, "cap on the nodes of the whole cluster (0: none)")
		f.StringVar(&q.maxCPU, "max-cpu", "", "cap on the cores of the whole cluster, a `QUANTITY` such as 256")
		f.StringVar(&q.maxMemory, "max-memory", "", "cap on the memory of the whole cluster, a `QUANTITY` such as 1Ti")
		f.Float64Var(&q.maxPrice, "max-price-per-hour", 0, "cap on the price of the whole cluster in `$/h` (0: none)")
	})
	group(cmd, "The scheduler and the search", func(f *pflag.FlagSet) {
		f.StringVar(&q.schedulerConfig, "scheduler-config", "", "the cluster's KubeSchedulerConfiguration `FILE` (default: kube-scheduler's defaults)")
		f.StringVar(&q.featureGates, "feature-gates", "", "the cluster's feature gates that differ from their defaults, as `NAME=BOOL[,NAME=BOOL]`")
		f.Int32Var(&q.expendableBelow, "expendable-below", binpack.DefaultExpendableBelow, "priority below which no machine is bought for a pod")
		f.Int64Var(&q.work, "work", 0, "budget of the search in units of work, not of time (0: default)")
	})
	group(cmd, "What if", func(f *pflag.FlagSet) {
		f.StringArrayVar(&q.add, "add", nil, "add the workloads of a `FILE`, a directory or -; repeatable")
		f.Int32Var(&q.replicas, "replicas", 0, "pods of each added workload (default: as its file says)")
		f.StringArrayVar(&q.removeNodes, "remove-node", nil, "as if the node `NAME` had died; repeatable")
		f.StringArrayVar(&q.cordon, "cordon", nil, "as if the node `NAME` were cordoned; repeatable")
		f.StringArrayVar(&q.prices, "price", nil, "as if an offering cost X $/h, as `OFFERING=X`; repeatable")
		f.StringArrayVar(&q.withoutOfferings, "without-offering", nil, "as if the offering `NAME` were not sold; repeatable")
	})
	q.connectionFlags(cmd)
	q.completions(cmd)
	return q
}

// clusterFlags say where the cluster is read from.
func (q *questionFlags) clusterFlags(cmd *cobra.Command) {
	group(cmd, "The cluster, live by default", func(f *pflag.FlagSet) {
		f.StringArrayVarP(&q.files, "filename", "f", nil, "read the cluster from a `FILE`, a directory or - (YAML or JSON, dumps and manifests, also .gz, or what capture wrote); repeatable")
		f.StringVar(&q.workload, "workload", "", "read the cluster from a workload directory `DIR` (pods.json, nodes.json, offerings.json, …)")
		f.BoolVar(&q.example, "example", false, "use the bundled example cluster and its NodeGroups")
	})
}

// connectionFlags are kubectl's own. Some make no sense to a command that reads
// all namespaces once.
func (q *questionFlags) connectionFlags(cmd *cobra.Command) {
	q.connection.Namespace, q.connection.CacheDir, q.connection.DisableCompression = nil, nil, nil
	group(cmd, "Connection to a live cluster", q.connection.AddFlags)
}

// resolve reads everything and applies the what-if changes. The errors are one
// line each and say what was wrong where.
func (q *questionFlags) resolve(ctx context.Context) (*Question, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	question := &Question{}
	if err := q.limits(&question.Limits); err != nil {
		return nil, err
	}
	question.Work = q.work
	question.ExpendableBelow = &q.expendableBelow
	if err := q.scheduler(question); err != nil {
		return nil, err
	}
	source, err := q.readCluster(ctx)
	if err != nil {
		return nil, err
	}
	question.Notes = append(question.Notes, source.notes...)
	question.NodeGroups = source.nodeGroups
	if len(q.nodeGroups) > 0 {
		if question.NodeGroups, err = readNodeGroups(q.nodeGroups); err != nil {
			return nil, err
		}
	}
	if err := q.catalog(question, source); err != nil {
		return nil, err
	}
	if err := q.changeCluster(question, source.objects); err != nil {
		return nil, err
	}
	question.Objects = *source.objects
	// Room to be kept free is planned for as the controller does: as pods that
	// nobody created.
	for _, group := range question.NodeGroups {
		question.Objects.Pods = append(question.Objects.Pods, nodegroup.HeadroomPods(group)...)
	}
	return question, nil
}

// check refuses flags that contradict each other, before anything is read.
func (q *questionFlags) check() error {
	sources := 0
	for _, given := range []bool{len(q.files) > 0, q.workload != "", q.example} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1:
		return errors.New("-f, --workload and --example exclude each other: the cluster is read from one place")
	case q.changed("replicas") && len(q.add) == 0:
		return errors.New("--replicas says how many pods --add adds: give --add too")
	case slices.Contains(q.files, "-") && slices.Contains(q.add, "-"):
		return errors.New("-f - and --add - cannot both read standard input")
	case q.work < 0:
		return fmt.Errorf("--work %d: must not be negative", q.work)
	}
	return nil
}

// limits parses the caps on the whole cluster.
func (q *questionFlags) limits(limits *binpack.Limits) error {
	if q.maxNodes < 0 {
		return fmt.Errorf("--max-nodes %d: must not be negative", q.maxNodes)
	}
	if !(q.maxPrice >= 0) || math.IsInf(q.maxPrice, 0) {
		return fmt.Errorf("--max-price-per-hour %v: must be a price in $/h", q.maxPrice)
	}
	limits.Nodes, limits.PricePerHour = q.maxNodes, q.maxPrice
	cpu, err := quantity("--max-cpu", q.maxCPU)
	if err != nil {
		return err
	}
	memory, err := quantity("--max-memory", q.maxMemory)
	if err != nil {
		return err
	}
	limits.MilliCPU, limits.MemoryBytes = cpu.MilliValue(), memory.Value()
	return nil
}

// mostQuantity keeps sums far from overflowing, also in thousandths.
var mostQuantity = resource.MustParse("1P")

const longestQuantity = 30

var exponent = regexp.MustCompile(`[eE][-+]?[0-9]`)

// quantity parses a cap; "" is none.
func quantity(flag, text string) (resource.Quantity, error) {
	if text == "" {
		return resource.Quantity{}, nil
	}
	// The parser writes an exponent out digit by digit, which can take minutes.
	if len(text) > longestQuantity || exponent.MatchString(text) {
		return resource.Quantity{}, fmt.Errorf("%s %.30q: not a quantity such as 64 or 256Gi", flag, text)
	}
	parsed, err := resource.ParseQuantity(text)
	if err != nil {
		return parsed, fmt.Errorf("%s %q: not a quantity such as 64 or 256Gi", flag, text)
	}
	if parsed.Sign() <= 0 || parsed.Cmp(mostQuantity) > 0 {
		return parsed, fmt.Errorf("%s %s: must be above 0 and at most %s", flag, text, mostQuantity.String())
	}
	return parsed, nil
}

// scheduler sets up whose rules hold. Gates come first: they are global to the
// process and everything after may read them.
func (q *questionFlags) scheduler(question *Question) error {
	gates, err := simulator.ParseFeatureGates(q.featureGates)
	if err == nil {
		err = simulator.SetFeatureGates(gates)
	}
	if err != nil {
		return fmt.Errorf("--feature-gates: %w", err)
	}
	question.FeatureGates = gates
	if q.schedulerConfig == "" {
		question.Scheduler, err = simulator.DefaultSchedulerConfig()
	} else {
		question.Scheduler, err = simulator.LoadSchedulerConfig(q.schedulerConfig)
	}
	return err
}

// catalog chooses the catalogue and applies what-if prices to it.
func (q *questionFlags) catalog(question *Question, source *source) error {
	var err error
	catalog := source.catalog
	switch {
	case q.offerings != "":
		catalog, err = offerings.Load(q.offerings)
	case catalog == nil:
		catalog = offerings.Sample()
		question.Notes = append(question.Notes, "prices are invented: these are the bundled sample offerings; give yours with --offerings FILE")
	}
	if err != nil {
		return err
	}
	for _, change := range q.prices {
		name, text, ok := strings.Cut(change, "=")
		price, parseErr := strconv.ParseFloat(text, 64)
		if !ok || name == "" || parseErr != nil {
			return fmt.Errorf("--price %q: want OFFERING=X with X in $/h", change)
		}
		if catalog, err = catalog.WithPrice(name, price); err != nil {
			return fmt.Errorf("--price %s: %w", change, err)
		}
	}
	if len(q.withoutOfferings) > 0 {
		if catalog, err = catalog.Without(q.withoutOfferings...); err != nil {
			return fmt.Errorf("--without-offering: %w", err)
		}
	}
	question.Catalog = catalog
	return nil
}

// changeCluster applies the what-if changes, additions first, so that an added
// node can be cordoned.
func (q *questionFlags) changeCluster(question *Question, objects *simulator.Objects) error {
	if len(q.add) > 0 {
		options := input.AddOptions{Options: input.Options{Stdin: q.streams.In}}
		if q.changed("replicas") {
			options.Replicas = &q.replicas
		}
		notes, err := input.Add(objects, q.add, options)
		if err != nil {
			return err
		}
		question.Notes = append(question.Notes, notes.Lines()...)
	}
	for _, name := range q.removeNodes {
		evicted, err := input.RemoveNode(objects, name)
		if err != nil {
			return fmt.Errorf("--remove-node: %w", err)
		}
		question.Notes = append(question.Notes, fmt.Sprintf("without node %s, %d of its pods are pending", name, evicted))
	}
	for _, name := range q.cordon {
		if err := input.Cordon(objects, name); err != nil {
			return fmt.Errorf("--cordon: %w", err)
		}
	}
	return nil
}
