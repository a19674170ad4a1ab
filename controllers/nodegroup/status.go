package nodegroup

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

const (
	// listedNodes is how many machines a status lists.
	listedNodes = 500
	// longestMessage of a condition of ours.
	longestMessage = 1024
)

// observed is what a NodeGroup's status is made from.
type observed struct {
	// machines are the group's VPSieNodes.
	machines []v1alpha1.VPSieNode
	// ready says whether the Node of this name is ready.
	ready   func(node string) bool
	verdict verdict
	now     time.Time
}

// tally is the group's machines in numbers.
type tally struct {
	desired, current, ready int32
	coming, going           int32
	price                   *big.Rat
	// failed, troubled and stuck are the first by name that failed, whose last
	// step failed, and that VPSie refuses to delete; nil for none.
	failed, troubled, stuck *v1alpha1.VPSieNode
	up, down                metav1.Time
}

func count(o observed) tally {
	t := tally{price: new(big.Rat)}
	for i := range o.machines {
		m := &o.machines[i]
		switch {
		case m.DeletionTimestamp != nil, m.Status.Phase == v1alpha1.PhaseTerminating, m.Status.Phase == v1alpha1.PhaseDeleting:
			t.going++
		case m.Status.Phase == v1alpha1.PhaseFailed:
			t.failed = cmp.Or(t.failed, m)
		default:
			t.desired++
			if m.Status.Phase != v1alpha1.PhaseReady {
				t.coming++
			} else if o.ready(m.Spec.Hostname) {
				t.ready++
			}
		}
		if exists(m) {
			t.current++
			if price, ok := new(big.Rat).SetString(m.Spec.PricePerHour); ok {
				t.price.Add(t.price, price)
			}
		}
		if meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.CannotDelete) {
			t.stuck = cmp.Or(t.stuck, m)
		} else if meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.VPSieNodeError) {
			t.troubled = cmp.Or(t.troubled, m)
		}
		t.up = later(t.up, m.Status.RequestedAt)
		t.down = later(t.down, m.Status.DeletingAt)
	}
	return t
}

// exists says that VPSie has the machine or may have it: it was ordered, and
// nothing shows that the order failed.
func exists(m *v1alpha1.VPSieNode) bool {
	if m.Status.Phase == v1alpha1.PhaseFailed {
		return m.Status.VPSID != ""
	}
	return m.Status.RequestedAt != nil || m.Status.VPSID != ""
}

func later(a metav1.Time, b *metav1.Time) metav1.Time {
	if b != nil && b.After(a.Time) {
		return *b
	}
	return a
}

// statusOf is the group's status now. Times of scaling only move forward: the
// machines that they come from may be gone.
func statusOf(group *v1alpha1.NodeGroup, o observed) (v1alpha1.NodeGroupStatus, tally) {
	o.machines = slices.Clone(o.machines)
	slices.SortFunc(o.machines, func(a, b v1alpha1.VPSieNode) int { return cmp.Compare(a.Name, b.Name) })
	t := count(o)
	before := group.Status.DeepCopy()
	status := v1alpha1.NodeGroupStatus{
		ObservedGeneration: group.Generation,
		DesiredNodes:       t.desired,
		CurrentNodes:       t.current,
		ReadyNodes:         t.ready,
		PricePerHour:       t.price.FloatString(4),
		LastScaleUpTime:    set(later(t.up, before.LastScaleUpTime)),
		LastScaleDownTime:  set(later(t.down, before.LastScaleDownTime)),
		Conditions:         before.Conditions,
	}
	status.LastScaleTime = status.LastScaleDownTime
	if status.LastScaleUpTime != nil {
		status.LastScaleTime = set(later(*status.LastScaleUpTime, status.LastScaleDownTime))
	}
	for i := range o.machines[:min(len(o.machines), listedNodes)] {
		m := &o.machines[i]
		status.Nodes = append(status.Nodes, v1alpha1.NodeGroupNode{
			Name: m.Name, Phase: cmp.Or(m.Status.Phase, v1alpha1.PhasePending),
			Offering: m.Spec.Offering, Datacenter: m.Spec.Datacenter,
		})
	}
	for _, condition := range conditions(group, t, o.verdict) {
		condition.ObservedGeneration = group.Generation
		condition.LastTransitionTime = metav1.NewTime(o.now)
		condition.Message = cut(condition.Message)
		meta.SetStatusCondition(&status.Conditions, condition)
	}
	return status, t
}

