package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/buffers"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/catalog"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/garbage"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/learned"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/nodegroup"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/scaleup"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// metricPrefix begins the name of every series that is not controller-runtime's.
const metricPrefix = "vpsie_autoscaler_"

// maxBackoff is the longest that an offering or a NodeGroup is left alone after
// failures.
const maxBackoff = 10 * time.Minute

// parts are what controllers have in common.
type parts struct {
	mgr        manager.Manager
	registerer prometheus.Registerer
	options    *Options
	clusterID  string
	kubernetes kubernetes.Interface
	vpsie      *vpsie.Client
	inventory  *inventory.Inventory
	observer   *observe.Observer
	learner    *learned.Learner
	catalog    *catalog.Source
	buffers    *buffers.Buffers
}

// wire builds every controller and gives it to the manager. A dry run has only
// those that decide.
func wire(ctx context.Context, mgr manager.Manager, registerer prometheus.Registerer, o *Options, clusterID string) error {
	p := &parts{mgr: mgr, registerer: registerer, options: o, clusterID: clusterID}
	steps := []func(context.Context) error{p.clients, p.sources, p.scaleUp}
	if !o.DryRun {
		steps = append(steps, p.machines, p.groups, p.garbage)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return mgr.AddReadyzCheck("cluster", func(*http.Request) error {
		if !p.observer.HasSynced() {
			return errors.New("the cluster has not been read yet")
		}
		return nil
	})
}

// clients talk to the API server and to VPSie.
func (p *parts) clients(context.Context) error {
	var err error
	if p.kubernetes, err = kubernetes.NewForConfigAndClient(p.mgr.GetConfig(), p.mgr.GetHTTPClient()); err != nil {
		return err
	}
	p.vpsie, err = vpsie.New(vpsie.Options{
		Credentials:       credentials(p.mgr.GetCache(), types.NamespacedName{Namespace: p.options.VPSieNamespace, Name: p.options.VPSieSecret}),
		VMPrefix:          p.options.VPSieVMPrefix,
		RequestsPerMinute: p.options.VPSieRequestsPerMinute,
		Burst:             p.options.VPSieRequestsPerMinute,
		UserAgent:         "vpsie-k8s-autoscaler/" + version(),
		Registerer:        prometheus.WrapRegistererWithPrefix(metricPrefix, p.registerer),
		Logger:            p.mgr.GetLogger().WithName("vpsie"),
	})
	if err != nil {
		return err
	}
	p.inventory = inventory.New(p.vpsie, clock.RealClock{})
	return nil
}

// sources are what decisions are made from.
func (p *parts) sources(context.Context) error {
	var err error
	p.observer, err = observe.New(observe.Options{
		Cache:  p.mgr.GetCache(),
		Live:   p.mgr.GetAPIReader(),
		Scheme: p.mgr.GetScheme(),
		Logger: p.mgr.GetLogger().WithName("observe"),
	})
	if err != nil {
		return err
	}
	p.learner, err = learned.New(learned.Options{
		Client:     p.mgr.GetClient(),
		Reader:     p.mgr.GetAPIReader(),
		Namespace:  p.options.VPSieNamespace,
		Recorder:   p.events(),
		Registerer: p.registerer,
		Logger:     p.mgr.GetLogger().WithName("learned"),
	})
	if err != nil {
		return err
	}
	options := catalog.Options{
		VPSie:      p.vpsie,
		Client:     p.mgr.GetClient(),
		Learned:    p.learner,
		Registerer: p.registerer,
		Logger:     p.mgr.GetLogger().WithName("catalog"),
	}
	if p.options.Offerings != "" {
		options.Override = catalog.FromFile(p.options.Offerings)
	}
	if p.catalog, err = catalog.New(options); err != nil {
		return err
	}
	p.buffers, err = buffers.New(buffers.Options{Reader: p.mgr.GetAPIReader(), Logger: p.mgr.GetLogger().WithName("buffers")})
	if err != nil {
		return err
	}
	for _, runnable := range []manager.Runnable{p.observer, p.learner, p.catalog, p.buffers} {
		if err := p.mgr.Add(runnable); err != nil {
			return err
		}
	}
	return nil
}

// scaleUp plans for pending pods, and writes VPSieNodes down.
func (p *parts) scaleUp(context.Context) error {
	gates, err := simulator.ParseFeatureGates(p.options.FeatureGates)
	if err == nil {
		err = simulator.SetFeatureGates(gates)
	}
	if err != nil {
		return fmt.Errorf("--feature-gates: %w", err)
	}
	var scheduler *simulator.SchedulerConfig
	if p.options.SchedulerConfig == "" {
		scheduler, err = simulator.DefaultSchedulerConfig()
	} else {
		scheduler, err = simulator.LoadSchedulerConfig(p.options.SchedulerConfig)
	}
	if err != nil {
		return err
	}
	limits, err := p.options.limits()
	if err != nil {
		return err
	}
	buyable := nodegroup.Buyable
	if p.options.DryRun {
		buyable = wouldBuy
	}
	controller, err := scaleup.New(scaleup.Options{
		Observer:        p.observer,
		Client:          p.mgr.GetClient(),
		Live:            p.mgr.GetAPIReader(),
		Catalog:         p.catalog.Catalog,
		Scheduler:       scheduler,
		FeatureGates:    gates,
		Buyable:         buyable,
		Headroom:        nodegroup.HeadroomPods,
		Spare:           p.buffers.Pods,
		Limits:          limits,
		ExpendableBelow: &p.options.ExpendableBelow,
		Work:            p.options.Work,
		Namespace:       p.options.VPSieNamespace,
		DryRun:          p.options.DryRun,
		Idle:            p.options.BatchIdle,
		MaxBatch:        p.options.BatchMax,
		Patience:        p.options.HandoverPatience,
		TimeBudget:      p.options.DecisionTimeout,
		Resync:          p.options.SyncPeriod,
		MaxBackoff:      min(p.options.FailedRetention, maxBackoff),
		Events:          p.events(),
		Registerer:      p.registerer,
		Logger:          p.mgr.GetLogger().WithName("scaleup"),
	})
	if err != nil {
		return err
	}
	return p.mgr.Add(controller)
}

// wouldBuy is for a dry run, in which nobody checks NodeGroups against VPSie.
func wouldBuy(group *v1alpha1.NodeGroup) (bool, string) {
	switch {
	case group.DeletionTimestamp != nil:
		return false, "the NodeGroup is being deleted"
	case group.Spec.Paused:
		return false, "the NodeGroup is paused"
	}
	return true, ""
}

// groups checks NodeGroups and reports on them.
func (p *parts) groups(context.Context) error {
	reconciler, err := nodegroup.New(nodegroup.Options{
		Client:      p.mgr.GetClient(),
		Reader:      p.mgr.GetAPIReader(),
		Account:     p.vpsie,
		Catalog:     p.catalog,
		Recorder:    p.events(),
		OrphanGrace: p.options.OrphanGrace,
		Registerer:  p.registerer,
	})
	if err != nil {
		return err
	}
	return reconciler.SetupWithManager(p.mgr)
}

// garbage gives back what has no owner.
func (p *parts) garbage(context.Context) error {
	collector, err := garbage.New(garbage.Options{
		Client:     p.mgr.GetClient(),
		Reader:     p.mgr.GetAPIReader(),
		VPSie:      p.vpsie,
		Inventory:  p.inventory,
		Catalog:    p.catalog.Catalog,
		Recorder:   p.events(),
		ClusterID:  p.clusterID,
		Interval:   p.options.GarbageInterval,
		Grace:      p.options.OrphanGrace,
		Registerer: p.registerer,
	})
	if err != nil {
		return err
	}
	return p.mgr.Add(collector)
}

// events are recorded under one name.
func (p *parts) events() events.EventRecorder { return p.mgr.GetEventRecorder("vpsie-autoscaler") }

// machines takes VPSieNodes through their lives.
func (p *parts) machines(ctx context.Context) error {
	material, err := bootstrap.New(bootstrap.Options{
		Kubernetes: p.kubernetes,
		Scripts:    p.vpsie,
		Namespace:  p.options.VPSieNamespace,
		ClusterID:  p.clusterID,
		TokenTTL:   p.options.ProvisionTimeout + p.options.JoinTimeout,
	})
	if err != nil {
		return err
	}
	reconciler, err := vpsienode.New(vpsienode.Options{
		Client:           p.mgr.GetClient(),
		Reader:           p.mgr.GetAPIReader(),
		Kubernetes:       p.kubernetes,
		VPSie:            p.vpsie,
		Inventory:        p.inventory,
		Bootstrap:        material,
		Catalog:          p.catalog.Catalog,
		Recorder:         p.events(),
		ClusterID:        p.clusterID,
		PollInterval:     p.options.PollInterval,
		ProvisionTimeout: p.options.ProvisionTimeout,
		JoinTimeout:      p.options.JoinTimeout,
		ReadyTimeout:     p.options.ReadyTimeout,
		SettleTime:       p.options.SettleTime,
		FailedRetention:  p.options.FailedRetention,
		DrainTimeout:     p.options.DrainTimeout,
		Registerer:       p.registerer,
	})
	if err != nil {
		return err
	}
	return reconciler.SetupWithManager(ctx, p.mgr)
}
