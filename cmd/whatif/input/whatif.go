package input

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// AddOptions of Add.
type AddOptions struct {
	Options
	// Replicas is how many pods each workload and each bare pod in the files
	// becomes. Nil: as many as it says itself.
	Replicas *int32
}

// Add puts what the files hold into a cluster, on top of what is there: all pods
// of their workloads are new and pending, under names that are free. A bare pod
// keeps its name unless Replicas makes copies of it. Any other object replaces
// the one of its kind and name, as applying the file would; a Node must be new.
//
// On success the slices of objects are new; the objects that were in them are
// unchanged. On error nothing is.
func Add(objects *simulator.Objects, paths []string, opts AddOptions) (*Notes, error) {
	if r := opts.Replicas; r != nil && (*r < 1 || *r > maxCreatedPods) {
		return nil, fmt.Errorf("%d replicas: must be from 1 to %d", *r, maxCreatedPods)
	}
	found, notes, err := readFiles(paths, opts.Options)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("nothing to add: no Kubernetes objects that matter to scheduling in %s", strings.Join(paths, ", "))
	}
	a := &assembly{objects: &simulator.Objects{}, notes: notes, validate: true}
	if err := a.add(found); err != nil {
		return nil, err
	}
	if err := a.checkNew(objects, opts.Replicas != nil); err != nil {
		return nil, err
	}
	result := merge(objects, a.objects)
	a.objects = result
	a.dropOwnedPods()
	a.admission = newAdmission(result.PriorityClasses)
	existing := len(result.Pods)
	bare := a.pods
	if err := a.admitPods(); err != nil {
		return nil, err
	}
	result.Pods = result.Pods[:existing]
	a.pods = nil
	e := a.newExpansion()
	e.onTop, e.replicas = true, opts.Replicas
	for _, l := range bare {
		e.addBare(l.obj.(*v1.Pod))
	}
	if err := e.expand(); err != nil {
		return nil, err
	}
	if len(result.Pods) == existing && len(bare)+len(a.workloads) > 0 {
		notes.remark("no pods added: the files ask for none")
	}
	a.finish()
	*objects = *result
	return notes, nil
}

// checkNew refuses what cannot be added because it is there.
func (a *assembly) checkNew(objects *simulator.Objects, copies bool) error {
	there := make(map[objectKey]bool)
	for _, node := range objects.Nodes {
		there[objectKey{"Node", "", node.Name}] = true
	}
	if !copies {
		for _, pod := range objects.Pods {
			there[objectKey{"Pod", pod.Namespace, pod.Name}] = true
		}
	}
	var first error
	for key, at := range a.seen {
		if !there[key] {
			continue
		}
		err := at.errorf("%s %s: in the cluster already", key.kind, strings.TrimPrefix(key.namespace+"/"+key.name, "/"))
		if first == nil || err.Error() < first.Error() {
			first = err
		}
	}
	return first
}

// dropOwnedPods leaves out pods that a workload in the same files makes anew.
func (a *assembly) dropOwnedPods() {
	a.dropFinishedPods()
	a.pods = slices.DeleteFunc(a.pods, func(l *loaded) bool {
		ref := metav1.GetControllerOfNoCopy(l.obj)
		if ref == nil {
			return false
		}
		_, ours := a.seen[objectKey{ref.Kind, l.obj.GetNamespace(), ref.Name}]
		return ours
	})
}

// addBare appends a pod, or as many copies of it as replicas says, pending.
func (e *expansion) addBare(pod *v1.Pod) {
	if e.replicas == nil {
		e.append(pending(pod))
		return
	}
	next := 0
	for range *e.replicas {
		twin := pending(pod)
		twin.Name, next = e.freeName(pod.Namespace, pod.Name, next)
		e.append(twin)
	}
}

// pending is a copy of the pod before it got a node.
func pending(pod *v1.Pod) *v1.Pod {
	fresh := &v1.Pod{TypeMeta: pod.TypeMeta, ObjectMeta: *pod.ObjectMeta.DeepCopy(), Spec: pod.Spec}
	fresh.Spec.NodeName = ""
	fresh.DeletionTimestamp, fresh.DeletionGracePeriodSeconds = nil, nil
	fresh.Status = v1.PodStatus{
		Phase: v1.PodPending, QOSClass: pod.Status.QOSClass,
		ResourceClaimStatuses: pod.Status.ResourceClaimStatuses,
	}
	return fresh
}

// merge returns the cluster with the added objects in it.
func merge(cluster, added *simulator.Objects) *simulator.Objects {
	result := *cluster
	result.Pods = slices.Clone(cluster.Pods)
	result.PersistentVolumeClaims = slices.Clone(cluster.PersistentVolumeClaims)
	upsert(&result.Nodes, added.Nodes)
	upsert(&result.Namespaces, added.Namespaces)
	upsert(&result.DaemonSets, added.DaemonSets)
	upsert(&result.ReplicaSets, added.ReplicaSets)
	upsert(&result.StatefulSets, added.StatefulSets)
	upsert(&result.ReplicationControllers, added.ReplicationControllers)
	upsert(&result.Services, added.Services)
	upsert(&result.PersistentVolumes, added.PersistentVolumes)
	upsert(&result.PersistentVolumeClaims, added.PersistentVolumeClaims)
	upsert(&result.StorageClasses, added.StorageClasses)
	upsert(&result.CSINodes, added.CSINodes)
	upsert(&result.CSIDrivers, added.CSIDrivers)
	upsert(&result.CSIStorageCapacities, added.CSIStorageCapacities)
	upsert(&result.VolumeAttachments, added.VolumeAttachments)
	upsert(&result.ResourceSlices, added.ResourceSlices)
	upsert(&result.ResourceClaims, added.ResourceClaims)
	upsert(&result.ResourceClaimTemplates, added.ResourceClaimTemplates)
	upsert(&result.DeviceClasses, added.DeviceClasses)
	upsert(&result.DeviceTaintRules, added.DeviceTaintRules)
	upsert(&result.PriorityClasses, added.PriorityClasses)
	upsert(&result.PodGroups, added.PodGroups)
	upsert(&result.PodDisruptionBudgets, added.PodDisruptionBudgets)
	return &result
}

