package app

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
)

// Options are what a user may set, by flag or by the same name in the file of
// --config. A flag wins over the file.
type Options struct {
	ConfigFile string

	Kubeconfig     string
	MetricsAddr    string
	HealthAddr     string
	LeaderElection bool
	SyncPeriod     time.Duration

	VPSieSecret            string
	VPSieNamespace         string
	VPSieRequestsPerMinute int
	VPSieVMPrefix          string
	ClusterID              string
	ProviderIDPrefix       string
	Offerings              string

	LogLevel  string
	LogFormat string

	DryRun           bool
	SchedulerConfig  string
	FeatureGates     string
	BatchIdle        time.Duration
	BatchMax         time.Duration
	HandoverPatience time.Duration
	DecisionTimeout  time.Duration
	Work             int64
	ExpendableBelow  int32
	MaxNodes         int
	MaxCPU           string
	MaxMemory        string
	MaxPricePerHour  float64

	PollInterval     time.Duration
	ProvisionTimeout time.Duration
	JoinTimeout      time.Duration
	ReadyTimeout     time.Duration
	SettleTime       time.Duration
	DrainTimeout     time.Duration
	FailedRetention  time.Duration
	GarbageInterval  time.Duration
	OrphanGrace      time.Duration
}

func (o *Options) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringVar(&o.ConfigFile, "config", "", "a YAML `FILE` that sets any of these flags by its name, such as \"dry-run: true\"; the command line wins")

	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig `FILE` (default: $KUBECONFIG, the pod's service account, or ~/.kube/config)")
	f.StringVar(&o.MetricsAddr, "metrics-addr", ":8080", "`ADDRESS` that serves /metrics; 0 for none")
	f.StringVar(&o.HealthAddr, "health-addr", ":8081", "`ADDRESS` that serves /healthz and /readyz; 0 for none")
	f.BoolVar(&o.LeaderElection, "leader-election", true, "act only while holding the Lease, so that several replicas may run")
	f.DurationVar(&o.SyncPeriod, "sync-period", 10*time.Minute, "how often everything is looked at again without a change")

	f.StringVar(&o.VPSieSecret, "vpsie-secret", "vpsie-secret", "`NAME` of the Secret with VPSie's credentials: token, or clientId and clientSecret; password to delete machines; url")
	f.StringVar(&o.VPSieNamespace, "vpsie-namespace", "kube-system", "`NAMESPACE` of that Secret, of the Lease and of everything the controller keeps")
	f.IntVar(&o.VPSieRequestsPerMinute, "vpsie-requests-per-minute", 100, "cap on requests to VPSie")
	f.StringVar(&o.VPSieVMPrefix, "vpsie-vm-prefix", "/apps/v2", "route `PREFIX` of VPSie's machines: /apps/v2 or /api/v2")
	f.StringVar(&o.ClusterID, "cluster-id", "", "mark on this cluster's machines at VPSie; must differ between clusters of one account (default: the UID of namespace kube-system)")
	f.StringVar(&o.ProviderIDPrefix, "provider-id-prefix", "vpsie://", "`PREFIX` of VPSie's identifier in a Node's providerID; VPSie's cloud controller manager wants none")
	f.StringVar(&o.Offerings, "offerings", "", "offerings and prices from a `FILE` instead of VPSie's own list")

	f.StringVar(&o.LogLevel, "log-level", "info", "error, info or debug, or a number for more")
	f.StringVar(&o.LogFormat, "log-format", "json", "json or console")

	f.BoolVar(&o.DryRun, "dry-run", false, "plan, record and explain, and touch nothing: no machine is bought or given back")
	f.StringVar(&o.SchedulerConfig, "scheduler-config", "", "the cluster's KubeSchedulerConfiguration `FILE` (default: kube-scheduler's defaults)")
	f.StringVar(&o.FeatureGates, "feature-gates", "", "the cluster's feature gates that differ from their defaults, as `NAME=BOOL[,NAME=BOOL]`")
	f.DurationVar(&o.BatchIdle, "batch-idle", time.Second, "plan when no new unschedulable pod has come for so long")
	f.DurationVar(&o.BatchMax, "batch-max", 10*time.Second, "plan at the latest so long after the first unschedulable pod")
	f.DurationVar(&o.HandoverPatience, "handover-patience", time.Minute, "how long the machines of a plan that are ready wait for the others of it, to take pods at the same moment")
	f.DurationVar(&o.DecisionTimeout, "decision-timeout", time.Minute, "give a decision up after so long")
	f.Int64Var(&o.Work, "work", 0, "budget of the search in units of work, not of time (0: default)")
	f.Int32Var(&o.ExpendableBelow, "expendable-below", binpack.DefaultExpendableBelow, "priority below which no machine is bought for a pod")
	f.IntVar(&o.MaxNodes, "max-nodes", 0, "cap on the nodes of the whole cluster (0: none)")
	f.StringVar(&o.MaxCPU, "max-cpu", "", "cap on the cores of the whole cluster, a `QUANTITY` such as 256")
	f.StringVar(&o.MaxMemory, "max-memory", "", "cap on the memory of the whole cluster, a `QUANTITY` such as 1Ti")
	f.Float64Var(&o.MaxPricePerHour, "max-price-per-hour", 0, "cap on the price of the whole cluster in `$/h` (0: none)")

	f.DurationVar(&o.PollInterval, "poll-interval", 10*time.Second, "how often VPSie is asked for machines that are on their way")
	f.DurationVar(&o.ProvisionTimeout, "provision-timeout", 20*time.Minute, "a machine that does not run so long after its order has failed")
	f.DurationVar(&o.JoinTimeout, "join-timeout", 15*time.Minute, "a machine that has not joined so long after it runs has failed")
	f.DurationVar(&o.ReadyTimeout, "ready-timeout", 10*time.Minute, "a node that is not ready so long after it joined has failed")
	f.DurationVar(&o.SettleTime, "settle-time", time.Minute, "how long VPSie's lists must lack a machine before its order counts as lost")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", 0, "delete a machine that cannot be drained for so long all the same (0: never)")
	f.DurationVar(&o.FailedRetention, "failed-retention", 15*time.Minute, "how long the VPSieNode of a failed machine is kept to be looked at")
	f.DurationVar(&o.GarbageInterval, "garbage-interval", 5*time.Minute, "how often machines, VPSieNodes and Nodes are compared")
	f.DurationVar(&o.OrphanGrace, "orphan-grace", 10*time.Minute, "how long a machine must be nobody's before it is deleted")
	return f
}