func set(t metav1.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// cut keeps a message within what a condition may say.
func cut(message string) string {
	if len(message) <= longestMessage {
		return message
	}
	end := longestMessage - len("…")
	for end > 0 && message[end]&0xC0 == 0x80 { // not in the middle of a character
		end--
	}
	return message[:end] + "…"
}

func conditions(group *v1alpha1.NodeGroup, t tally, v verdict) []metav1.Condition {
	return []metav1.Condition{
		{Type: v1alpha1.NodeGroupValid, Status: v.status, Reason: v.reason, Message: v.message},
		ready(group, t, v),
		scaling(t),
		trouble(t, v),
		is(v1alpha1.NodeGroupAtMinCapacity, t.desired <= group.Spec.MinNodes, "AtMinimum", "AboveMinimum",
			fmt.Sprintf("%d machines, minNodes is %d", t.desired, group.Spec.MinNodes)),
		is(v1alpha1.NodeGroupAtMaxCapacity, t.desired >= group.Spec.MaxNodes, "AtMaximum", "BelowMaximum",
			fmt.Sprintf("%d machines, maxNodes is %d", t.desired, group.Spec.MaxNodes)),
		cannotDelete(t),
	}
}

// is makes a condition that is True or False with a reason for each.
func is(conditionType string, holds bool, yes, no, message string) metav1.Condition {
	if holds {
		return metav1.Condition{Type: conditionType, Status: metav1.ConditionTrue, Reason: yes, Message: message}
	}
	return metav1.Condition{Type: conditionType, Status: metav1.ConditionFalse, Reason: no, Message: message}
}

func ready(group *v1alpha1.NodeGroup, t tally, v verdict) metav1.Condition {
	nodes := fmt.Sprintf("%d of %d machines are ready nodes", t.ready, t.desired)
	c := metav1.Condition{Type: v1alpha1.NodeGroupReady, Status: metav1.ConditionFalse, Message: nodes}
	switch {
	case group.DeletionTimestamp != nil:
		c.Reason, c.Message = "Deleting", fmt.Sprintf("waiting for %d machines to be gone", t.going)
	case v.status == metav1.ConditionFalse:
		c.Reason, c.Message = v.reason, v.message
	case v.status == metav1.ConditionUnknown:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v.reason, v.message
	case t.ready < t.desired:
		c.Reason = "NodesNotReady"
	case t.desired < group.Spec.MinNodes && !group.Spec.Paused:
		c.Reason, c.Message = "BelowMinimum", fmt.Sprintf("%d machines, minNodes is %d", t.desired, group.Spec.MinNodes)
	case group.Spec.Paused:
		c.Status, c.Reason = metav1.ConditionTrue, "Paused"
	default:
		c.Status, c.Reason = metav1.ConditionTrue, "Ready"
	}
	return c
}

func scaling(t tally) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.NodeGroupScaling, Status: metav1.ConditionTrue}
	switch {
	case t.coming > 0 && t.going > 0:
		c.Reason, c.Message = "Replacing", fmt.Sprintf("%d machines are coming, %d are going", t.coming, t.going)
	case t.coming > 0:
		c.Reason, c.Message = "ScalingUp", fmt.Sprintf("%d machines are coming", t.coming)
	case t.going > 0:
		c.Reason, c.Message = "ScalingDown", fmt.Sprintf("%d machines are going", t.going)
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "Steady", "no machine is coming or going"
	}
	return c
}

func trouble(t tally, v verdict) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.NodeGroupError, Status: metav1.ConditionTrue}
	about := func(m *v1alpha1.VPSieNode, reason, message string) {
		c.Reason, c.Message = reason, fmt.Sprintf("VPSieNode %s: %s", m.Name, cmp.Or(message, reason))
	}
	switch {
	case v.status == metav1.ConditionFalse:
		c.Reason, c.Message = v.reason, v.message
	case t.stuck != nil:
		about(t.stuck, v1alpha1.CannotDelete, conditionMessage(t.stuck, v1alpha1.CannotDelete))
	case t.failed != nil:
		about(t.failed, cmp.Or(t.failed.Status.Reason, "MachineFailed"), t.failed.Status.Message)
	case t.troubled != nil:
		about(t.troubled, "MachineError", conditionMessage(t.troubled, v1alpha1.VPSieNodeError))
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "NoError", "nothing is known to be wrong"
	}
	return c
}

func conditionMessage(m *v1alpha1.VPSieNode, conditionType string) string {
	return meta.FindStatusCondition(m.Status.Conditions, conditionType).Message
}

func cannotDelete(t tally) metav1.Condition {
	if t.stuck == nil {
		return metav1.Condition{
			Type: v1alpha1.NodeGroupCannotDelete, Status: metav1.ConditionFalse, Reason: "NothingRefused", Message: "VPSie refuses no deletion",
		}
	}
	return metav1.Condition{
		Type: v1alpha1.NodeGroupCannotDelete, Status: metav1.ConditionTrue, Reason: "DeletionRefused",
		Message: fmt.Sprintf("VPSieNode %s: %s", t.stuck.Name, conditionMessage(t.stuck, v1alpha1.CannotDelete)),
	}
}

// isReady says whether a Node is ready.
func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
