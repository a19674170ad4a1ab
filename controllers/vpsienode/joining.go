package vpsienode

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// joining machines have a Node that is not complete, or whose pods are still to
// be nominated.
func (v *visit) joining(ctx context.Context) (reconcile.Result, error) {
	group, err := v.group(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	node, err := v.node(ctx, v.r.options.Client)
	if err != nil {
		return reconcile.Result{}, err
	}
	if group == nil || node == nil {
		v.set(v1alpha1.NodeReady, metav1.ConditionFalse, reasonWaiting, fmt.Sprintf("NodeGroup %s or Node %s is gone", v.m.Spec.NodeGroup, nodeName(v.m)))
		return v.orFail(ctx, group)
	}
	if err := v.dress(ctx, node, group); err != nil {
		if !apierrors.IsConflict(err) {
			v.trouble(reasonCatalog, err)
		}
		return reconcile.Result{}, err
	}
	v.fine()
	attachable, err := v.attachable(ctx, node.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	if lacking := lacks(node, group, attachable); lacking != "" {
		v.set(v1alpha1.NodeReady, metav1.ConditionFalse, reasonWaiting, lacking)
		return v.orFail(ctx, group)
	}
	if hasTaint(node, v1alpha1.StartupTaint, corev1.TaintEffectNoSchedule) {
		// Complete. How long pods take to be nominated is not the machine's fault.
		v.set(v1alpha1.NodeReady, metav1.ConditionFalse, v1alpha1.ReasonAwaitingPods, "the pods planned for the node are to be nominated")
		v.m.Status.Message = "complete, but for the startup taint"
		return again(v.r.options.PollInterval)
	}
	v.weigh(node)
	v.set(v1alpha1.NodeReady, metav1.ConditionTrue, reasonComplete, "the Node takes pods")
	v.enter(v1alpha1.PhaseReady, "", "")
	v.event(corev1.EventTypeNormal, "Ready", "Join", fmt.Sprintf("Node %s takes pods", node.Name))
	return again(v.r.options.ReadyInterval)
}

// orFail waits for the Node to be complete until it is too late, with an eye on
// the machine.
func (v *visit) orFail(ctx context.Context, group *v1alpha1.NodeGroup) (reconcile.Result, error) {
	if gone, err := v.keepWatch(ctx, group); err != nil || gone {
		return reconcile.Result{}, err
	}
	if v.m.Status.JoinedAt != nil && v.overdue(&v.m.Status.JoinedAt.Time, v.r.options.ReadyTimeout) {
		v.fail(v1alpha1.ReasonReadyTimeout, fmt.Sprintf("the Node joined and was not complete within %v: %s",
			v.r.options.ReadyTimeout, find(v.m, v1alpha1.NodeReady).Message))
		return reconcile.Result{}, nil
	}
	return again(v.r.options.PollInterval)
}

// weigh tells the user when the Node offers less than the plan counted on; what
// the next plan makes of it, package learned decides.
func (v *visit) weigh(node *corev1.Node) {
	var short []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourcePods} {
		planned, counted := v.m.Spec.Allocatable[name]
		if real := node.Status.Allocatable[name]; counted && real.Cmp(planned) < 0 {
			short = append(short, fmt.Sprintf("%s %s instead of %s", name, real.String(), planned.String()))
		}
	}
	if len(short) > 0 {
		v.event(corev1.EventTypeWarning, reasonSmaller, "Join", "the Node offers less than planned: "+strings.Join(short, ", "))
	}
}
