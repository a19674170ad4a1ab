package nodegroup

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// SetupWithManager makes the manager call Reconcile when a NodeGroup changes,
// one of its VPSieNodes, or the readiness of one of its Nodes.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		Named("nodegroup").
		For(&v1alpha1.NodeGroup{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.VPSieNode{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []ctrl.Request {
			return requestFor(object.(*v1alpha1.VPSieNode).Spec.NodeGroup)
		})).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []ctrl.Request {
			return requestFor(object.GetLabels()[v1alpha1.NodeGroupLabel])
		}), builder.WithPredicates(readinessChanged())).
		Complete(r)
}

func requestFor(group string) []ctrl.Request {
	if group == "" {
		return nil
	}
	return []ctrl.Request{{NamespacedName: types.NamespacedName{Name: group}}}
}

// readinessChanged passes over what kubelets write all the time.
func readinessChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
		return isReady(before) != isReady(after) ||
			before.Labels[v1alpha1.NodeGroupLabel] != after.Labels[v1alpha1.NodeGroupLabel]
	}}
}
