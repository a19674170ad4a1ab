package vpsienode

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// AdoptAnnotation on a VPSieNode is VPSie's identifier of a machine that exists
// already: one of ours that lost its object. It must be there from the object's
// creation on. Nothing is ordered for such an object, and the machine is taken
// for its own if the machine's mark names a VPSieNode of this name.
const AdoptAnnotation = "autoscaler.vpsie.com/adopt"

// takeIn begins with a machine that was there before its object.
func (v *visit) takeIn(id string) (reconcile.Result, error) {
	now := metav1.NewTime(v.now)
	v.m.Status.VPSID, v.m.Status.RequestedAt = id, &now
	v.enter(v1alpha1.PhaseProvisioning, reasonOrdered, "machine "+id+" is adopted")
	return again(v.r.options.PollInterval)
}
