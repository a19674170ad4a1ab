package scaleup

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Options of a Controller. Those without a default must be set.
type Options struct {
	// Observer is the copy of the cluster; New adds its listeners to it, so it must
	// not have been started.
	Observer *observe.Observer
	// Client writes; what it reads is never used. Its QPS must suit hundreds of
	// writes at once.
	Client client.Client
	// Live reads from the API server itself.
	Live client.Reader
	// Catalog is what can be bought now. While it fails nothing is decided.
	Catalog func(context.Context) (*offerings.Catalog, error)
	// Scheduler is the cluster's kube-scheduler configuration, FeatureGates those
	// that were set with simulator.SetFeatureGates.
	Scheduler    *simulator.SchedulerConfig
	FeatureGates map[string]bool
	// Buyable says whether a NodeGroup may buy, and if not, why. Nil: all may.
	Buyable func(*v1alpha1.NodeGroup) (bool, string)
	// Headroom are the pods that stand for a NodeGroup's spare room. Nil: none.
	Headroom func(*v1alpha1.NodeGroup) []*v1.Pod
	// Spare are pods that stand for spare room whatever NodeGroup gives it, such as
	// that of CapacityBuffers. Nil: none.
	Spare func() []*v1.Pod
	// Limits cap the whole cluster.
	Limits binpack.Limits
	// ExpendableBelow and Work are binpack's; their zero values stand for its defaults.
	ExpendableBelow *int32
	Work            int64
	// Namespace holds the records of plans.
	Namespace string
	// DryRun decides, announces and records, and writes nothing else.
	DryRun bool

	// Idle is how long hints must be quiet before a decision, MaxBatch how long the
	// first may wait; 1 s and 10 s when zero.
	Idle, MaxBatch time.Duration
	// TimeBudget is how long a decision may take; one that takes longer is given
	// up and made again with less work. 30 s when zero.
	TimeBudget time.Duration
	// Resync is how often to decide without any hint while pods are pending or
	// nodes are missing; 10 min when zero.
	Resync time.Duration
	// Backoff is how long something that failed once is not bought again; it
	// doubles with each plan that fails. 1 min and at most 10 min when zero. Failed
	// VPSieNodes must be kept for longer than MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// Patience is how long the machines of a plan that are ready wait for the others
	// of it, so that all take pods at the same moment; 1 min when zero.
	Patience time.Duration
	// Quiet is how long kube-scheduler must have had no reason to try a machine's
	// pods before they are nominated; 1 s when zero. MaxQuiet is how long the machines
	// wait for that at most; 12 s when zero, which is longer than kube-scheduler's
	// longest back-off.
	Quiet, MaxQuiet time.Duration
	// Overdue is how long a pod may be pending although its node takes pods before
	// that is counted and a new plan is made; 20 s when zero, twice kube-scheduler's
	// longest back-off.
	Overdue time.Duration

	// Events records events; Registerer takes the metrics, none when nil.
	Events     events.EventRecorder
	Registerer prometheus.Registerer
	// Clock is the real one when nil.
	Clock  clock.Clock
	Logger logr.Logger
}

func (o *Options) complete() error {
	if o.Observer == nil || o.Client == nil || o.Live == nil || o.Catalog == nil || o.Scheduler == nil || o.Events == nil || o.Namespace == "" {
		return errors.New("scaleup: Observer, Client, Live, Catalog, Scheduler, Events and Namespace must be set")
	}
	for _, d := range []struct {
		field    *time.Duration
		standard time.Duration
	}{
		{&o.Idle, time.Second}, {&o.MaxBatch, 10 * time.Second}, {&o.TimeBudget, 30 * time.Second}, {&o.Resync, 10 * time.Minute},
		{&o.Backoff, time.Minute}, {&o.MaxBackoff, 10 * time.Minute},
		{&o.Patience, time.Minute}, {&o.Quiet, time.Second}, {&o.MaxQuiet, 12 * time.Second}, {&o.Overdue, 20 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.standard
		}
		if *d.field < 0 {
			return errors.New("scaleup: a duration must not be negative")
		}
	}
	if o.Buyable == nil {
		o.Buyable = func(*v1alpha1.NodeGroup) (bool, string) { return true, "" }
	}
	if o.Headroom == nil {
		o.Headroom = func(*v1alpha1.NodeGroup) []*v1.Pod { return nil }
	}
	if o.Spare == nil {
		o.Spare = func() []*v1.Pod { return nil }
	}
	if o.Work == 0 {
		o.Work = binpack.DefaultWork
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return nil
}
