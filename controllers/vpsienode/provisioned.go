package vpsienode

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// provisioned machines run and are about to join.
func (v *visit) provisioned(ctx context.Context) (reconcile.Result, error) {
	group, err := v.group(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	node, err := v.node(ctx, v.r.options.Client)
	if err != nil {
		return reconcile.Result{}, err
	}
	if node != nil {
		return v.joined(ctx, group, v.r.foreign(node, v.m))
	}
	if gone, err := v.keepWatch(ctx, group); err != nil || gone {
		return reconcile.Result{}, err
	}
	v.set(v1alpha1.NodeJoined, metav1.ConditionFalse, reasonNoNode, fmt.Sprintf("there is no Node %s yet", nodeName(v.m)))
	return v.orLate()
}

// orLate waits for the Node until it is too late.
func (v *visit) orLate() (reconcile.Result, error) {
	if v.m.Status.ProvisionedAt != nil && v.overdue(&v.m.Status.ProvisionedAt.Time, v.r.options.JoinTimeout) {
		why := "the machine ran and did not join in time"
		if joined := find(v.m, v1alpha1.NodeJoined); joined != nil {
			why = fmt.Sprintf("%s (%v): %s", why, v.r.options.JoinTimeout, joined.Message)
		}
		v.fail(v1alpha1.ReasonJoinTimeout, why)
		return reconcile.Result{}, nil
	}
	return again(v.r.options.PollInterval)
}

// joined goes on with a Node of the machine's name, if it is the machine's. The
// token has done its work then.
func (v *visit) joined(ctx context.Context, group *v1alpha1.NodeGroup, foreign string) (reconcile.Result, error) {
	if foreign != "" {
		v.set(v1alpha1.NodeJoined, metav1.ConditionFalse, reasonForeignNode, foreign)
		return v.orLate()
	}
	if err := v.r.options.Bootstrap.Release(ctx, v.m, group); err != nil {
		v.trouble(reasonAPIServer, err)
		return reconcile.Result{}, err
	}
	v.fine()
	v.m.Status.NodeName = nodeName(v.m)
	v.set(v1alpha1.NodeJoined, metav1.ConditionTrue, reasonJoined, fmt.Sprintf("the machine registered Node %s", nodeName(v.m)))
	v.enter(v1alpha1.PhaseJoining, "", "the Node is not ready yet")
	return v.joining(ctx)
}
