package storage

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// What VPSie's CSI driver says of itself.
const (
	// DriverName is that of the CSIDriver and of the StorageClasses' provisioner.
	DriverName = "vpsie.csi.vpsie.com"
	// TopologyKey is the label whose value, a datacenter's identifier, volumes and
	// the nodes they can be attached to have in common.
	TopologyKey = "region"
	// VolumesPerNode is how many volumes a machine can have attached.
	VolumesPerNode = 7
)

// Names of the StorageClasses.
const (
	// ClassBlock makes a volume where the first pod that needs it goes. It is the
	// default, as it must be where pods decide what is bought.
	ClassBlock = "vpsie-block"
	// ClassFast and ClassSlow are those that VPSie's own manifests bring. They make
	// a volume at once, wherever that is.
	ClassFast = "vpsie-fast-block-storage"
	ClassSlow = "vpsie-slow-block-storage"
)

// Sizes of volumes, in bytes.
var (
	minSize = resource.MustParse("1Gi")
	maxSize = resource.MustParse("16Ti")
)

// Install creates the CSIDriver and the StorageClasses, unless they are there.
func Install(ctx context.Context, client kubernetes.Interface) error {
	yes, no := true, false
	_, err := client.StorageV1().CSIDrivers().Create(ctx, &storagev1.CSIDriver{
		ObjectMeta: metav1.ObjectMeta{Name: DriverName},
		Spec: storagev1.CSIDriverSpec{
			AttachRequired:       &yes,
			PodInfoOnMount:       &no,
			VolumeLifecycleModes: []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent},
		},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating the CSIDriver: %w", err)
	}
	for _, class := range classes() {
		_, err := client.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating StorageClass %s: %w", class.Name, err)
		}
	}
	return nil
}

func classes() []*storagev1.StorageClass {
	class := func(name, kind string, binding storagev1.VolumeBindingMode) *storagev1.StorageClass {
		reclaim, expand := corev1.PersistentVolumeReclaimDelete, true
		class := &storagev1.StorageClass{
			ObjectMeta:           metav1.ObjectMeta{Name: name},
			Provisioner:          DriverName,
			ReclaimPolicy:        &reclaim,
			AllowVolumeExpansion: &expand,
			VolumeBindingMode:    &binding,
		}
		if kind != "" {
			class.Parameters = map[string]string{"type": kind}
		}
		return class
	}
	block := class(ClassBlock, "", storagev1.VolumeBindingWaitForFirstConsumer)
	block.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	return []*storagev1.StorageClass{
		block,
		class(ClassFast, "ssd", storagev1.VolumeBindingImmediate),
		class(ClassSlow, "sata", storagev1.VolumeBindingImmediate),
	}
}

// RegisterNode does for a node without a kubelet what a kubelet does when the
// driver starts on it: labels the Node with its region, the identifier of a
// datacenter, and writes its CSINode.
func RegisterNode(ctx context.Context, client kubernetes.Interface, name, region string) error {
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, TopologyKey, region)
	node, err := client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("labelling node %s: %w", name, err)
	}
	volumes := int32(VolumesPerNode)
	_, err = client.StorageV1().CSINodes().Create(ctx, &storagev1.CSINode{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: node.UID}},
		},
		Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{
			Name:         DriverName,
			NodeID:       name,
			TopologyKeys: []string{TopologyKey},
			Allocatable:  &storagev1.VolumeNodeResources{Count: &volumes},
		}}},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating the CSINode of %s: %w", name, err)
	}
	return nil
}
