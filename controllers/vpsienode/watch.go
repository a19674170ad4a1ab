package vpsienode

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

func find(m *v1alpha1.VPSieNode, condition string) *metav1.Condition {
	return meta.FindStatusCondition(m.Status.Conditions, condition)
}

// keepWatch looks whether a machine that once ran is still there, and fails it
// if two sources of VPSie have lacked it for SettleTime. That VPSie cannot be
// read is noted, and changes nothing.
func (v *visit) keepWatch(ctx context.Context, group *v1alpha1.NodeGroup) (gone bool, err error) {
	hw := v.hardware(group)
	seen, err := v.look(ctx, hw)
	if err != nil {
		v.trouble(reasonVPSie, err)
		return false, nil
	}
	if err := v.removeExtra(ctx, hw, &seen); err != nil {
		v.trouble(reasonVPSie, err)
		return false, nil
	}
	v.fine()
	switch {
	case seen.machine != nil:
		v.r.absences.clear(v.m.UID)
		v.adopt(seen.machine)
		if seen.machine.running {
			v.set(v1alpha1.VPSReady, metav1.ConditionTrue, reasonRunning, "VPSie shows the machine as running")
		} else {
			v.set(v1alpha1.VPSReady, metav1.ConditionFalse, reasonNotRunning, "VPSie shows the machine as not running")
		}
	case seen.unclear != "":
		v.r.absences.clear(v.m.UID)
	case v.r.absences.note(v.m.UID, seen.at) >= v.r.options.SettleTime:
		v.set(v1alpha1.VPSReady, metav1.ConditionFalse, reasonGone, "VPSie no longer lists the machine")
		v.fail(v1alpha1.ReasonMachineGone, fmt.Sprintf("VPSie no longer lists machine %s", v.m.Status.VPSID))
		return true, nil
	}
	return false, nil
}

// removeExtra gives back machines that were bought twice: an order whose answer
// was lost and that was repeated, or that VPSie carried out twice.
func (v *visit) removeExtra(ctx context.Context, hw hardware, seen *sighting) error {
	for _, extra := range seen.extra {
		if err := hw.remove(ctx, v.m, extra); err != nil && !vpsie.IsNotFound(err) {
			return fmt.Errorf("deleting machine %s, bought twice as %s: %w", extra.id, v.m.Spec.Hostname, err)
		}
		v.r.metrics.duplicates.Inc()
		v.event(corev1.EventTypeWarning, reasonDuplicate, "Delete", fmt.Sprintf("VPSie had a second machine %s of this name: it is deleted, %s stays", extra.id, seen.machine.id))
	}
	return nil
}
