package vpsienode

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// detachKey is the key of the time since when volumes are being detached.
func detachKey(m *v1alpha1.VPSieNode) types.UID { return m.UID + "/detach" }

// detached waits until the drained node's volumes are off it: what becomes of
// a volume whose machine is deleted, VPSie says nowhere. A kubelet that does not
// report lets go of nothing, and DaemonSet pods keep theirs, so there is an end
// to waiting.
func (v *visit) detached(ctx context.Context, node *corev1.Node) (bool, error) {
	if !isReady(node) {
		return true, nil
	}
	list := &storagev1.VolumeAttachmentList{}
	if err := v.r.options.Client.List(ctx, list); err != nil {
		return false, fmt.Errorf("listing VolumeAttachments: %w", err)
	}
	var left []string
	for i := range list.Items {
		if a := &list.Items[i]; a.Spec.NodeName == node.Name && a.Spec.Source.PersistentVolumeName != nil {
			left = append(left, *a.Spec.Source.PersistentVolumeName)
		}
	}
	if len(left) == 0 {
		v.r.absences.clear(detachKey(v.m))
		return true, nil
	}
	if v.r.absences.note(detachKey(v.m), v.now) < v.r.options.DetachTimeout {
		v.m.Status.Message = brief(fmt.Sprintf("waiting for %d volumes to be detached, %s among them", len(left), left[0]))
		return false, nil
	}
	v.r.absences.clear(detachKey(v.m))
	v.event(corev1.EventTypeWarning, reasonDetachTimeout, "Drain", fmt.Sprintf(
		"%d volumes were still attached to Node %s after %v, %s among them; it is deleted all the same", len(left), node.Name, v.r.options.DetachTimeout, left[0]))
	return true, nil
}
