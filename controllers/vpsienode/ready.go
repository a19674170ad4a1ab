package vpsienode

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// ready machines are watched: a Node may be deleted, a machine may vanish.
func (v *visit) ready(ctx context.Context) (reconcile.Result, error) {
	node, err := v.node(ctx, v.r.options.Client)
	if err != nil {
		return reconcile.Result{}, err
	}
	if node == nil {
		// A cache may be behind: what follows from it is checked with the API server.
		if node, err = v.node(ctx, v.r.options.Reader); err != nil {
			return reconcile.Result{}, err
		}
	}
	group, err := v.group(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	if node != nil && isReady(node) {
		// A kubelet that reports is better evidence than a list; the lists are only
		// asked for machines bought twice and changed addresses.
		return v.rest(ctx, group)
	}
	v.set(v1alpha1.NodeReady, metav1.ConditionFalse, reasonNoNode, fmt.Sprintf("Node %s does not exist or is not ready", nodeName(v.m)))
	if gone, err := v.keepWatch(ctx, group); err != nil || gone {
		return reconcile.Result{}, err
	}
	if node == nil {
		if v.r.absences.note(nodeKey(v.m), v.now) >= v.r.options.SettleTime {
			v.r.absences.clear(nodeKey(v.m))
			v.fail(v1alpha1.ReasonNodeGone, fmt.Sprintf("Node %s was deleted while its machine %s ran on", nodeName(v.m), v.m.Status.VPSID))
			return reconcile.Result{}, nil
		}
	} else {
		v.r.absences.clear(nodeKey(v.m))
	}
	return again(v.r.options.PollInterval)
}

// rest looks at VPSie now and then, and forgets absences.
func (v *visit) rest(ctx context.Context, group *v1alpha1.NodeGroup) (reconcile.Result, error) {
	v.r.absences.clear(nodeKey(v.m))
	v.set(v1alpha1.NodeReady, metav1.ConditionTrue, reasonComplete, "the Node takes pods")
	hw := v.hardware(group)
	seen, err := hw.find(ctx, v.m, v.now.Add(-v.r.options.ReadyInterval))
	if err == nil {
		err = v.removeExtra(ctx, hw, &seen)
	}
	if err != nil {
		v.trouble(reasonVPSie, err)
		return again(v.r.options.ReadyInterval)
	}
	v.fine()
	v.r.absences.clear(v.m.UID)
	if seen.machine != nil {
		v.adopt(seen.machine)
	}
	return again(v.r.options.ReadyInterval)
}
