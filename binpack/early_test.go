package binpack

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Karpenter takes the least loaded host to be empty, because a new one can be
// made; kube-scheduler looks at the hosts there are.
func TestHostnameSpreadGoesByTheRealMinimum(t *testing.T) {
	var objects simulator.Objects
	web := []func(*v1.Pod){labelled("app", "web"), spreadOver(v1.LabelHostname, 1, "app", "web")}
	for i := range 3 {
		name := fmt.Sprintf("node-%d", i)
		size := v1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("32Gi"), "pods": resource.MustParse("110")}
		objects.Nodes = append(objects.Nodes, &v1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelHostname: name, v1.LabelTopologyZone: "z1"}},
			Status:     v1.NodeStatus{Allocatable: size, Capacity: size},
		})
		running := testPod(fmt.Sprintf("running-%d", i), 100, 128, web...)
		running.Spec.NodeName = name
		objects.Pods = append(objects.Pods, running)
	}
	for i := range 9 {
		objects.Pods = append(objects.Pods, testPod(fmt.Sprintf("web-%d", i), 100, 128, web...))
	}

	answer, err := ScaleUp(t.Context(), testRequest(t, objects))

	require.NoError(t, err)
	require.Empty(t, answer.Add, "three more fit on each node")
	require.Empty(t, answer.Unschedulable)
	for _, node := range answer.Existing {
		require.Len(t, node.Pods, 3)
	}
	require.Zero(t, answer.LowerBound.PricePerHour)
}

// Pods placed early take room and count for whatever is packed after them.
func TestPodsPlacedEarlyCountForTheRest(t *testing.T) {
	size := v1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("8Gi"), "pods": resource.MustParse("110")}
	objects := simulator.Objects{Nodes: []*v1.Node{{
		ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: map[string]string{v1.LabelHostname: "node", v1.LabelTopologyZone: "z1"}},
		Status:     v1.NodeStatus{Allocatable: size, Capacity: size},
	}}}
	for i := range 3 {
		objects.Pods = append(objects.Pods, testPod(fmt.Sprintf("web-%d", i), 1000, 128, labelled("app", "web"), spreadOver(v1.LabelHostname, 1, "app", "web")))
		objects.Pods = append(objects.Pods, testPod(fmt.Sprintf("plain-%d", i), 1000, 128))
	}

	answer, err := ScaleUp(t.Context(), testRequest(t, objects))

	require.NoError(t, err)
	require.Empty(t, answer.Unschedulable)
	require.Len(t, answer.Existing, 1)
	require.Len(t, answer.Existing[0].Pods, 2)
	require.LessOrEqual(t, answer.LowerBound.PricePerHour, answer.PricePerHour.Added)
}