// upsert puts a new slice in place of list, with what is added in the place of
// what has the same name, or at the end.
func upsert[T object](list *[]T, added []T) {
	result := slices.Clone(*list)
	at := make(map[types.NamespacedName]int, len(result))
	for i, obj := range result {
		at[types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}] = i
	}
	for _, obj := range added {
		if i, there := at[types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}]; there {
			result[i] = obj
		} else {
			result = append(result, obj)
		}
	}
	*list = result
}

// Cordon makes the node unschedulable, with the taint that the node controller
// then adds.
func Cordon(objects *simulator.Objects, name string) error {
	i, err := nodeIndex(objects, name)
	if err != nil {
		return err
	}
	node := objects.Nodes[i].DeepCopy()
	node.Spec.Unschedulable = true
	taint := v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}
	if !slices.ContainsFunc(node.Spec.Taints, func(t v1.Taint) bool { return t.MatchTaint(&taint) }) {
		node.Spec.Taints = append(node.Spec.Taints, taint)
	}
	objects.Nodes = slices.Clone(objects.Nodes)
	objects.Nodes[i] = node
	return nil
}

func nodeIndex(objects *simulator.Objects, name string) (int, error) {
	i := slices.IndexFunc(objects.Nodes, func(node *v1.Node) bool { return node.Name == name })
	if i < 0 {
		return 0, fmt.Errorf("no node %q in the cluster of %d nodes", name, len(objects.Nodes))
	}
	return i, nil
}

// RemoveNode takes a node out of the cluster as if it had died, and returns how
// many of its pods are pending now. Its DaemonSet and mirror pods go with it, and
// so does a pod that was being deleted, unless it belongs to a StatefulSet, which
// makes it anew under its name. PersistentVolumes stay, also those that only this
// node can reach; devices that only pods of this node held are free again.
//
// The slices of objects are new; the objects that were in them are unchanged.
func RemoveNode(objects *simulator.Objects, name string) (evicted int, err error) {
	i, err := nodeIndex(objects, name)
	if err != nil {
		return 0, err
	}
	objects.Nodes = slices.Delete(slices.Clone(objects.Nodes), i, i+1)
	released := make(map[types.UID]bool)
	pods := make([]*v1.Pod, 0, len(objects.Pods))
	for _, pod := range objects.Pods {
		switch {
		case pod.Spec.NodeName != name:
			if pod.Status.NominatedNodeName == name {
				nominee := *pod
				nominee.Status.NominatedNodeName = ""
				pod = &nominee
			}
			pods = append(pods, pod)
			continue
		case comesBack(pod):
			pods = append(pods, pending(pod))
			evicted++
		}
		released[pod.UID] = true
	}
	objects.Pods = pods
	objects.CSINodes = slices.DeleteFunc(slices.Clone(objects.CSINodes), func(n *storagev1.CSINode) bool { return n.Name == name })
	objects.VolumeAttachments = slices.DeleteFunc(slices.Clone(objects.VolumeAttachments), func(a *storagev1.VolumeAttachment) bool {
		return a.Spec.NodeName == name
	})
	objects.ResourceSlices = slices.DeleteFunc(slices.Clone(objects.ResourceSlices), func(s *resourcev1.ResourceSlice) bool {
		return s.Spec.NodeName != nil && *s.Spec.NodeName == name
	})
	releaseDevices(objects, released)
	return evicted, nil
}

// comesBack tells whether something makes the pod anew elsewhere.
func comesBack(pod *v1.Pod) bool {
	if _, mirror := pod.Annotations[v1.MirrorPodAnnotationKey]; mirror {
		return false
	}
	kindName := ""
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil {
		kindName = ref.Kind
	}
	switch kindName {
	case "DaemonSet", "Node": // a Node owns its static pods
		return false
	case "StatefulSet":
		return true
	}
	return pod.DeletionTimestamp == nil
}

// releaseDevices takes pods out of the claims they held, and gives back what
// nobody holds any more.
func releaseDevices(objects *simulator.Objects, released map[types.UID]bool) {
	objects.ResourceClaims = slices.Clone(objects.ResourceClaims)
	for i, claim := range objects.ResourceClaims {
		held := func(ref resourcev1.ResourceClaimConsumerReference) bool { return released[ref.UID] }
		if !slices.ContainsFunc(claim.Status.ReservedFor, held) {
			continue
		}
		claim = claim.DeepCopy()
		claim.Status.ReservedFor = slices.DeleteFunc(claim.Status.ReservedFor, held)
		if len(claim.Status.ReservedFor) == 0 {
			claim.Status.Allocation, claim.Status.Devices = nil, nil
		}
		objects.ResourceClaims[i] = claim
	}
}
