package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// errNoTopology: the driver does not run on the node, or not yet.
var errNoTopology = errors.New("no CSI topology")

// provisioner answers claims with volumes that exist on paper.
type provisioner struct {
	client kubernetes.Interface
	// regions are where a volume can be that nobody waits for.
	regions []string
}

// Provision returns the volume of a claim: where the scheduler wants it, or
// anywhere the class allows. What cannot be provided is refused for good or, when
// the selected node is gone, left to the scheduler again.
func (p *provisioner) Provision(ctx context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if i := slices.IndexFunc(options.PVC.Spec.AccessModes, shared); i >= 0 {
		return nil, controller.ProvisioningFinished, fmt.Errorf("access mode %s: a volume is attached to one machine", options.PVC.Spec.AccessModes[i])
	}
	size, err := sizeOf(options.PVC)
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	region, err := p.region(ctx, options)
	switch {
	case apierrors.IsNotFound(err):
		return nil, controller.ProvisioningReschedule, err
	case err != nil:
		return nil, controller.ProvisioningFinished, err
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			AccessModes:                   options.PVC.Spec.AccessModes,
			VolumeMode:                    options.PVC.Spec.VolumeMode,
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			MountOptions:                  options.StorageClass.MountOptions,
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: DriverName, VolumeHandle: string(options.PVC.UID), FSType: "ext4",
			}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: TopologyKey, Operator: corev1.NodeSelectorOpIn, Values: []string{region}},
				}}},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete has no disk to delete.
func (p *provisioner) Delete(context.Context, *corev1.PersistentVolume) error { return nil }

// region is the datacenter of a claim's volume.
func (p *provisioner) region(ctx context.Context, options controller.ProvisionOptions) (string, error) {
	allowed := allowedRegions(options.StorageClass)
	if options.SelectedNodeName == "" {
		if allowed == nil {
			allowed = p.regions
		}
		if len(allowed) == 0 {
			return "", fmt.Errorf("StorageClass %s allows no %s", options.StorageClass.Name, TopologyKey)
		}
		// The same claim gets the same region, claims are spread over all.
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(options.PVC.Namespace + "/" + options.PVC.Name))
		return allowed[int(hash.Sum32()%uint32(len(allowed)))], nil
	}
	region, err := p.regionOfNode(ctx, options.SelectedNodeName)
	if err == nil && allowed != nil && !slices.Contains(allowed, region) {
		return "", fmt.Errorf("StorageClass %s does not allow %s %s of node %s",
			options.StorageClass.Name, TopologyKey, region, options.SelectedNodeName)
	}
	return region, err
}

// regionOfNode is found as the driver's sidecar finds it: the CSINode says which
// label counts.
func (p *provisioner) regionOfNode(ctx context.Context, name string) (string, error) {
	node, err := p.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("selected node: %w", err)
	}
	registered, err := p.client.StorageV1().CSINodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", fmt.Errorf("%w: node %s has no CSINode", errNoTopology, name)
	} else if err != nil {
		return "", fmt.Errorf("selected node: %w", err)
	}
	knowsKey := func(d storagev1.CSINodeDriver) bool {
		return d.Name == DriverName && slices.Contains(d.TopologyKeys, TopologyKey)
	}
	region := node.Labels[TopologyKey]
	if region == "" || !slices.ContainsFunc(registered.Spec.Drivers, knowsKey) {
		return "", fmt.Errorf("%w: %s is not registered on node %s", errNoTopology, DriverName, name)
	}
	return region, nil
}

// allowedRegions are those a class names; nil when it names none, and then every
// region will do.
func allowedRegions(class *storagev1.StorageClass) []string {
	var regions []string
	for _, term := range class.AllowedTopologies {
		for _, expression := range term.MatchLabelExpressions {
			if expression.Key == TopologyKey {
				regions = append(regions, expression.Values...)
			}
		}
	}
	return regions
}

// shared says that an access mode lets several machines use a volume.
func shared(mode corev1.PersistentVolumeAccessMode) bool {
	return mode == corev1.ReadWriteMany || mode == corev1.ReadOnlyMany
}

// sizeOf is what a claim gets: whole GiB, at least what it asks for.
func sizeOf(claim *corev1.PersistentVolumeClaim) (resource.Quantity, error) {
	asked := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if asked.Cmp(maxSize) > 0 {
		return resource.Quantity{}, fmt.Errorf("%s asked for, %s is the largest volume", asked.String(), maxSize.String())
	}
	gib := minSize.Value()
	sized := (asked.Value() + gib - 1) / gib * gib
	return *resource.NewQuantity(max(sized, gib), resource.BinarySI), nil
}
