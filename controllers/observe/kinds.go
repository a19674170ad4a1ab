package observe

import (
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// kind is one kind that is watched.
type kind struct {
	resource string
	object   client.Object
	// required: without it there is no Snapshot.
	required bool
	// fill appends what the store has to the Snapshot.
	fill func(store cache.Store, s *Snapshot)
}

// into makes a kind whose objects go into the list that to points out.
func into[T client.Object](resource string, object T, to func(*Snapshot) *[]T) kind {
	return kind{resource: resource, object: object, fill: func(store cache.Store, s *Snapshot) {
		found := store.List()
		list := make([]T, len(found))
		for i := range found {
			list[i] = found[i].(T)
		}
		*to(s) = list
	}}
}

// kinds are all that is watched, those that refer to others first.
func kinds() []kind {
	pods := into("pods", &v1.Pod{}, func(s *Snapshot) *[]*v1.Pod { return &s.Objects.Pods })
	nodes := into("nodes", &v1.Node{}, func(s *Snapshot) *[]*v1.Node { return &s.Objects.Nodes })
	groups := into("nodegroups", &v1alpha1.NodeGroup{}, func(s *Snapshot) *[]*v1alpha1.NodeGroup { return &s.NodeGroups })
	machines := into("vpsienodes", &v1alpha1.VPSieNode{}, func(s *Snapshot) *[]*v1alpha1.VPSieNode { return &s.Machines })
	for _, k := range []*kind{&pods, &nodes, &groups, &machines} {
		k.required = true
	}
	return []kind{
		pods, machines, groups, nodes,
		into("namespaces", &v1.Namespace{}, func(s *Snapshot) *[]*v1.Namespace { return &s.Objects.Namespaces }),
		into("daemonsets", &appsv1.DaemonSet{}, func(s *Snapshot) *[]*appsv1.DaemonSet { return &s.Objects.DaemonSets }),
		into("replicasets", &appsv1.ReplicaSet{}, func(s *Snapshot) *[]*appsv1.ReplicaSet { return &s.Objects.ReplicaSets }),
		into("statefulsets", &appsv1.StatefulSet{}, func(s *Snapshot) *[]*appsv1.StatefulSet { return &s.Objects.StatefulSets }),
		into("replicationcontrollers", &v1.ReplicationController{}, func(s *Snapshot) *[]*v1.ReplicationController { return &s.Objects.ReplicationControllers }),
		into("services", &v1.Service{}, func(s *Snapshot) *[]*v1.Service { return &s.Objects.Services }),
		into("persistentvolumes", &v1.PersistentVolume{}, func(s *Snapshot) *[]*v1.PersistentVolume { return &s.Objects.PersistentVolumes }),
		into("persistentvolumeclaims", &v1.PersistentVolumeClaim{}, func(s *Snapshot) *[]*v1.PersistentVolumeClaim { return &s.Objects.PersistentVolumeClaims }),
		into("storageclasses", &storagev1.StorageClass{}, func(s *Snapshot) *[]*storagev1.StorageClass { return &s.Objects.StorageClasses }),
		into("csinodes", &storagev1.CSINode{}, func(s *Snapshot) *[]*storagev1.CSINode { return &s.Objects.CSINodes }),
		into("csidrivers", &storagev1.CSIDriver{}, func(s *Snapshot) *[]*storagev1.CSIDriver { return &s.Objects.CSIDrivers }),
		into("csistoragecapacities", &storagev1.CSIStorageCapacity{}, func(s *Snapshot) *[]*storagev1.CSIStorageCapacity { return &s.Objects.CSIStorageCapacities }),
		into("volumeattachments", &storagev1.VolumeAttachment{}, func(s *Snapshot) *[]*storagev1.VolumeAttachment { return &s.Objects.VolumeAttachments }),
		into("resourceslices", &resourcev1.ResourceSlice{}, func(s *Snapshot) *[]*resourcev1.ResourceSlice { return &s.Objects.ResourceSlices }),
		into("resourceclaims", &resourcev1.ResourceClaim{}, func(s *Snapshot) *[]*resourcev1.ResourceClaim { return &s.Objects.ResourceClaims }),
		into("resourceclaimtemplates", &resourcev1.ResourceClaimTemplate{}, func(s *Snapshot) *[]*resourcev1.ResourceClaimTemplate { return &s.Objects.ResourceClaimTemplates }),
		into("deviceclasses", &resourcev1.DeviceClass{}, func(s *Snapshot) *[]*resourcev1.DeviceClass { return &s.Objects.DeviceClasses }),
		into("devicetaintrules", &resourcev1.DeviceTaintRule{}, func(s *Snapshot) *[]*resourcev1.DeviceTaintRule { return &s.Objects.DeviceTaintRules }),
		into("priorityclasses", &schedulingv1.PriorityClass{}, func(s *Snapshot) *[]*schedulingv1.PriorityClass { return &s.Objects.PriorityClasses }),
		into("podgroups", &schedulingv1beta1.PodGroup{}, func(s *Snapshot) *[]*schedulingv1beta1.PodGroup { return &s.Objects.PodGroups }),
		into("poddisruptionbudgets", &policyv1.PodDisruptionBudget{}, func(s *Snapshot) *[]*policyv1.PodDisruptionBudget { return &s.Objects.PodDisruptionBudgets }),
		{resource: "events", object: &eventsv1.Event{}, fill: func(cache.Store, *Snapshot) {}},
	}
}
