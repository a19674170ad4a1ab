package input

import (
	"crypto/sha1"
	"fmt"

	"github.com/google/uuid"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	appsdefaults "k8s.io/kubernetes/pkg/apis/apps/v1"
	batchdefaults "k8s.io/kubernetes/pkg/apis/batch/v1"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	resourcedefaults "k8s.io/kubernetes/pkg/apis/resource/v1"
	schedulingdefaults "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	podgroupdefaults "k8s.io/kubernetes/pkg/apis/scheduling/v1beta1"
	storagedefaults "k8s.io/kubernetes/pkg/apis/storage/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// assembly turns decoded objects into the simulator's, in the order of its
// methods.
type assembly struct {
	objects *simulator.Objects
	notes   *Notes
	// validate what no API server has seen.
	validate bool
	// workloads are what pods are made from, in input order.
	workloads []*loaded
	pods      []*loaded
	admission *admission
	// seen is where each object was found, by kind and name.
	seen map[objectKey]place
}

type objectKey struct{ kind, namespace, name string }

func keyOfKind(k *kind, obj object) objectKey {
	return objectKey{k.gvk.Kind, obj.GetNamespace(), obj.GetName()}
}

// add sorts decoded objects into their lists, with the API server's defaults.
func (a *assembly) add(found []loaded) error {
	a.seen = make(map[objectKey]place, len(found))
	o := a.objects
	for i := range found {
		l := &found[i]
		l.written = a.validate && !stored(l.obj)
		if l.obj.GetUID() == "" {
			l.obj.SetUID(uidOf(l.kind.gvk.Kind, l.obj.GetNamespace(), l.obj.GetName()))
		}
		key := keyOfKind(l.kind, l.obj)
		if first, twice := a.seen[key]; twice {
			return l.from.at().errorf("%s %s: there already (%s)", l.kind.gvk.Kind, keyOf(l.obj), first)
		}
		a.seen[key] = l.from.at()
		if err := checkQuantities(l); err != nil {
			return err
		}
		switch obj := l.obj.(type) {
		case *v1.Pod:
			a.pods = append(a.pods, l)
		case *v1.Node:
			corev1.SetObjectDefaults_Node(obj)
			if len(obj.Status.Allocatable) == 0 {
				return l.complain(&fieldError{"status.allocatable", "missing: nothing could run on this node"}, "")
			}
			o.Nodes = append(o.Nodes, obj)
		case *v1.Namespace:
			corev1.SetObjectDefaults_Namespace(obj)
			o.Namespaces = append(o.Namespaces, obj)
		case *v1.ReplicationController:
			corev1.SetObjectDefaults_ReplicationController(obj)
			a.workloads = append(a.workloads, l)
			o.ReplicationControllers = append(o.ReplicationControllers, obj)
		case *v1.Service:
			corev1.SetObjectDefaults_Service(obj)
			o.Services = append(o.Services, obj)
		case *v1.PersistentVolume:
			corev1.SetObjectDefaults_PersistentVolume(obj)
			o.PersistentVolumes = append(o.PersistentVolumes, obj)
		case *v1.PersistentVolumeClaim:
			corev1.SetObjectDefaults_PersistentVolumeClaim(obj)
			o.PersistentVolumeClaims = append(o.PersistentVolumeClaims, obj)
		case *appsv1.Deployment:
			appsdefaults.SetObjectDefaults_Deployment(obj)
			a.workloads = append(a.workloads, l)
		case *appsv1.ReplicaSet:
			appsdefaults.SetObjectDefaults_ReplicaSet(obj)
			a.workloads = append(a.workloads, l)
			o.ReplicaSets = append(o.ReplicaSets, obj)
		case *appsv1.StatefulSet:
			appsdefaults.SetObjectDefaults_StatefulSet(obj)
			a.workloads = append(a.workloads, l)
			o.StatefulSets = append(o.StatefulSets, obj)
		case *appsv1.DaemonSet:
			appsdefaults.SetObjectDefaults_DaemonSet(obj)
			a.workloads = append(a.workloads, l)
			o.DaemonSets = append(o.DaemonSets, obj)
		case *batchv1.Job:
			batchdefaults.SetObjectDefaults_Job(obj)
			a.workloads = append(a.workloads, l)
		case *batchv1.CronJob:
			batchdefaults.SetObjectDefaults_CronJob(obj)
			a.workloads = append(a.workloads, l)
		case *storagev1.StorageClass:
			storagedefaults.SetObjectDefaults_StorageClass(obj)
			o.StorageClasses = append(o.StorageClasses, obj)
		case *storagev1.CSINode:
			o.CSINodes = append(o.CSINodes, obj)
		case *storagev1.CSIDriver:
			storagedefaults.SetObjectDefaults_CSIDriver(obj)
			o.CSIDrivers = append(o.CSIDrivers, obj)
		case *storagev1.CSIStorageCapacity:
			o.CSIStorageCapacities = append(o.CSIStorageCapacities, obj)
		case *storagev1.VolumeAttachment:
			storagedefaults.SetObjectDefaults_VolumeAttachment(obj)
			o.VolumeAttachments = append(o.VolumeAttachments, obj)
		case *resourcev1.ResourceSlice:
			resourcedefaults.SetObjectDefaults_ResourceSlice(obj)
			o.ResourceSlices = append(o.ResourceSlices, obj)
		case *resourcev1.ResourceClaim:
			resourcedefaults.SetObjectDefaults_ResourceClaim(obj)
			o.ResourceClaims = append(o.ResourceClaims, obj)
		case *resourcev1.ResourceClaimTemplate:
			resourcedefaults.SetObjectDefaults_ResourceClaimTemplate(obj)
			o.ResourceClaimTemplates = append(o.ResourceClaimTemplates, obj)
		case *resourcev1.DeviceClass:
			o.DeviceClasses = append(o.DeviceClasses, obj)
		case *resourcev1.DeviceTaintRule:
			resourcedefaults.SetObjectDefaults_DeviceTaintRule(obj)
			o.DeviceTaintRules = append(o.DeviceTaintRules, obj)
		case *schedulingv1.PriorityClass:
			schedulingdefaults.SetObjectDefaults_PriorityClass(obj)
			o.PriorityClasses = append(o.PriorityClasses, obj)
		case *schedulingv1beta1.PodGroup:
			podgroupdefaults.SetObjectDefaults_PodGroup(obj)
			o.PodGroups = append(o.PodGroups, obj)
		case *policyv1.PodDisruptionBudget:
			o.PodDisruptionBudgets = append(o.PodDisruptionBudgets, obj)
		}
	}
	return nil
}

// admitPods completes every pod as the API server would have, and appends it to
// the objects.
func (a *assembly) admitPods() error {
	uids := make(map[types.UID]*v1.Pod, len(a.pods))
	for _, l := range a.pods {
		pod := l.obj.(*v1.Pod)
		if !l.spec.admitted {
			if err := a.admission.spec(&l.spec.spec); err != nil {
				return l.complain(err, "")
			}
			l.spec.admitted = true
		}
		pod.Spec = l.spec.spec
		mergeLabelKeys(pod)
		if l.written {
			if err := a.admission.created(&pod.Spec, l.spec.askedPriority); err != nil {
				return l.complain(err, "")
			}
			check := validatePod
			if l.spec.validated {
				check = validatePodMeta
			}
			if err := l.refuse(check(pod), ""); err != nil {
				return err
			}
			l.spec.validated = true
		}
		completePod(pod)
		if twin := uids[pod.UID]; twin != nil {
			return l.complain(&fieldError{"metadata.uid", fmt.Sprintf("that of Pod %s already", keyOf(twin))}, "")
		}
		uids[pod.UID] = pod
		a.objects.Pods = append(a.objects.Pods, pod)
	}
	return nil
}

// completePod gives a pod that nobody has run yet its phase.
func completePod(pod *v1.Pod) {
	if pod.Status.Phase == "" {
		pod.Status.Phase = v1.PodPending
		if pod.Spec.NodeName != "" {
			pod.Status.Phase = v1.PodRunning
		}
	}
}

// uidOf is a UID for an object that no API server has given one: the same for
// the same name.
func uidOf(kindName, namespace, name string) types.UID {
	sum := sha1.Sum([]byte(kindName + "/" + namespace + "/" + name))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x50 // version 5, by name
	id[8] = id[8]&0x3f | 0x80
	return types.UID(id.String())
}
