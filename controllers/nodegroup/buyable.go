package nodegroup

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Buyable says whether the group may get new machines now, and if not, why, in
// words that suit an event. It depends on the object alone: a group that was
// changed and not yet checked against VPSie again may not buy.
func Buyable(group *v1alpha1.NodeGroup) (bool, string) {
	if group.DeletionTimestamp != nil {
		return false, "the NodeGroup is being deleted"
	}
	if group.Spec.Paused {
		return false, "the NodeGroup is paused"
	}
	valid := meta.FindStatusCondition(group.Status.Conditions, v1alpha1.NodeGroupValid)
	switch {
	case valid == nil || valid.ObservedGeneration != group.Generation:
		return false, "the NodeGroup was not yet checked against VPSie"
	case valid.Status != metav1.ConditionTrue:
		return false, fmt.Sprintf("the NodeGroup is not valid: %s", valid.Message)
	}
	if meta.IsStatusConditionTrue(group.Status.Conditions, v1alpha1.NodeGroupCannotDelete) && !group.Spec.ScaleUpPolicy.BuyWithoutDelete {
		return false, "VPSie refuses to delete machines of the NodeGroup, and scaleUpPolicy.buyWithoutDelete is false"
	}
	return true, ""
}
