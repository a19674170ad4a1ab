package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// write patches a pod's status, of this pod and no other of its name.
func (p *pods) write(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return err
	}
	_, err = p.kubelet.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsConflict(err) {
		return errGone // the name is another pod's now
	}
	return err
}

// runningStatus is the status of a pod whose containers run and are ready.
func (k *kubelet) runningStatus(pod *corev1.Pod, at metav1.Time) corev1.PodStatus {
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &at, HostIP: k.address(), HostIPs: []corev1.HostIP{{IP: k.address()}},
		PodIP: k.podAddress(pod), PodIPs: []corev1.PodIP{{IP: k.podAddress(pod)}},
		Conditions: podConditions(corev1.ConditionTrue, "", at),
	}
	up := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}}
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			status.InitContainerStatuses = append(status.InitContainerStatuses, container(c, up, true))
		} else {
			status.InitContainerStatuses = append(status.InitContainerStatuses, container(c, over(at, at), true))
		}
	}
	for _, c := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, container(c, up, true))
	}
	return status
}

// finishedStatus is the status of a pod whose containers have ended well.
func (k *kubelet) finishedStatus(pod *corev1.Pod, started, ended metav1.Time) corev1.PodStatus {
	status := corev1.PodStatus{
		Phase: corev1.PodSucceeded, Conditions: podConditions(corev1.ConditionFalse, "PodCompleted", ended),
	}
	for _, c := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, container(c, over(started, ended), false))
	}
	return status
}

func podConditions(ready corev1.ConditionStatus, reason string, at metav1.Time) []corev1.PodCondition {
	return []corev1.PodCondition{
		{Type: corev1.PodReadyToStartContainers, Status: ready, LastTransitionTime: at},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: at},
		{Type: corev1.PodReady, Status: ready, Reason: reason, LastTransitionTime: at},
		{Type: corev1.ContainersReady, Status: ready, Reason: reason, LastTransitionTime: at},
	}
}

func container(c corev1.Container, state corev1.ContainerState, ready bool) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: "containerd://" + c.Name, State: state, Ready: ready,
		Started: ptr.To(state.Running != nil),
	}
}

func over(started, ended metav1.Time) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: started, FinishedAt: ended}}
}

// podAddress is one in 100.64.0.0/10, which no network of the cluster uses, by
// the pod's UID: no two pods alive share one, but by a rare chance that nothing
// here depends on.
func (k *kubelet) podAddress(pod *corev1.Pod) string {
	if pod.Spec.HostNetwork {
		return k.address()
	}
	sum := fnv.New32a()
	fmt.Fprint(sum, pod.UID)
	n := sum.Sum32()
	return netip.AddrFrom4([4]byte{100, 64 | byte(n>>16)&63, byte(n >> 8), byte(n)}).String()
}
