package input

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// object is what every API type is.
type object interface {
	runtime.Object
	metav1.Object
}

// kind is one that is decoded; every other kind is counted and skipped.
type kind struct {
	gvk        schema.GroupVersionKind
	namespaced bool
	// files are the names that a workload directory may give to an array of it;
	// none for what exists only to make pods, because pods.json holds them all.
	files []string
	new   func() object
}

func (k *kind) apiVersion() string { return k.gvk.GroupVersion().String() }

var podKind = &kind{v1.SchemeGroupVersion.WithKind("Pod"), true, []string{"pods"}, func() object { return &v1.Pod{} }}

// kinds in the order in which a workload directory is read.
var kinds = []*kind{
	podKind,
	{v1.SchemeGroupVersion.WithKind("Node"), false, []string{"nodes"}, func() object { return &v1.Node{} }},
	{v1.SchemeGroupVersion.WithKind("Namespace"), false, []string{"namespaces"}, func() object { return &v1.Namespace{} }},
	{v1.SchemeGroupVersion.WithKind("ReplicationController"), true, []string{"replicationcontrollers"}, func() object { return &v1.ReplicationController{} }},
	{v1.SchemeGroupVersion.WithKind("Service"), true, []string{"services"}, func() object { return &v1.Service{} }},
	{v1.SchemeGroupVersion.WithKind("PersistentVolume"), false, []string{"pvs", "persistentvolumes"}, func() object { return &v1.PersistentVolume{} }},
	{v1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), true, []string{"pvcs", "persistentvolumeclaims"}, func() object { return &v1.PersistentVolumeClaim{} }},

	{appsv1.SchemeGroupVersion.WithKind("Deployment"), true, nil, func() object { return &appsv1.Deployment{} }},
	{appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), true, []string{"replicasets"}, func() object { return &appsv1.ReplicaSet{} }},
	{appsv1.SchemeGroupVersion.WithKind("StatefulSet"), true, []string{"statefulsets"}, func() object { return &appsv1.StatefulSet{} }},
	{appsv1.SchemeGroupVersion.WithKind("DaemonSet"), true, []string{"daemonsets"}, func() object { return &appsv1.DaemonSet{} }},
	{batchv1.SchemeGroupVersion.WithKind("Job"), true, nil, func() object { return &batchv1.Job{} }},
	{batchv1.SchemeGroupVersion.WithKind("CronJob"), true, nil, func() object { return &batchv1.CronJob{} }},

	{storagev1.SchemeGroupVersion.WithKind("StorageClass"), false, []string{"storageclasses"}, func() object { return &storagev1.StorageClass{} }},
	{storagev1.SchemeGroupVersion.WithKind("CSINode"), false, []string{"csinodes"}, func() object { return &storagev1.CSINode{} }},
	{storagev1.SchemeGroupVersion.WithKind("CSIDriver"), false, []string{"csidrivers"}, func() object { return &storagev1.CSIDriver{} }},
	{storagev1.SchemeGroupVersion.WithKind("CSIStorageCapacity"), true, []string{"csistoragecapacities"}, func() object { return &storagev1.CSIStorageCapacity{} }},
	{storagev1.SchemeGroupVersion.WithKind("VolumeAttachment"), false, []string{"volumeattachments"}, func() object { return &storagev1.VolumeAttachment{} }},

	{resourcev1.SchemeGroupVersion.WithKind("ResourceSlice"), false, []string{"resourceslices"}, func() object { return &resourcev1.ResourceSlice{} }},
	{resourcev1.SchemeGroupVersion.WithKind("ResourceClaim"), true, []string{"resourceclaims"}, func() object { return &resourcev1.ResourceClaim{} }},
	{resourcev1.SchemeGroupVersion.WithKind("ResourceClaimTemplate"), true, []string{"resourceclaimtemplates"}, func() object { return &resourcev1.ResourceClaimTemplate{} }},
	{resourcev1.SchemeGroupVersion.WithKind("DeviceClass"), false, []string{"deviceclasses"}, func() object { return &resourcev1.DeviceClass{} }},
	{resourcev1.SchemeGroupVersion.WithKind("DeviceTaintRule"), false, []string{"devicetaintrules"}, func() object { return &resourcev1.DeviceTaintRule{} }},

	{schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"), false, []string{"priorityclasses"}, func() object { return &schedulingv1.PriorityClass{} }},
	{schedulingv1beta1.SchemeGroupVersion.WithKind("PodGroup"), true, []string{"podgroups"}, func() object { return &schedulingv1beta1.PodGroup{} }},
	{policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"), true, []string{"pdbs", "poddisruptionbudgets"}, func() object { return &policyv1.PodDisruptionBudget{} }},
}

var kindOf = func() map[schema.GroupKind]*kind {
	byKind := make(map[schema.GroupKind]*kind, len(kinds))
	for _, k := range kinds {
		byKind[k.gvk.GroupKind()] = k
	}
	// Where these kinds lived before apps/v1.
	for _, name := range []string{"Deployment", "ReplicaSet", "DaemonSet"} {
		byKind[schema.GroupKind{Group: "extensions", Kind: name}] = byKind[schema.GroupKind{Group: "apps", Kind: name}]
	}
	return byKind
}()
