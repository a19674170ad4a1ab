package vpsienode

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// terminate begins the end of a machine whose object was deleted. Without an
// order there is nothing to end.
func (v *visit) terminate(ctx context.Context) (reconcile.Result, error) {
	if v.m.Status.RequestedAt == nil {
		done, result, err := v.giveBack(ctx)
		if !done || err != nil {
			return result, err
		}
		return v.letGo(ctx)
	}
	v.enter(v1alpha1.PhaseTerminating, reasonDraining, "pods are being evicted")
	return v.terminating(ctx)
}

// terminating machines lose their pods. The deletion of the object cannot be
// taken back, so a drain that fails is repeated and the node stays cordoned.
func (v *visit) terminating(ctx context.Context) (reconcile.Result, error) {
	node, err := v.node(ctx, v.r.options.Reader)
	if err != nil {
		return reconcile.Result{}, err
	}
	if node == nil || v.r.foreign(node, v.m) != "" {
		return v.drained(ctx, "unnecessary")
	}
	if limit := v.r.options.DrainTimeout; limit > 0 && v.overdue(&v.m.Status.TerminatingAt.Time, limit) {
		v.r.drains.abandon(v.m.UID)
		v.event(corev1.EventTypeWarning, reasonDrainTimeout, "Drain", fmt.Sprintf("pods were left on Node %s after %v; it is deleted all the same", node.Name, limit))
		return v.drained(ctx, "forced")
	}
	state, err := v.r.drains.drain(v.m.UID, node)
	switch state {
	case drainDone:
		if off, err := v.detached(ctx, node); err != nil || !off {
			return reconcile.Result{RequeueAfter: v.r.options.PollInterval}, err
		}
		return v.drained(ctx, "done")
	case drainFailed:
		v.r.metrics.drains.WithLabelValues("failed").Inc()
		v.trouble(reasonDrainFailed, err)
		v.event(corev1.EventTypeWarning, reasonDrainFailed, "Drain", err.Error())
		return again(v.r.options.DrainRetry)
	case drainRunning:
	}
	return again(v.r.options.PollInterval)
}

// drained goes on to give the machine back.
func (v *visit) drained(ctx context.Context, result string) (reconcile.Result, error) {
	v.r.metrics.drains.WithLabelValues(result).Inc()
	v.fine()
	v.enter(v1alpha1.PhaseDeleting, "", "the machine is being given back")
	return v.deleting(ctx)
}
