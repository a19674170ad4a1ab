package vpsienode

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
)

// pending machines were decided and not ordered, and cost nothing: they wait for
// as long as VPSie cannot be reached.
func (v *visit) pending(ctx context.Context) (reconcile.Result, error) {
	if err := v.hold(ctx); err != nil {
		return reconcile.Result{}, err
	}
	group, err := v.group(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	if group == nil || !group.DeletionTimestamp.IsZero() {
		v.fail(v1alpha1.ReasonNodeGroupGone, fmt.Sprintf("NodeGroup %s is gone or being deleted", v.m.Spec.NodeGroup))
		return reconcile.Result{}, nil
	}
	if find(v.m, v1alpha1.VPSieNodeError) != nil {
		// The last attempt failed: no intent is written while VPSie cannot be read.
		if _, err := v.r.options.Inventory.Since(ctx, v.now.Add(-v.r.options.PollInterval)); err != nil {
			return v.blind(err)
		}
	}
	return v.buy(ctx, group)
}

// hold puts the finalizer on the object, before there is anything to hold it for.
func (v *visit) hold(ctx context.Context) error {
	if !controllerutil.AddFinalizer(v.m, v1alpha1.Finalizer) {
		return nil
	}
	status := v.m.Status.DeepCopy()
	patch := client.MergeFromWithOptions(v.stored, client.MergeFromWithOptimisticLock{})
	if err := v.r.options.Client.Patch(ctx, v.m, patch); err != nil {
		return fmt.Errorf("adding the finalizer to VPSieNode %s: %w", v.m.Name, err)
	}
	v.stored = v.m.DeepCopy()
	v.m.Status = *status
	return nil
}

// buy orders the machine: first the intent is written, then VPSie is looked at,
// and only if nothing of ours is there, the order is sent.
func (v *visit) buy(ctx context.Context, group *v1alpha1.NodeGroup) (reconcile.Result, error) {
	hw := v.hardware(group)
	var unwritten error
	wait, err := hw.intend(ctx, v.m, group, func() error {
		requested := metav1.NewTime(v.now)
		v.m.Status.RequestedAt = &requested
		v.enter(v1alpha1.PhaseProvisioning, reasonOrderUnclear, "about to be ordered")
		unwritten = v.save(ctx)
		return unwritten
	})
	switch {
	case unwritten != nil:
		// Not written, not ordered; the end of the visit must not write it either.
		v.m.Status = *v.stored.Status.DeepCopy()
		return reconcile.Result{}, unwritten
	case err != nil:
		if what, reason := judge(err); what == refused {
			v.m.Status.RequestedAt = nil
			v.fail(reason, err.Error())
			return reconcile.Result{}, nil
		}
		return v.postpone(err)
	case wait != "":
		v.m.Status.RequestedAt = nil
		v.enter(v1alpha1.PhasePending, reasonWaiting, wait)
		return again(v.r.options.PollInterval)
	}
	seen, err := hw.find(ctx, v.m, v.now)
	if err != nil {
		return v.postpone(err)
	}
	if !seen.absent() || seen.stranger != "" {
		return v.watch(ctx, group, seen)
	}
	material, err := v.material(ctx, group)
	if bootstrap.IsInvalid(err) {
		v.m.Status.RequestedAt = nil
		v.fail(v1alpha1.ReasonBootstrap, err.Error())
		return reconcile.Result{}, nil
	}
	if err != nil {
		return v.postpone(err)
	}
	return v.ordered(hw.order(ctx, v.m, group, material))
}

// material is what the machine joins with.
func (v *visit) material(ctx context.Context, group *v1alpha1.NodeGroup) (bootstrap.Material, error) {
	labels, err := v.r.labels(ctx, v.m, group)
	if err != nil {
		return bootstrap.Material{}, err
	}
	return v.r.options.Bootstrap.Prepare(ctx, v.m, group, labels)
}

// postpone goes back to Pending: no order was sent.
func (v *visit) postpone(err error) (reconcile.Result, error) {
	v.m.Status.RequestedAt = nil
	v.m.Status.Before = nil
	v.enter(v1alpha1.PhasePending, reasonWaiting, "not ordered yet: "+err.Error())
	v.trouble(reasonVPSie, err)
	return reconcile.Result{}, err
}

// ordered records what became of an order.
func (v *visit) ordered(err error) (reconcile.Result, error) {
	what, reason := judge(err)
	v.r.metrics.orders.WithLabelValues(string(what)).Inc()
	v.r.absences.clear(v.m.UID)
	switch what {
	case accepted:
		v.fine()
		v.enter(v1alpha1.PhaseProvisioning, reasonOrdered, "VPSie accepted the order")
		v.event(corev1.EventTypeNormal, reasonOrdered, "Order", fmt.Sprintf(
			"ordered %s in datacenter %s (planned price: %s $/h)", v.m.Spec.Offering, v.m.Spec.Datacenter, cmp.Or(v.m.Spec.PricePerHour, "unknown")))
	case postponed:
		return v.postpone(err)
	case refused:
		v.fail(reason, err.Error())
	case unclear:
		v.trouble(reasonVPSie, err)
		v.enter(v1alpha1.PhaseProvisioning, reasonOrderUnclear, "whether the machine was ordered is not known: "+err.Error())
	}
	return again(v.r.options.PollInterval)
}
