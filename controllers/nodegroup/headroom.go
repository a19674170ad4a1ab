package nodegroup

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

const (
	// HeadroomLabel marks pods that stand for room to be kept free. They exist in
	// plans alone. Its value is the NodeGroup's name, or "buffer" for those of a
	// CapacityBuffer.
	HeadroomLabel = "autoscaler.vpsie.com/headroom"

	// HeadroomNamespace is where those of a NodeGroup seem to be. No such namespace
	// needs to exist.
	HeadroomNamespace = "vpsie-headroom"

	// HeadroomPriority is the lowest for which machines are bought: real pods come
	// first and take the room when they need it.
	HeadroomPriority = binpack.DefaultExpendableBelow
)

// IsHeadroom says that a pod in a plan stands for room to be kept free.
func IsHeadroom(pod *corev1.Pod) bool {
	_, ok := pod.Labels[HeadroomLabel]
	return ok
}

// HeadroomPods are the copies of the group's headroom as pending pods, of the
// lowest priority that machines are bought for. They select the group's nodes
// and tolerate its taints. They are the same each time, so that a plan made of
// them has the same identity. A group that gets no machines (paused, being
// deleted) asks for none.
func HeadroomPods(group *v1alpha1.NodeGroup) []*corev1.Pod {
	if group.Spec.Paused || group.DeletionTimestamp != nil {
		return nil
	}
	var tolerations []corev1.Toleration
	for _, taint := range group.Spec.Taints {
		tolerations = append(tolerations, corev1.Toleration{
			Key: taint.Key, Operator: corev1.TolerationOpEqual, Value: taint.Value, Effect: taint.Effect,
		})
	}
	var pods []*corev1.Pod
	for i, room := range group.Spec.Headroom {
		for replica := range room.Replicas {
			requests := corev1.ResourceList{corev1.ResourceCPU: room.CPU.DeepCopy(), corev1.ResourceMemory: room.Memory.DeepCopy()}
			pods = append(pods, VirtualPod(HeadroomNamespace, fmt.Sprintf("%s-%d-%d", group.Name, i, replica), group.Name, corev1.PodSpec{
				NodeSelector: map[string]string{v1alpha1.NodeGroupLabel: group.Name},
				Tolerations:  tolerations,
				Containers:   []corev1.Container{{Name: "room", Resources: corev1.ResourceRequirements{Requests: requests}}},
			}))
		}
	}
	return pods
}

// VirtualPod is a pending pod that is never created, which stands for room to be
// kept free. The spec is given HeadroomPriority; of is the value of HeadroomLabel.
func VirtualPod(namespace, name, of string, spec corev1.PodSpec) *corev1.Pod {
	priority, never := HeadroomPriority, corev1.PreemptNever
	spec.Priority, spec.PreemptionPolicy, spec.PriorityClassName, spec.NodeName = &priority, &never, "", ""
	if spec.SchedulerName == "" {
		spec.SchedulerName = corev1.DefaultSchedulerName
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID("headroom/" + namespace + "/" + name),
			Labels: map[string]string{HeadroomLabel: of},
		},
		Spec:   spec,
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
}
