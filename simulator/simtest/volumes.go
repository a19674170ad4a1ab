package simtest

import (
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// StorageClass provisions with a driver, once the first pod has its node.
func StorageClass(name, driver string, options ...func(*storagev1.StorageClass)) *storagev1.StorageClass {
	mode := storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: driver, VolumeBindingMode: &mode}
	for _, option := range options {
		option(class)
	}
	return class
}

// Immediately binds claims of the class before any pod asks.
func Immediately(class *storagev1.StorageClass) {
	mode := storagev1.VolumeBindingImmediate
	class.VolumeBindingMode = &mode
}

// PVC is an unbound claim of namespace default for 1Gi, ReadWriteOnce.
func PVC(name, class string, options ...func(*v1.PersistentVolumeClaim)) *v1.PersistentVolumeClaim {
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID("pvc/" + name)},
		Spec:       ClaimSpec(class),
		Status:     v1.PersistentVolumeClaimStatus{Phase: v1.ClaimPending},
	}
	for _, option := range options {
		option(claim)
	}
	return claim
}

// ClaimSpec asks a class for 1Gi, ReadWriteOnce.
func ClaimSpec(class string) v1.PersistentVolumeClaimSpec {
	return v1.PersistentVolumeClaimSpec{
		StorageClassName: &class,
		AccessModes:      []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
		Resources:        v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
	}
}

// Mode sets the access mode.
func Mode(mode v1.PersistentVolumeAccessMode) func(*v1.PersistentVolumeClaim) {
	return func(claim *v1.PersistentVolumeClaim) { claim.Spec.AccessModes = []v1.PersistentVolumeAccessMode{mode} }
}

// Size sets the size asked for.
func Size(size string) func(*v1.PersistentVolumeClaim) {
	return func(claim *v1.PersistentVolumeClaim) {
		claim.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse(size)
	}
}

// BoundTo binds the claim to a volume.
func BoundTo(volume string) func(*v1.PersistentVolumeClaim) {
	return func(claim *v1.PersistentVolumeClaim) {
		claim.Spec.VolumeName, claim.Status.Phase = volume, v1.ClaimBound
		metav1.SetMetaDataAnnotation(&claim.ObjectMeta, "pv.kubernetes.io/bind-completed", "yes")
	}
}

// PV is an available volume of size 1Gi that only nodes with the label value
// reach.
func PV(name, class, key, value string, options ...func(*v1.PersistentVolume)) *v1.PersistentVolume {
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PersistentVolumeSpec{
			Capacity:               v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:            []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			StorageClassName:       class,
			PersistentVolumeSource: v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: "/mnt/" + name}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: key, Operator: v1.NodeSelectorOpIn, Values: []string{value}}},
			}}}},
		},
		Status: v1.PersistentVolumeStatus{Phase: v1.VolumeAvailable},
	}
	for _, option := range options {
		option(volume)
	}
	return volume
}

// Mounts mounts a PersistentVolumeClaim.
func Mounts(claim string) func(*v1.Pod) {
	return volume(claim, v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim}})
}

// MountsEphemeral mounts a generic ephemeral volume of a class: the claim is
// called after pod and volume.
func MountsEphemeral(name, class string) func(*v1.Pod) {
	return volume(name, v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{
		VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{Spec: ClaimSpec(class)}}})
}

func volume(name string, source v1.VolumeSource) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: name, VolumeSource: source})
	}
}
