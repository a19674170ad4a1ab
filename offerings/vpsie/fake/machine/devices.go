package machine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// publishDevices creates a ResourceSlice for each extended resource of the
// machine, as the vendors' drivers for dynamic resource allocation do:
// nvidia.com/gpu becomes devices gpu-0, gpu-1 … of the driver gpu.nvidia.com.
func (k *kubelet) publishDevices(ctx context.Context) error {
	extended := k.config.Offers(k.machine).Extended
	for _, name := range slices.Sorted(maps.Keys(extended)) {
		domain, kind, qualified := strings.Cut(name, "/")
		if !qualified {
			continue
		}
		driver := kind + "." + domain
		slice := &resourcev1.ResourceSlice{
			ObjectMeta: metav1.ObjectMeta{
				Name:            k.settings.name + "-" + driver,
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: k.settings.name, UID: k.uid}},
			},
			Spec: resourcev1.ResourceSliceSpec{
				Driver: driver, NodeName: &k.settings.name,
				Pool: resourcev1.ResourcePool{Name: k.settings.name, Generation: 1, ResourceSliceCount: 1},
			},
		}
		for i := range extended[name] {
			slice.Spec.Devices = append(slice.Spec.Devices, resourcev1.Device{Name: fmt.Sprintf("%s-%d", kind, i)})
		}
		if _, err := k.client.ResourceV1().ResourceSlices().Create(ctx, slice, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}
