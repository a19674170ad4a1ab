package machine

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubeletapis "k8s.io/kubelet/pkg/apis"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

const kernelVersion = "6.8.0-60-generic"

// node is the Node as a kubelet registers it.
func (k *kubelet) node() *corev1.Node {
	name := k.settings.name
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
				kubeletapis.LabelOS: "linux", kubeletapis.LabelArch: "amd64",
			},
			// Without it nobody attaches volumes to the node.
			Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
		},
		Spec:   corev1.NodeSpec{ProviderID: k.settings.providerID, Taints: k.settings.taints},
		Status: k.status(false),
	}
	for key, value := range k.settings.labels {
		n.Labels[key] = value
	}
	return n
}

// status of the Node. Devices show up when the node is ready: their plugins are
// pods, too.
func (k *kubelet) status(ready bool) corev1.NodeStatus {
	sold := k.machine.Offering.Capacity
	usable := k.config.Offers(k.machine)
	if k.settings.maxPods > 0 {
		usable.MaxPods = k.settings.maxPods
	}
	sold.MaxPods = usable.MaxPods
	if !ready {
		sold.Extended, usable.Extended = nil, nil
	}
	return corev1.NodeStatus{
		Capacity:    resources(sold),
		Allocatable: resources(usable),
		Conditions:  k.conditions(ready),
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: k.address()},
			{Type: corev1.NodeHostName, Address: k.settings.name},
		},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: 10250}},
		NodeInfo: corev1.NodeSystemInfo{
			MachineID: k.machine.Identifier, SystemUUID: k.machine.Identifier, BootID: k.machine.Identifier,
			KernelVersion: kernelVersion, OSImage: "Ubuntu 24.04 LTS", ContainerRuntimeVersion: "containerd://2.1.4",
			KubeletVersion: k.config.KubeletVersion, OperatingSystem: "linux", Architecture: "amd64",
		},
	}
}

// address is the one that others reach the node at: the private one, if there
// was one when the kubelet started.
func (k *kubelet) address() string { return k.settings.nodeIP }

func (k *kubelet) conditions(ready bool) []corev1.NodeCondition {
	now := metav1.NewTime(k.config.Clock.Now())
	list := []corev1.NodeCondition{
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available"},
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure"},
		{Type: corev1.NodePIDPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientPID", Message: "kubelet has sufficient PID available"},
		{
			Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady",
			Message: "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
		},
	}
	if ready {
		list[3].Status, list[3].Reason, list[3].Message = corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"
	}
	for i := range list {
		list[i].LastHeartbeatTime, list[i].LastTransitionTime = now, now
	}
	return list
}

func resources(r offerings.Resources) corev1.ResourceList {
	list := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(r.MilliCPU, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(r.MemoryBytes, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(r.EphemeralBytes, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(r.MaxPods, resource.DecimalSI),
	}
	for name, count := range r.Extended {
		list[corev1.ResourceName(name)] = *resource.NewQuantity(count, resource.DecimalSI)
	}
	return list
}

// patchStatus writes these parts of the Node's status and leaves the others.
func (k *kubelet) patchStatus(ctx context.Context, status corev1.NodeStatus) error {
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = k.client.CoreV1().Nodes().Patch(ctx, k.settings.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
