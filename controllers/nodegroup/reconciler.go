package nodegroup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Options of New. Those without a stated default are required.
type Options struct {
	// Client reads from a cache and writes.
	Client client.Client
	// Reader reads past the cache, before something is believed to be gone.
	Reader client.Reader
	// Account is VPSie's, for identifiers of keys, projects, VPCs, images, clusters.
	Account Account
	// Catalog says what is sold.
	Catalog Catalog
	// Recorder gets events on NodeGroups and VPSieNodes.
	Recorder events.EventRecorder
	// Recheck is how long a group's identifiers count as checked. Default 10 minutes.
	Recheck time.Duration
	// Retry is how soon VPSie is asked again after it could not be. Default 15 s.
	Retry time.Duration
	// OrphanGrace is how long a VPSieNode without its NodeGroup is left alone.
	// Default 10 minutes.
	OrphanGrace time.Duration
	// Clock defaults to the real one.
	Clock clock.PassiveClock
	// Registerer gets the metrics; nil registers none.
	Registerer prometheus.Registerer
}

// Reconciler reconciles NodeGroups.
type Reconciler struct {
	options Options
	metrics *metrics
	lists   *lists

	mu sync.Mutex
	// checked are the verdicts by group, for as long as the process lives: a new
	// leader asks VPSie anew.
	checked map[string]checked
	// missing is since when a group is gone whose machines are not.
	missing map[string]time.Time
}

// checked is when a generation of a group was checked, and how that ended.
type checked struct {
	generation int64
	at         time.Time
	verdict    verdict
}

// New makes a Reconciler.
func New(options Options) (*Reconciler, error) {
	for _, required := range []struct {
		name    string
		missing bool
	}{
		{"Client", options.Client == nil}, {"Reader", options.Reader == nil}, {"Account", options.Account == nil},
		{"Catalog", options.Catalog == nil}, {"Recorder", options.Recorder == nil},
	} {
		if required.missing {
			return nil, fmt.Errorf("nodegroup: Options.%s is missing", required.name)
		}
	}
	if options.Recheck < 0 || options.Retry < 0 || options.OrphanGrace < 0 {
		return nil, errors.New("nodegroup: durations in Options must not be negative")
	}
	for _, d := range []struct {
		of      *time.Duration
		initial time.Duration
	}{{&options.Recheck, 10 * time.Minute}, {&options.Retry, 15 * time.Second}, {&options.OrphanGrace, 10 * time.Minute}} {
		if *d.of == 0 {
			*d.of = d.initial
		}
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	m, err := newMetrics(options.Registerer)
	if err != nil {
		return nil, fmt.Errorf("nodegroup: %w", err)
	}
	return &Reconciler{
		options: options, metrics: m, lists: newLists(options.Account, options.Clock, options.Recheck),
		checked: map[string]checked{}, missing: map[string]time.Time{},
	}, nil
}

// Reconcile brings one NodeGroup's finalizer, conditions and status up to date,
// or takes its machines away when it is being deleted.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var group v1alpha1.NodeGroup
	if err := r.options.Client.Get(ctx, request.NamespacedName, &group); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, fmt.Errorf("get NodeGroup %s: %w", request.Name, err)
		}
		return r.gone(ctx, request.Name)
	}
	r.found(group.Name)
	if group.DeletionTimestamp != nil {
		return r.deleted(ctx, &group)
	}
	if !controllerutil.ContainsFinalizer(&group, v1alpha1.Finalizer) {
		// Before anything can be bought: Buyable needs the status below.
		before := group.DeepCopy()
		controllerutil.AddFinalizer(&group, v1alpha1.Finalizer)
		if err := r.options.Client.Patch(ctx, &group, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return ctrl.Result{}, fmt.Errorf("put the finalizer on NodeGroup %s: %w", group.Name, err)
		}
	}
	v, after := r.verdict(ctx, &group)
	if err := r.report(ctx, &group, v); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

