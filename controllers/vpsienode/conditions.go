package vpsienode

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// Reasons of conditions and of phases that nobody else acts on.
const (
	reasonOrdered       = "Ordered"
	reasonOrderUnclear  = "OrderUnclear"
	reasonWaiting       = "Waiting"
	reasonRunning       = "Running"
	reasonNotRunning    = "NotRunning"
	reasonGone          = "Gone"
	reasonJoined        = "Joined"
	reasonNoNode        = "NoNode"
	reasonForeignNode   = "ForeignNode"
	reasonComplete      = "Complete"
	reasonDeleted       = "Deleted"
	reasonDraining      = "Draining"
	reasonDrainFailed   = "DrainFailed"
	reasonDrainTimeout  = "DrainTimeout"
	reasonDetachTimeout = "DetachTimeout"
	reasonAPIServer     = "APIServer"
	reasonVPSie         = "VPSie"
	reasonCatalog       = "Catalog"
	reasonDuplicate     = "Duplicate"
	reasonSmaller       = "SmallerThanPlanned"
)

// messageLimit is the API's for a status; conditions may be longer, and need not be.
const messageLimit = 1024

func brief(message string) string {
	message = strings.ToValidUTF8(message, "?")
	if len(message) > messageLimit {
		message = strings.ToValidUTF8(message[:messageLimit-3], "") + "..."
	}
	return message
}

// set sets a condition.
func (v *visit) set(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&v.m.Status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: brief(message),
		ObservedGeneration: v.m.Generation,
		LastTransitionTime: metav1.NewTime(v.now),
	})
}

// trouble records that a step failed and will be tried again.
func (v *visit) trouble(reason string, err error) {
	if kind := vpsie.KindOf(err); kind != "" {
		reason = string(kind)
	}
	v.set(v1alpha1.VPSieNodeError, metav1.ConditionTrue, reason, err.Error())
}

// fine takes the record of a failed step back.
func (v *visit) fine() {
	meta.RemoveStatusCondition(&v.m.Status.Conditions, v1alpha1.VPSieNodeError)
}

// enter moves the machine to a phase.
func (v *visit) enter(phase v1alpha1.VPSieNodePhase, reason, message string) {
	v.m.Status.Phase, v.m.Status.Reason, v.m.Status.Message = phase, reason, brief(message)
	now := metav1.NewTime(v.now)
	switch phase {
	case v1alpha1.PhaseProvisioned:
		v.m.Status.ProvisionedAt = &now
	case v1alpha1.PhaseJoining:
		v.m.Status.JoinedAt = &now
	case v1alpha1.PhaseReady:
		v.m.Status.ReadyAt = &now
	case v1alpha1.PhaseTerminating:
		v.m.Status.TerminatingAt = &now
	case v1alpha1.PhaseDeleting:
		v.m.Status.DeletingAt = &now
	case v1alpha1.PhaseFailed:
		v.m.Status.FailedAt = &now
	}
}

// fail ends the machine's way; what there is of it will be given back.
func (v *visit) fail(reason, message string) {
	v.enter(v1alpha1.PhaseFailed, reason, message)
	v.set(v1alpha1.NodeReady, metav1.ConditionFalse, reason, message)
	v.fine()
	v.r.metrics.failures.WithLabelValues(reason).Inc()
	v.event(corev1.EventTypeWarning, reason, "Fail", message)
}

// event tells the user about the machine.
func (v *visit) event(kind, reason, action, message string) {
	v.r.options.Recorder.Eventf(v.m, nil, kind, reason, action, "%s", brief(message))
}
