package machine

import (
	"context"
	"encoding/json"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// initialiseCSINode makes the node's CSINode, without drivers, as a kubelet does
// when it starts.
func (k *kubelet) initialiseCSINode(ctx context.Context) error {
	_, err := k.client.StorageV1().CSINodes().Create(ctx, &storagev1.CSINode{
		ObjectMeta: metav1.ObjectMeta{
			Name:            k.settings.name,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: k.settings.name, UID: k.uid}},
		},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// registerCSI is what happens when the driver's plugin comes up: its topology
// becomes a label of the Node, then it is entered in the CSINode.
func (k *kubelet) registerCSI(ctx context.Context) error {
	csi := k.config.CSI
	labels, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"labels": map[string]string{csi.TopologyKey: k.machine.Datacenter.ID}},
	})
	if err != nil {
		return err
	}
	if _, err := k.client.CoreV1().Nodes().Patch(ctx, k.settings.name, types.StrategicMergePatchType, labels, metav1.PatchOptions{}); err != nil {
		return err
	}
	if err := k.initialiseCSINode(ctx); err != nil {
		return err
	}
	own, err := k.client.StorageV1().CSINodes().Get(ctx, k.settings.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	own.Spec.Drivers = []storagev1.CSINodeDriver{{
		Name: csi.Driver, NodeID: k.machine.Identifier, TopologyKeys: []string{csi.TopologyKey},
		Allocatable: &storagev1.VolumeNodeResources{Count: ptr.To(csi.Volumes)},
	}}
	_, err = k.client.StorageV1().CSINodes().Update(ctx, own, metav1.UpdateOptions{})
	return err
}
