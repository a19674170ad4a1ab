package vpsienode

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// provisioning machines were asked for. They may exist, whatever the answer was.
func (v *visit) provisioning(ctx context.Context) (reconcile.Result, error) {
	group, err := v.group(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	seen, err := v.look(ctx, v.hardware(group))
	if err != nil {
		return v.blind(err)
	}
	return v.watch(ctx, group, seen)
}

// look reads VPSie's lists, not older than the poll interval.
func (v *visit) look(ctx context.Context, hw hardware) (sighting, error) {
	return hw.find(ctx, v.m, v.now.Add(-v.r.options.PollInterval))
}

// blind records that VPSie cannot be read; nothing follows from that.
func (v *visit) blind(err error) (reconcile.Result, error) {
	v.trouble(reasonVPSie, err)
	return reconcile.Result{}, err
}

// watch follows a machine from its order until it runs.
func (v *visit) watch(ctx context.Context, group *v1alpha1.NodeGroup, seen sighting) (reconcile.Result, error) {
	hw := v.hardware(group)
	if err := v.removeExtra(ctx, hw, &seen); err != nil {
		v.trouble(reasonVPSie, err)
	}
	late := v.m.Status.RequestedAt != nil && v.overdue(&v.m.Status.RequestedAt.Time, v.r.options.ProvisionTimeout)
	switch {
	case seen.machine != nil:
		v.r.absences.clear(v.m.UID)
		v.adopt(seen.machine)
		if seen.machine.running {
			return v.running(ctx, group, seen.machine)
		}
		v.set(v1alpha1.VPSReady, metav1.ConditionFalse, reasonNotRunning, "VPSie has the machine and it does not run yet")
	case seen.unclear != "":
		v.r.absences.clear(v.m.UID)
		v.m.Status.Message = brief(seen.unclear)
	case seen.stranger != "":
		v.fail(v1alpha1.ReasonRejected, seen.stranger)
		return reconcile.Result{}, nil
	default:
		return v.missing(ctx, group, seen, late)
	}
	if late {
		v.fail(v1alpha1.ReasonProvisionTimeout, fmt.Sprintf("the machine did not run within %v of its order", v.r.options.ProvisionTimeout))
	}
	return again(v.r.options.PollInterval)
}

// missing deals with a machine that is in none of VPSie's lists. An order that
// VPSie accepted is waited for; one that nobody knows of is repeated when the
// lists lack it for long enough.
func (v *visit) missing(ctx context.Context, group *v1alpha1.NodeGroup, seen sighting, late bool) (reconcile.Result, error) {
	absent := v.r.absences.note(v.m.UID, seen.at)
	switch {
	case late:
		v.fail(v1alpha1.ReasonProvisionTimeout, fmt.Sprintf("VPSie did not show the machine within %v of its order", v.r.options.ProvisionTimeout))
		return reconcile.Result{}, nil
	case v.m.Status.Reason == reasonOrdered || absent < v.r.options.SettleTime:
		return again(v.r.options.PollInterval)
	case group == nil || !group.DeletionTimestamp.IsZero():
		v.m.Status.RequestedAt = nil
		v.fail(v1alpha1.ReasonNodeGroupGone, fmt.Sprintf("NodeGroup %s is gone or being deleted", v.m.Spec.NodeGroup))
		return reconcile.Result{}, nil
	}
	v.r.absences.clear(v.m.UID)
	return v.buy(ctx, group)
}

// adopt takes over what VPSie says of the machine.
func (v *visit) adopt(found *machine) {
	status := &v.m.Status
	status.VPSID, status.IPAddress, status.Before = found.id, found.ip, nil
	if found.privateIP != "" {
		status.PrivateIPAddress = found.privateIP
	}
	if status.ClusterID != "" {
		status.NodeName = found.hostname
	} else {
		status.NodeName = v.m.Spec.Hostname
	}
}

// running finishes what VPSie has to do for a machine that runs.
func (v *visit) running(ctx context.Context, group *v1alpha1.NodeGroup, found *machine) (reconcile.Result, error) {
	v.set(v1alpha1.VPSReady, metav1.ConditionTrue, reasonRunning, "VPSie shows the machine as running")
	if group != nil && group.Spec.VPCID != 0 && v.m.Status.ClusterID == "" {
		attached, err := v.attach(ctx, group.Spec.VPCID, found)
		if err != nil {
			v.trouble(reasonVPSie, err)
			return reconcile.Result{}, err
		}
		if !attached {
			return again(v.r.options.PollInterval)
		}
	}
	v.fine()
	v.enter(v1alpha1.PhaseProvisioned, "", "the machine runs and has not joined yet")
	return again(v.r.options.PollInterval)
}
