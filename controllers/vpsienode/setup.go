package vpsienode

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// byNode is the index of VPSieNodes by the name of their Node.
const byNode = "vpsienode.nodeName"

// SetupWithManager has the manager run the reconciler, and the drains with it,
// when it is the leader. A machine is looked at when its object, its Node or its
// CSINode changes, and as often as its phase asks for.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr manager.Manager) error {
	index := func(object client.Object) []string {
		return []string{strings.ToLower(nodeName(object.(*v1alpha1.VPSieNode)))}
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.VPSieNode{}, byNode, index); err != nil {
		return err
	}
	if err := mgr.Add(r.drains); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("vpsienode").
		For(&v1alpha1.VPSieNode{}).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(r.machinesOf)).
		Watches(&storagev1.CSINode{}, handler.EnqueueRequestsFromMapFunc(r.machinesOf)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.options.Workers,
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
				500*time.Millisecond, r.options.MaxBackoff),
		}).
		Complete(r)
}

// machinesOf are the VPSieNodes of a Node or a CSINode.
func (r *Reconciler) machinesOf(ctx context.Context, node client.Object) []reconcile.Request {
	list := &v1alpha1.VPSieNodeList{}
	if err := r.options.Client.List(ctx, list, client.MatchingFields{byNode: node.GetName()}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the VPSieNodes of a Node", "node", node.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Name: list.Items[i].Name}})
	}
	return requests
}
