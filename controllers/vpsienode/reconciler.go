package vpsienode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// Reconciler takes machines through their phases.
type Reconciler struct {
	options  Options
	plain    hardware
	managed  hardware
	absences *absences
	drains   *drains
	metrics  *metrics
}

// New completes the options with their defaults.
func New(options Options) (*Reconciler, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	r := &Reconciler{options: options, absences: newAbsences()}
	r.plain = &plain{options: &r.options}
	r.managed = newManaged(&r.options)
	r.drains = newDrains(&r.options)
	var err error
	r.metrics, err = newMetrics(options.Registerer, options.Client)
	return r, err
}

// visit is one reconciliation of one machine.
type visit struct {
	r *Reconciler
	// m is worked on; stored is the object as the API server has it.
	m, stored *v1alpha1.VPSieNode
	now       time.Time
}

// Reconcile takes a machine one step further.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	m := &v1alpha1.VPSieNode{}
	if err := r.options.Client.Get(ctx, request.NamespacedName, m); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	v := &visit{r: r, m: m, stored: m.DeepCopy(), now: r.options.Clock.Now()}
	result, err := v.step(ctx)
	if unsaved := v.save(ctx); apierrors.IsNotFound(unsaved) {
		return reconcile.Result{}, nil
	} else if unsaved != nil {
		result, err = reconcile.Result{}, unsaved
	}
	if apierrors.IsConflict(err) {
		// Somebody else wrote meanwhile; what was seen now is seen again.
		log.FromContext(ctx).V(1).Info("written by somebody else meanwhile", "reason", err.Error())
		return reconcile.Result{RequeueAfter: conflictPause}, nil
	}
	if e, ok := errors.AsType[*vpsie.Error](err); ok && e.RetryAfter > 0 {
		// VPSie said when; the condition says what.
		return reconcile.Result{RequeueAfter: e.RetryAfter}, nil
	}
	return result, err
}

// conflictPause lets a cache see what somebody else wrote.
const conflictPause = 200 * time.Millisecond

// step runs the handler of the phase.
func (v *visit) step(ctx context.Context) (reconcile.Result, error) {
	m := v.m
	m.Status.ObservedGeneration = m.Generation
	if id := m.Annotations[AdoptAnnotation]; id != "" && m.Status.VPSID == "" {
		return v.takeIn(id)
	}
	if !m.DeletionTimestamp.IsZero() {
		switch m.Status.Phase {
		case v1alpha1.PhaseTerminating:
			return v.terminating(ctx)
		case v1alpha1.PhaseDeleting:
			return v.deleting(ctx)
		}
		return v.terminate(ctx)
	}
	switch m.Status.Phase {
	case "", v1alpha1.PhasePending:
		return v.pending(ctx)
	case v1alpha1.PhaseProvisioning:
		return v.provisioning(ctx)
	case v1alpha1.PhaseProvisioned:
		return v.provisioned(ctx)
	case v1alpha1.PhaseJoining:
		return v.joining(ctx)
	case v1alpha1.PhaseReady:
		return v.ready(ctx)
	case v1alpha1.PhaseFailed:
		return v.failed(ctx)
	}
	return reconcile.Result{}, fmt.Errorf("VPSieNode %s is in phase %s and not being deleted", m.Name, m.Status.Phase)
}

// saveTimeout bounds writing a status, which happens even when the controller is
// asked to end: what became of an order must not be forgotten.
const saveTimeout = 10 * time.Second

// save writes the status if it changed, under the version it was read at: of two
// controllers that believe themselves leader, one fails here. Others' changes of
// the spec do not get in the way.
func (v *visit) save(ctx context.Context) error {
	if equality.Semantic.DeepEqual(v.stored.Status, v.m.Status) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	wanted := v.m.Status.DeepCopy()
	err := v.write(ctx)
	if apierrors.IsConflict(err) {
		live := &v1alpha1.VPSieNode{}
		if err := v.r.options.Reader.Get(ctx, client.ObjectKeyFromObject(v.m), live); err != nil {
			return err
		}
		if live.UID != v.m.UID || !equality.Semantic.DeepEqual(live.Status, v.stored.Status) {
			return err
		}
		v.stored, v.m = live, live.DeepCopy()
		v.m.Status = *wanted
		err = v.write(ctx)
	}
	if err != nil {
		return fmt.Errorf("writing the status of VPSieNode %s: %w", v.m.Name, err)
	}
	v.r.metrics.moved(&v.stored.Status, &v.m.Status, v.m.CreationTimestamp.Time, v.now)
	v.stored = v.m.DeepCopy()
	return nil
}

func (v *visit) write(ctx context.Context) error {
	patch := client.MergeFromWithOptions(v.stored, client.MergeFromWithOptimisticLock{})
	return v.r.options.Client.Status().Patch(ctx, v.m, patch)
}

// group is the machine's NodeGroup, nil if it is gone.
func (v *visit) group(ctx context.Context) (*v1alpha1.NodeGroup, error) {
	group := &v1alpha1.NodeGroup{}
	err := v.r.options.Client.Get(ctx, types.NamespacedName{Name: v.m.Spec.NodeGroup}, group)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return group, err
}

// hardware is the kind of machine that the object stands for.
func (v *visit) hardware(group *v1alpha1.NodeGroup) hardware {
	if v.m.Status.ClusterID != "" || group != nil && group.Spec.Bootstrap.Mode == v1alpha1.BootstrapManaged {
		return v.r.managed
	}
	return v.r.plain
}

// again comes back after a pause.
func again(pause time.Duration) (reconcile.Result, error) {
	return reconcile.Result{RequeueAfter: pause}, nil
}

// overdue says that a time is longer ago than the limit. A time that is not
// there is not.
func (v *visit) overdue(since *time.Time, limit time.Duration) bool {
	return since != nil && v.now.Sub(*since) > limit
}
