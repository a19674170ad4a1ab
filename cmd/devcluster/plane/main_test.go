package plane_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

// envOrphan makes this test binary start a plane and wait to be killed.
const envOrphan = "VPSIE_TEST_ORPHAN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(envOrphan); dir != "" {
		orphan(dir)
	}
	planetest.Main(m)
}

// orphan starts a plane, prints its process IDs, and never stops it.
func orphan(dir string) {
	cluster, err := plane.Start(context.Background(), plane.Options{Dir: dir, NoControllerManager: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for name, pid := range cluster.PIDs() {
		fmt.Println(name, pid)
	}
	fmt.Println("ready")
	select {}
}

func clientFor(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return client
}

// eventually is for what the control plane does in its own time.
func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// readyNode registers a node of 2 CPUs as its kubelet would.
func readyNode(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	room := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("2"),
		corev1.ResourceMemory: resource.MustParse("4Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	_, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{
			Capacity:    room,
			Allocatable: room,
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now(), Reason: "KubeletReady",
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func pod(name, cpu string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "main", Image: "registry.example/main:1",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
		}}},
	}
}

// runsOn waits until the scheduler has bound a pod.
func runsOn(t *testing.T, client kubernetes.Interface, name string) string {
	t.Helper()
	var node string
	eventually(t, "pod "+name, func() error {
		found, err := client.CoreV1().Pods(metav1.NamespaceDefault).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		node = found.Spec.NodeName
		if node == "" {
			return fmt.Errorf("not bound: %v", found.Status.Conditions)
		}
		return nil
	})
	return node
}
