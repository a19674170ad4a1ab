package vpsienode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// VPSie is what is asked of VPSie beside the lists of Inventory; *vpsie.Client
// does it.
type VPSie interface {
	CreateVM(ctx context.Context, request vpsie.VMRequest) error
	DeleteVM(ctx context.Context, id, reason string) error
	AddVMToVPC(ctx context.Context, vmID string, vpcID int64, datacenter string) error
	VPCMembers(ctx context.Context, vpcID int64) ([]vpsie.VPCMember, error)

	KubeCluster(ctx context.Context, id string) (*vpsie.KubeCluster, error)
	KubeGroups(ctx context.Context, cluster string) ([]vpsie.KubeGroup, error)
	KubeOffers(ctx context.Context, datacenter string) ([]vpsie.KubeOffer, error)
	AddKubeGroup(ctx context.Context, cluster, name string, sizeID int64) error
	AddKubeNode(ctx context.Context, cluster string, group int64) (*vpsie.KubeNode, error)
	DeleteKubeNode(ctx context.Context, cluster, nodeID, reason string) error
}

// Bootstrap makes what machines join with; *bootstrap.Bootstrapper does.
type Bootstrap interface {
	Prepare(ctx context.Context, machine *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, labels map[string]string) (bootstrap.Material, error)
	Release(ctx context.Context, machine *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup) error
}

// Options of New. Those above the blank line have no default.
type Options struct {
	// Client reads VPSieNodes, NodeGroups, Nodes, CSINodes and CSIDrivers, from a
	// cache as a rule, and writes them.
	Client client.Client
	// Reader reads the same from the API server itself.
	Reader client.Reader
	// Kubernetes drains nodes.
	Kubernetes kubernetes.Interface
	VPSie      VPSie
	// Inventory reads VPSie's lists of machines.
	Inventory *inventory.Inventory
	Bootstrap Bootstrap
	// Catalog is what is sold: a machine's labels follow from it.
	Catalog func(ctx context.Context) (*offerings.Catalog, error)
	// Recorder gets events about VPSieNodes.
	Recorder events.EventRecorder
	// ClusterID is in every machine's mark: an account may serve several clusters.
	ClusterID string

	// ProviderIDPrefix stands before VPSie's identifier in a Node's providerID.
	// Nil stands for "vpsie://". VPSie's cloud controller manager, where it is
	// used for load balancers, wants the bare identifier: "".
	ProviderIDPrefix *string
	// ProvisionTimeout is how long a machine may take from its order until it
	// runs, JoinTimeout from there until its Node exists, ReadyTimeout from there
	// until it is complete. Default 20, 15 and 10 minutes.
	ProvisionTimeout, JoinTimeout, ReadyTimeout time.Duration
	// SettleTime is how far apart two readings without a machine must be before
	// it counts as absent: VPSie carries orders out some time after it answers.
	// Default 60 s.
	SettleTime time.Duration
	// PollInterval is how often VPSie is asked for machines that are on their way.
	// Default 10 s.
	PollInterval time.Duration
	// ReadyInterval is how often it is asked for those that are ready. Default 5 m.
	ReadyInterval time.Duration
	// FailedRetention is how long a Failed object is kept after its machine is
	// gone: decisions learn from it. Default 15 m.
	FailedRetention time.Duration
	// DrainAttempt is how long one attempt to drain a node may take; DrainRetry the
	// pause before the next. Default 5 m and 15 s.
	DrainAttempt, DrainRetry time.Duration
	// DrainTimeout, if it is not zero, is when a node is given back although pods
	// remain. Default never: budgets are honoured for as long as it takes.
	DrainTimeout time.Duration
	// DetachTimeout is how long the volumes of a drained node may take to be
	// detached. Default 5 m.
	DetachTimeout time.Duration
	// ConcurrentDrains is how many nodes are drained at a time. Default 10.
	ConcurrentDrains int
	// UndeletableRetry is the pause before VPSie is asked again to delete a machine
	// that it refused to. Default 10 m.
	UndeletableRetry time.Duration
	// Workers is how many machines are worked on at a time. Default 32: most of
	// them wait for VPSie's rate limit when many machines are ordered at once.
	Workers int
	// MaxBackoff bounds the pause after repeated errors. Default 1 m.
	MaxBackoff time.Duration
	// Registerer gets the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Clock is the passage of time. Default the real one.
	Clock clock.PassiveClock
}

// complete fills in defaults and refuses what makes no sense.
func (o *Options) complete() error {
	switch {
	case o.Client == nil, o.Reader == nil, o.Kubernetes == nil, o.VPSie == nil, o.Inventory == nil,
		o.Bootstrap == nil, o.Catalog == nil, o.Recorder == nil:
		return errors.New("vpsienode: Client, Reader, Kubernetes, VPSie, Inventory, Bootstrap, Catalog and Recorder are needed")
	}
	if err := bootstrap.CheckClusterID(o.ClusterID); err != nil {
		return fmt.Errorf("vpsienode: Options.ClusterID: %w", err)
	}
	if o.ProviderIDPrefix == nil {
		prefix := "vpsie://"
		o.ProviderIDPrefix = &prefix
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	for _, d := range []struct {
		name     string
		field    *time.Duration
		fallback time.Duration
	}{
		{"ProvisionTimeout", &o.ProvisionTimeout, 20 * time.Minute},
		{"JoinTimeout", &o.JoinTimeout, 15 * time.Minute},
		{"ReadyTimeout", &o.ReadyTimeout, 10 * time.Minute},
		{"SettleTime", &o.SettleTime, time.Minute},
		{"PollInterval", &o.PollInterval, 10 * time.Second},
		{"ReadyInterval", &o.ReadyInterval, 5 * time.Minute},
		{"FailedRetention", &o.FailedRetention, 15 * time.Minute},
		{"DrainAttempt", &o.DrainAttempt, 5 * time.Minute},
		{"DrainRetry", &o.DrainRetry, 15 * time.Second},
		{"DrainTimeout", &o.DrainTimeout, 0},
		{"DetachTimeout", &o.DetachTimeout, 5 * time.Minute},
		{"UndeletableRetry", &o.UndeletableRetry, 10 * time.Minute},
		{"MaxBackoff", &o.MaxBackoff, time.Minute},
	} {
		if *d.field < 0 {
			return fmt.Errorf("vpsienode: Options.%s must not be negative, got %v", d.name, *d.field)
		}
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
	for _, n := range []struct {
		name     string
		field    *int
		fallback int
	}{{"ConcurrentDrains", &o.ConcurrentDrains, 10}, {"Workers", &o.Workers, 32}} {
		if *n.field < 0 {
			return fmt.Errorf("vpsienode: Options.%s must not be negative, got %d", n.name, *n.field)
		}
		if *n.field == 0 {
			*n.field = n.fallback
		}
	}
	return nil
}