var (
	clusterIDForm = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	quantityForm  = regexp.MustCompile(`^[0-9.]{1,20}([KMGTPE]i|[mkMGTPE])?$`)
)

// check refuses what makes no sense, naming the flag.
func (o *Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.ClusterID != "" && !clusterIDForm.MatchString(o.ClusterID) {
		bad("--cluster-id %q: must be at most 63 letters, digits, '-', '_' and '.'", o.ClusterID)
	}
	if o.VPSieSecret == "" || o.VPSieNamespace == "" {
		bad("--vpsie-secret and --vpsie-namespace must both be set")
	}
	if o.VPSieRequestsPerMinute < 1 {
		bad("--vpsie-requests-per-minute %d: must be at least 1", o.VPSieRequestsPerMinute)
	}
	if prefixes := []string{"/apps/v2", "/api/v2"}; !slices.Contains(prefixes, o.VPSieVMPrefix) {
		bad("--vpsie-vm-prefix %q: must be %s", o.VPSieVMPrefix, strings.Join(prefixes, " or "))
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"sync-period", o.SyncPeriod},
		{"batch-idle", o.BatchIdle},
		{"batch-max", o.BatchMax},
		{"handover-patience", o.HandoverPatience},
		{"decision-timeout", o.DecisionTimeout},
		{"poll-interval", o.PollInterval},
		{"provision-timeout", o.ProvisionTimeout},
		{"join-timeout", o.JoinTimeout},
		{"ready-timeout", o.ReadyTimeout},
		{"settle-time", o.SettleTime},
		{"failed-retention", o.FailedRetention},
		{"garbage-interval", o.GarbageInterval},
		{"orphan-grace", o.OrphanGrace},
	} {
		if d.value <= 0 {
			bad("--%s %s: must be above 0", d.flag, d.value)
		}
	}
	if o.DrainTimeout < 0 {
		bad("--drain-timeout %s: must not be negative", o.DrainTimeout)
	}
	if o.BatchIdle > o.BatchMax {
		bad("--batch-idle %s must not exceed --batch-max %s", o.BatchIdle, o.BatchMax)
	}
	if o.Work < 0 || o.MaxNodes < 0 || !(o.MaxPricePerHour >= 0) {
		bad("--work, --max-nodes and --max-price-per-hour must not be negative")
	}
	if _, err := o.limits(); err != nil {
		errs = append(errs, err)
	}
	if _, err := newLogger(o.LogLevel, o.LogFormat, nil); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// limits are the caps on the whole cluster.
func (o *Options) limits() (binpack.Limits, error) {
	cpu, err := quantity("max-cpu", o.MaxCPU)
	if err != nil {
		return binpack.Limits{}, err
	}
	memory, err := quantity("max-memory", o.MaxMemory)
	if err != nil {
		return binpack.Limits{}, err
	}
	return binpack.Limits{Nodes: o.MaxNodes, MilliCPU: cpu.MilliValue(), MemoryBytes: memory.Value(), PricePerHour: o.MaxPricePerHour}, nil
}

// quantity parses a cap; "" is none. Exponents are refused: the library writes
// them out digit by digit.
func quantity(flag, text string) (resource.Quantity, error) {
	if text == "" {
		return resource.Quantity{}, nil
	}
	if quantityForm.MatchString(text) {
		if parsed, err := resource.ParseQuantity(text); err == nil && parsed.Sign() > 0 {
			return parsed, nil
		}
	}
	return resource.Quantity{}, fmt.Errorf("--%s %.30q: must be a quantity above 0, such as 64 or 256Gi", flag, text)
}
