package snapshot

import (
	"fmt"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/component-helpers/storage/volume"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// everything keeps all fields of a type; its parts need rows of their own.
const everything = "*"

// kept lists the fields that planning reads, type by type. Of a struct type that
// has no row nothing is kept; a pointer to one stays, as a mark that something
// was there (the kind of a volume).
var kept = rows{}.
	row(metav1.ObjectMeta{}, "Name", "Namespace", "UID", "CreationTimestamp", "DeletionTimestamp", "Labels", "Annotations", "OwnerReferences").
	row(metav1.OwnerReference{}, "APIVersion", "Kind", "Name", "UID", "Controller").
	row(metav1.LabelSelector{}, everything).
	row(metav1.LabelSelectorRequirement{}, everything).
	row(metav1.Condition{}, "Type", "Status").

	// Nodes. Without providerID, addresses, system info and conditions: what keeps
	// pods away is in the taints.
	row(v1.Node{}, "ObjectMeta", "Spec", "Status").
	row(v1.NodeSpec{}, "Unschedulable", "Taints", "PodPreemptionPolicy").
	row(v1.NodePodPreemptionPolicy{}, everything).
	row(v1.Taint{}, "Key", "Value", "Effect").
	row(v1.NodeStatus{}, "Capacity", "Allocatable", "Images", "DeclaredFeatures").
	row(v1.ContainerImage{}, everything).
	row(v1.Namespace{}, "ObjectMeta").

	// Pods.
	row(v1.Pod{}, "ObjectMeta", "Spec", "Status").
	row(v1.PodSpec{},
		"Volumes", "InitContainers", "Containers", "NodeSelector", "NodeName", "HostNetwork", "HostUsers", "Affinity", "SchedulerName",
		"Tolerations", "PriorityClassName", "Priority", "PreemptionPolicy", "Overhead", "TopologySpreadConstraints", "OS",
		"SchedulingGates", "ResourceClaims", "Resources", "SchedulingGroup").
	row(v1.Container{}, "Name", "Image", "Ports", "Resources", "RestartPolicy", "RestartPolicyRules", "VolumeMounts").
	row(v1.ContainerPort{}, "HostPort", "ContainerPort", "Protocol", "HostIP").
	row(v1.ResourceRequirements{}, "Requests", "Limits").
	row(v1.ContainerRestartRule{}, "Action").
	row(v1.VolumeMount{}, "Name", "BindMountOptions").
	row(v1.Affinity{}, everything).
	row(v1.NodeAffinity{}, everything).
	row(v1.NodeSelector{}, everything).
	row(v1.NodeSelectorTerm{}, everything).
	row(v1.NodeSelectorRequirement{}, everything).
	row(v1.PreferredSchedulingTerm{}, everything).
	row(v1.PodAffinity{}, everything).
	row(v1.PodAntiAffinity{}, everything).
	row(v1.PodAffinityTerm{}, everything).
	row(v1.WeightedPodAffinityTerm{}, everything).
	row(v1.Toleration{}, everything).
	row(v1.TopologySpreadConstraint{}, everything).
	row(v1.PodOS{}, everything).
	row(v1.PodSchedulingGate{}, everything).
	row(v1.PodResourceClaim{}, everything).
	row(v1.PodSchedulingGroup{}, everything).
	// Resized pods take up what their status says.
	row(v1.PodStatus{},
		"Phase", "Conditions", "NominatedNodeName", "ContainerStatuses", "InitContainerStatuses", "AllocatedResources", "Resources",
		"ResourceClaimStatuses", "ExtendedResourceClaimStatus", "NodeAllocatableResourceClaimStatuses").
	row(v1.PodCondition{}, "Type", "Status", "Reason").
	row(v1.ContainerStatus{}, "Name", "AllocatedResources", "Resources").
	row(v1.PodResourceClaimStatus{}, everything).
	row(v1.PodExtendedResourceClaimStatus{}, everything).
	row(v1.ContainerExtendedResourceRequest{}, everything).
	row(v1.NodeAllocatableResourceClaimStatus{}, everything).
	row(v1.NodeAllocatableMappedResources{}, everything).
	row(v1.NodeAllocatableOverheadResources{}, everything).

	// Volumes in pods: their kind, and the identity of what can be mounted only so often.
	row(v1.Volume{}, everything).
	row(v1.VolumeSource{}, everything).
	row(v1.PersistentVolumeClaimVolumeSource{}, everything).
	row(v1.EphemeralVolumeSource{}, everything).
	row(v1.PersistentVolumeClaimTemplate{}, everything).
	row(v1.GCEPersistentDiskVolumeSource{}, "PDName", "ReadOnly").
	row(v1.AWSElasticBlockStoreVolumeSource{}, "VolumeID", "ReadOnly").
	row(v1.AzureDiskVolumeSource{}, "DiskName", "DataDiskURI").
	row(v1.CinderVolumeSource{}, "VolumeID").
	row(v1.VsphereVirtualDiskVolumeSource{}, "VolumePath").
	row(v1.PortworxVolumeSource{}, "VolumeID").
	row(v1.ISCSIVolumeSource{}, "IQN", "ReadOnly").
	row(v1.RBDVolumeSource{}, "CephMonitors", "RBDPool", "RBDImage", "ReadOnly").

	// Owners and what spreads pods by default.
	row(appsv1.DaemonSet{}, "ObjectMeta", "Spec").
	row(appsv1.DaemonSetSpec{}, "Selector", "Template").
	row(v1.PodTemplateSpec{}, everything).
	row(appsv1.ReplicaSet{}, "ObjectMeta", "Spec").
	row(appsv1.ReplicaSetSpec{}, "Selector").
	row(appsv1.StatefulSet{}, "ObjectMeta", "Spec").
	row(appsv1.StatefulSetSpec{}, "Selector").
	row(v1.ReplicationController{}, "ObjectMeta", "Spec").
	row(v1.ReplicationControllerSpec{}, "Selector").
	row(v1.Service{}, "ObjectMeta", "Spec").
	row(v1.ServiceSpec{}, "Selector").

	// Storage.
	row(v1.PersistentVolume{}, "ObjectMeta", "Spec", "Status").
	row(v1.PersistentVolumeSpec{},
		"Capacity", "PersistentVolumeSource", "AccessModes", "ClaimRef", "StorageClassName", "VolumeMode", "NodeAffinity", "VolumeAttributesClassName").
	row(v1.PersistentVolumeSource{}, everything).
	row(v1.CSIPersistentVolumeSource{}, "Driver", "VolumeHandle").
	row(v1.CinderPersistentVolumeSource{}, "VolumeID").
	row(v1.ObjectReference{}, "Kind", "APIVersion", "Namespace", "Name", "UID").
	row(v1.VolumeNodeAffinity{}, everything).
	row(v1.PersistentVolumeStatus{}, "Phase").
	row(v1.PersistentVolumeClaim{}, "ObjectMeta", "Spec", "Status").
	row(v1.PersistentVolumeClaimSpec{},
		"AccessModes", "Selector", "Resources", "VolumeName", "StorageClassName", "VolumeMode", "VolumeAttributesClassName").
	row(v1.VolumeResourceRequirements{}, "Requests").
	row(v1.PersistentVolumeClaimStatus{}, "Phase").
	row(storagev1.StorageClass{}, "ObjectMeta", "Provisioner", "VolumeBindingMode", "AllowedTopologies").
	row(v1.TopologySelectorTerm{}, everything).
	row(v1.TopologySelectorLabelRequirement{}, everything).
	row(storagev1.CSINode{}, "ObjectMeta", "Spec").
	row(storagev1.CSINodeSpec{}, everything).
	row(storagev1.CSINodeDriver{}, "Name", "TopologyKeys", "Allocatable").
	row(storagev1.VolumeNodeResources{}, everything).
	row(storagev1.CSIDriver{}, "ObjectMeta", "Spec").
	row(storagev1.CSIDriverSpec{}, "StorageCapacity", "PreventPodSchedulingIfMissing").
	row(storagev1.CSIStorageCapacity{}, "ObjectMeta", "NodeTopology", "StorageClassName", "Capacity", "MaximumVolumeSize").
	row(storagev1.VolumeAttachment{}, "ObjectMeta", "Spec").
	row(storagev1.VolumeAttachmentSpec{}, everything).
	row(storagev1.VolumeAttachmentSource{}, "PersistentVolumeName").

	// Devices. Configuration for drivers (config) is opaque and may hold anything.
	row(resourcev1.ResourceSlice{}, "ObjectMeta", "Spec").
	row(resourcev1.ResourceSliceSpec{}, everything).
	row(resourcev1.ResourcePool{}, everything).
	row(resourcev1.Device{}, everything).
	row(resourcev1.DeviceAttribute{}, everything).
	row(resourcev1.DeviceCapacity{}, everything).
	row(resourcev1.CapacityRequestPolicy{}, everything).
	row(resourcev1.CapacityRequestPolicyRange{}, everything).
	row(resourcev1.DeviceCounterConsumption{}, everything).
	row(resourcev1.CounterSet{}, everything).
	row(resourcev1.Counter{}, everything).
	row(resourcev1.DeviceTaint{}, "Key", "Value", "Effect").
	row(resourcev1.NodeAllocatableResource{}, everything).
	row(resourcev1.NodeAllocatableMapping{}, everything).
	row(resourcev1.NodeAllocatableOverhead{}, everything).
	row(resourcev1.ResourceClaim{}, "ObjectMeta", "Spec", "Status").
	row(resourcev1.ResourceClaimSpec{}, everything).
	row(resourcev1.DeviceClaim{}, "Requests", "Constraints").
	row(resourcev1.DeviceRequest{}, everything).
	row(resourcev1.ExactDeviceRequest{}, everything).
	row(resourcev1.DeviceSubRequest{}, everything).
	row(resourcev1.DeviceSelector{}, everything).
	row(resourcev1.CELDeviceSelector{}, everything).
	row(resourcev1.DeviceDerivedAttribute{}, everything).
	row(resourcev1.DeviceToleration{}, everything).
	row(resourcev1.CapacityRequirements{}, everything).
	row(resourcev1.DeviceConstraint{}, everything).
	row(resourcev1.ResourceClaimStatus{}, "Allocation", "ReservedFor", "Devices").
	row(resourcev1.AllocationResult{}, everything).
	row(resourcev1.DeviceAllocationResult{}, "Results").
	row(resourcev1.DeviceRequestAllocationResult{}, everything).
	row(resourcev1.ResourceClaimConsumerReference{}, everything).
	row(resourcev1.AllocatedDeviceStatus{}, "Driver", "Pool", "Device", "ShareID", "Conditions").
	row(resourcev1.ResourceClaimTemplate{}, "ObjectMeta", "Spec").
	row(resourcev1.ResourceClaimTemplateSpec{}, everything).
	row(resourcev1.DeviceClass{}, "ObjectMeta", "Spec").
	row(resourcev1.DeviceClassSpec{}, "Selectors", "ExtendedResourceName").
	row(resourcev1.DeviceTaintRule{}, "ObjectMeta", "Spec").
	row(resourcev1.DeviceTaintRuleSpec{}, everything).
	row(resourcev1.DeviceTaintSelector{}, everything).

	// Priority, groups of pods, and budgets.
	row(schedulingv1.PriorityClass{}, "ObjectMeta", "Value", "GlobalDefault", "PreemptionPolicy").
	row(schedulingv1beta1.PodGroup{}, "ObjectMeta", "Spec", "Status").
	row(schedulingv1beta1.PodGroupSpec{}, everything).
	row(schedulingv1beta1.WorkloadReference{}, everything).
	row(schedulingv1beta1.PodGroupSchedulingPolicy{}, everything).
	row(schedulingv1beta1.GangSchedulingPolicy{}, everything).
	row(schedulingv1beta1.PodGroupSchedulingConstraints{}, everything).
	row(schedulingv1beta1.TopologyConstraint{}, everything).
	row(schedulingv1beta1.PodGroupResourceClaim{}, everything).
	row(schedulingv1beta1.DisruptionMode{}, everything).
	row(schedulingv1beta1.PodGroupStatus{}, "ResourceClaimStatuses").
	row(schedulingv1beta1.PodGroupResourceClaimStatus{}, everything).
	row(policyv1.PodDisruptionBudget{}, "ObjectMeta", "Spec", "Status").
	row(policyv1.PodDisruptionBudgetSpec{}, everything).
	row(policyv1.PodDisruptionBudgetStatus{}, "DisruptedPods", "DisruptionsAllowed", "CurrentHealthy", "DesiredHealthy", "ExpectedPods").

	// What may be bought.
	row(v1alpha1.NodeGroup{}, "ObjectMeta", "Spec").
	// Without what a machine is made from, which no plan depends on. Bootstrap is
	// whole, or the group would not be read again.
	row(v1alpha1.NodeGroupSpec{},
		"MinNodes", "MaxNodes", "DatacenterIDs", "OfferingIDs", "Requirements", "PreferredInstanceType", "AllowMixedInstances",
		"Labels", "Taints", "StartupTaints", "Limits", "Priority", "Paused", "Bootstrap", "Headroom").
	row(v1alpha1.Headroom{}, everything).
	row(v1alpha1.Requirement{}, everything).
	row(v1alpha1.Taint{}, everything).
	row(v1alpha1.Limits{}, everything).
	row(v1alpha1.Bootstrap{}, everything).
	row(v1alpha1.TemplateReference{}, everything)

// keptAnnotations are those that decide something. A mirror pod is told by its
// key alone.
var keptAnnotations = map[string]bool{
	v1.MirrorPodAnnotationKey:                  true,
	v1.BetaStorageClassAnnotation:              true,
	v1.MigratedPluginsAnnotationKey:            true,
	volume.AnnBindCompleted:                    true,
	volume.AnnSelectedNode:                     true,
	volume.AnnDynamicallyProvisioned:           true,
	defaultClassAnnotation:                     true,
	betaDefaultClassAnnotation:                 true,
	resourcev1.PodResourceClaimAnnotation:      true,
	resourcev1.ExtendedResourceClaimAnnotation: true,
}

const (
	defaultClassAnnotation     = "storageclass.kubernetes.io/is-default-class"
	betaDefaultClassAnnotation = "storageclass.beta.kubernetes.io/is-default-class"
)

// keptConditions of a pod say whether it waits, is being preempted or resized.
var keptConditions = map[v1.PodConditionType]bool{
	v1.PodScheduled:        true,
	v1.DisruptionTarget:    true,
	v1.PodResizePending:    true,
	v1.PodResizeInProgress: true,
}

// leaves are struct types that are copied as they are.
var leaves = map[reflect.Type]bool{
	reflect.TypeFor[metav1.Time]():        true,
	reflect.TypeFor[resource.Quantity]():  true,
	reflect.TypeFor[intstr.IntOrString](): true,
}

// rows maps a struct type to the indexes of the fields that are kept.
type rows map[reflect.Type][]int

// row panics on a misspelt field: the table is part of the program.
func (r rows) row(of any, fields ...string) rows {
	t := reflect.TypeOf(of)
	if _, twice := r[t]; twice {
		panic(fmt.Sprintf("snapshot: two rows for %s", t))
	}
	r[t] = []int{}
	if fields[0] == everything {
		for i := range t.NumField() {
			r[t] = append(r[t], i)
		}
		return r
	}
	for _, name := range fields {
		field, ok := t.FieldByName(name)
		if !ok || len(field.Index) != 1 {
			panic(fmt.Sprintf("snapshot: %s has no field %s", t, name))
		}
		r[t] = append(r[t], field.Index[0])
	}
	return r
}
