package hollow_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/hollow"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

func TestMain(m *testing.M) { planetest.Main(m) }

const (
	waiting = 60 * time.Second
	tick    = 20 * time.Millisecond
)

func node(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi"), corev1.ResourcePods: resource.MustParse("10")}
	_, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func TestPodsOfHollowNodesRunAndEnd(t *testing.T) {
	cluster := planetest.Get(t)
	client, err := kubernetes.NewForConfig(cluster.Config())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- hollow.Run(ctx, client, "hollow-1", "not-there") }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
		planetest.Reset(t, cluster)
	})
	node(t, client, "hollow-1")
	pods := client.CoreV1().Pods("default")
	for _, name := range []string{"web", "other"} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "main", Image: "registry.example/main:1"}},
		}}
		if name == "other" {
			// Bound to a node that is not hollow: it waits for its own kubelet.
			p.Spec.NodeName = "solid-1"
		}
		_, err = pods.Create(t.Context(), p, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		found, err := pods.Get(t.Context(), "web", metav1.GetOptions{})
		return err == nil && found.Spec.NodeName == "hollow-1" && found.Status.Phase == corev1.PodRunning &&
			len(found.Status.ContainerStatuses) == 1 && found.Status.ContainerStatuses[0].Ready
	}, waiting, tick, "bound by the scheduler, started by nobody")

	require.NoError(t, pods.Delete(t.Context(), "web", metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := pods.Get(t.Context(), "web", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, waiting, tick, "no kubelet is there to let it go")
	other, err := pods.Get(t.Context(), "other", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, corev1.PodPending, other.Status.Phase)
}

func TestLeasesAreKept(t *testing.T) {
	cluster := planetest.Get(t)
	client, err := kubernetes.NewForConfig(cluster.Config())
	require.NoError(t, err)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	node(t, client, "hollow-1")
	leases := client.CoordinationV1().Leases("kube-node-lease")
	var last time.Time
	// Twice, as the second run finds a Lease that is there.
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- hollow.Run(ctx, client, "hollow-1", "not-there") }()
		require.Eventually(t, func() bool {
			lease, err := leases.Get(t.Context(), "hollow-1", metav1.GetOptions{})
			if err != nil || !lease.Spec.RenewTime.After(last) {
				return false
			}
			last = lease.Spec.RenewTime.Time
			return assert.Equal(t, "Node", lease.OwnerReferences[0].Kind)
		}, waiting, tick)
		stop()
		require.NoError(t, <-done)
	}
	_, err = leases.Get(t.Context(), "not-there", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "no Lease of a node that does not exist: %v", err)
}