// verdict is the last check of the group while that holds, or a new one; and how
// soon the next is due.
func (r *Reconciler) verdict(ctx context.Context, group *v1alpha1.NodeGroup) (verdict, time.Duration) {
	now := r.options.Clock.Now()
	r.mu.Lock()
	last, known := r.checked[group.Name]
	r.mu.Unlock()
	if known && last.generation == group.Generation {
		if left := r.due(last.verdict) - now.Sub(last.at); left > 0 {
			return last.verdict, left
		}
	}
	v := r.check(ctx, group)
	r.mu.Lock()
	r.checked[group.Name] = checked{generation: group.Generation, at: now, verdict: v}
	r.mu.Unlock()
	r.announce(ctx, group, v)
	return v, r.due(v)
}

// due is how long a verdict holds. A wrong identifier may be made right at VPSie
// without a change of the group, so that one does not hold as long.
func (r *Reconciler) due(v verdict) time.Duration {
	switch v.status {
	case metav1.ConditionTrue:
		return r.options.Recheck
	case metav1.ConditionFalse:
		return min(r.options.Recheck, max(r.options.Retry, r.options.Recheck/10))
	}
	return r.options.Retry
}

// announce makes an event of a verdict that the status does not have yet.
func (r *Reconciler) announce(ctx context.Context, group *v1alpha1.NodeGroup, v verdict) {
	before := meta.FindStatusCondition(group.Status.Conditions, v1alpha1.NodeGroupValid)
	if before != nil && before.Status == v.status && before.Message == cut(v.message) {
		return
	}
	log.FromContext(ctx).Info("checked a NodeGroup against VPSie", "valid", v.status, "message", v.message)
	switch {
	case v.status == metav1.ConditionTrue:
		r.options.Recorder.Eventf(group, nil, corev1.EventTypeNormal, v.reason, "Validate", "%s", v.message)
	case v.status == metav1.ConditionFalse, before == nil || before.Status != v.status:
		r.options.Recorder.Eventf(group, nil, corev1.EventTypeWarning, v.reason, "Validate", "%s", cut(v.message))
	}
}

// report writes the status if it changed.
func (r *Reconciler) report(ctx context.Context, group *v1alpha1.NodeGroup, v verdict) error {
	machines, err := machinesOf(ctx, r.options.Client, group.Name)
	if err != nil {
		return err
	}
	var nodes corev1.NodeList
	if err := r.options.Client.List(ctx, &nodes, client.MatchingLabels{v1alpha1.NodeGroupLabel: group.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list Nodes of NodeGroup %s: %w", group.Name, err)
	}
	readyNodes := make(map[string]bool, len(nodes.Items))
	for i := range nodes.Items {
		readyNodes[nodes.Items[i].Name] = isReady(&nodes.Items[i])
	}
	before := group.DeepCopy()
	var t tally
	group.Status, t = statusOf(group, observed{
		machines: machines, ready: func(node string) bool { return readyNodes[node] }, verdict: v, now: r.options.Clock.Now(),
	})
	r.metrics.show(group, t)
	if equality.Semantic.DeepEqual(before.Status, group.Status) {
		return nil
	}
	if err := r.options.Client.Status().Patch(ctx, group, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("write the status of NodeGroup %s: %w", group.Name, err)
	}
	return nil
}

// machinesOf lists the VPSieNodes of a group. They may be the cache's own and must
// not be changed.
func machinesOf(ctx context.Context, reader client.Reader, group string) ([]v1alpha1.VPSieNode, error) {
	var all v1alpha1.VPSieNodeList
	if err := reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list VPSieNodes of NodeGroup %s: %w", group, err)
	}
	var machines []v1alpha1.VPSieNode
	for i := range all.Items {
		if all.Items[i].Spec.NodeGroup == group {
			machines = append(machines, all.Items[i])
		}
	}
	return machines, nil
}
