package vpsienode

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// deleting machines are drained: Node and machine go, and then the object.
func (v *visit) deleting(ctx context.Context) (reconcile.Result, error) {
	if done, result, err := v.giveBack(ctx); !done || err != nil {
		return result, err
	}
	return v.letGo(ctx)
}

// letGo takes the finalizer away: nothing of the machine is left.
func (v *visit) letGo(ctx context.Context) (reconcile.Result, error) {
	if err := v.save(ctx); err != nil {
		return reconcile.Result{}, err
	}
	if controllerutil.RemoveFinalizer(v.m, v1alpha1.Finalizer) {
		patch := client.MergeFromWithOptions(v.stored, client.MergeFromWithOptimisticLock{})
		if err := v.r.options.Client.Patch(ctx, v.m, patch); client.IgnoreNotFound(err) != nil {
			return reconcile.Result{}, fmt.Errorf("removing the finalizer of VPSieNode %s: %w", v.m.Name, err)
		}
		v.stored = v.m.DeepCopy()
	}
	v.r.absences.clear(v.m.UID)
	v.r.absences.clear(nodeKey(v.m))
	v.r.absences.clear(detachKey(v.m))
	return reconcile.Result{}, nil
}

// giveBack deletes what the machine joins with, its Node and the machine, and
// says when all of it is gone, proven.
func (v *visit) giveBack(ctx context.Context) (done bool, result reconcile.Result, err error) {
	group, err := v.group(ctx)
	if err != nil {
		return false, reconcile.Result{}, err
	}
	if err := v.r.options.Bootstrap.Release(ctx, v.m, group); err != nil {
		v.trouble(reasonAPIServer, err)
		return false, reconcile.Result{}, err
	}
	if err := v.deleteNode(ctx); err != nil {
		v.trouble(reasonAPIServer, err)
		return false, reconcile.Result{}, err
	}
	if v.m.Status.RequestedAt == nil {
		return true, reconcile.Result{}, nil
	}
	hw := v.hardware(group)
	seen, err := v.look(ctx, hw)
	if err != nil {
		v.trouble(reasonVPSie, err)
		return false, reconcile.Result{}, err
	}
	for _, own := range seen.own() {
		v.r.absences.clear(v.m.UID)
		if err := hw.remove(ctx, v.m, own); err != nil && !vpsie.IsNotFound(err) {
			result, err := v.notDeleted(own, err)
			return false, result, err
		}
	}
	meta.RemoveStatusCondition(&v.m.Status.Conditions, v1alpha1.CannotDelete)
	v.fine()
	if !v.provenGone(&seen) {
		result, err := again(v.r.options.PollInterval)
		return false, result, err
	}
	v.m.Status.RequestedAt = nil
	v.set(v1alpha1.VPSReady, metav1.ConditionFalse, reasonGone, "VPSie no longer lists the machine")
	if v.m.Status.VPSID != "" {
		v.event(corev1.EventTypeNormal, reasonDeleted, "Delete", fmt.Sprintf("machine %s is gone", v.m.Status.VPSID))
	}
	return true, reconcile.Result{}, nil
}

// provenGone: both sources lack the machine. One that was never seen may still
// be on its way, so that it must be lacking for as long as an order can take.
func (v *visit) provenGone(seen *sighting) bool {
	if !seen.absent() {
		v.r.absences.clear(v.m.UID)
		return false
	}
	absent := v.r.absences.note(v.m.UID, seen.at)
	return v.m.Status.VPSID != "" || absent >= v.r.options.SettleTime
}

// notDeleted records why VPSie did not delete the machine. One that is refused
// for want of the account's password is asked for again, slowly: it is paid for.
func (v *visit) notDeleted(own machine, err error) (reconcile.Result, error) {
	err = fmt.Errorf("deleting machine %s: %w", own.id, err)
	switch vpsie.KindOf(err) {
	case vpsie.WrongPassword, vpsie.Refused, vpsie.Invalid:
	default:
		v.trouble(reasonVPSie, err)
		return reconcile.Result{}, err
	}
	if !meta.IsStatusConditionTrue(v.m.Status.Conditions, v1alpha1.CannotDelete) {
		v.event(corev1.EventTypeWarning, v1alpha1.CannotDelete, "Delete", err.Error())
	}
	v.set(v1alpha1.CannotDelete, metav1.ConditionTrue, string(vpsie.KindOf(err)), err.Error())
	v.trouble(reasonVPSie, err)
	return again(v.r.options.UndeletableRetry)
}

// deleteNode deletes the machine's Node.
func (v *visit) deleteNode(ctx context.Context) error {
	node, err := v.node(ctx, v.r.options.Reader)
	if err != nil || node == nil || v.r.foreign(node, v.m) != "" {
		return err
	}
	err = v.r.options.Client.Delete(ctx, node, client.Preconditions{UID: &node.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting Node %s: %w", node.Name, err)
	}
	return nil
}
