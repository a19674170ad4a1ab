package machine

import (
	"context"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// heartbeat renews the node's Lease, by which the control plane knows that it lives.
func (k *kubelet) heartbeat(ctx context.Context) {
	leases := k.client.CoordinationV1().Leases("kube-node-lease")
	var lease *coordinationv1.Lease
	for {
		var err error
		if lease == nil {
			lease, err = leases.Get(ctx, k.settings.name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				lease, err = leases.Create(ctx, k.lease(), metav1.CreateOptions{})
			}
		}
		if err == nil {
			renewed := lease.DeepCopy()
			renewed.Spec = k.lease().Spec
			lease, err = leases.Update(ctx, renewed, metav1.UpdateOptions{})
		}
		wait := k.config.Heartbeat
		if err != nil {
			// Somebody deleted or changed it, or nobody answers: begin anew, soon.
			lease = nil
			wait = min(wait, 2*k.config.RetryPeriod)
		}
		if k.pause(ctx, wait) != nil {
			return
		}
	}
}

func (k *kubelet) lease() *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name: k.settings.name, Namespace: "kube-node-lease",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: k.settings.name, UID: k.uid}},
		},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity:       ptr.To(k.settings.name),
			LeaseDurationSeconds: ptr.To[int32](40),
			RenewTime:            ptr.To(metav1.NewMicroTime(k.config.Clock.Now())),
		},
	}
}
