package scaleup

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// commits runs commit on a cluster of two hosts, of which m1 is on its way.
func commits(t *testing.T, places map[string]string, upcoming []string, pods ...*v1.Pod) *decision {
	t.Helper()
	machine := &v1alpha1.VPSieNode{Spec: v1alpha1.VPSieNodeSpec{Hostname: "m1", Pods: upcoming}}
	machine.Name = "m1"
	d := &decision{pods: map[string]*v1.Pod{}, snapshot: &observe.Snapshot{
		Machines: []*v1alpha1.VPSieNode{machine}, Upcoming: map[string]*v1alpha1.VPSieNode{"m1": machine},
	}}
	for _, name := range []string{"m1", "m2"} {
		node := simtest.Node(name, "4", "16Gi")
		node.Labels[v1.LabelHostname] = name
		d.snapshot.Objects.Nodes = append(d.snapshot.Objects.Nodes, node)
	}
	d.snapshot.Objects.Pods = pods
	for _, pod := range pods {
		if pod.Spec.NodeName == "" {
			d.pods[observe.PodKey(pod)] = pod
		}
	}
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	require.NoError(t, d.commit(t.Context(), config, d.earlier(places, start)))
	return d
}

func TestPodsStayWhereTheyWerePlanned(t *testing.T) {
	var pods []*v1.Pod
	var upcoming []string
	for i := range 4 {
		// Two of a spread on each host: nominated together they object to each other.
		pod := spread(pending(fmt.Sprintf("s%d", i)), v1.LabelHostname)
		pods = append(pods, pod)
		if i < 2 {
			upcoming = append(upcoming, observe.PodKey(pod))
		}
	}
	preempting := pending("preempting")
	preempting.Status.NominatedNodeName = "m2"
	pods = append(pods, preempting, pending("new"), pending("homeless"))
	d := commits(t, map[string]string{"default/s2": "m2", "default/s3": "m2", "default/preempting": "m1", "default/homeless": "gone"}, upcoming, pods...)
	assert.Equal(t, map[string][]string{"m1": {"default/s0", "default/s1"}, "m2": {"default/s2", "default/s3"}}, d.committed)
	var at []string
	for _, pod := range d.snapshot.Objects.Pods {
		at = append(at, pod.Spec.NodeName)
	}
	assert.Equal(t, []string{"m1", "m1", "m2", "m2", "", "", ""}, at)
	assert.Empty(t, pods[0].Spec.NodeName, "the copy of the cluster is not changed")
	assert.Len(t, d.pods, 7, "they are pending all the same")
}

func TestMachinesThatBecameReadyAMomentAgoKeepTheirPods(t *testing.T) {
	machine := func(name string, ready time.Duration, pods ...string) *v1alpha1.VPSieNode {
		m := &v1alpha1.VPSieNode{Spec: v1alpha1.VPSieNodeSpec{Hostname: name, Pods: pods}}
		m.Status.ReadyAt = &metav1.Time{Time: start.Add(ready)}
		return m
	}
	d := &decision{pods: map[string]*v1.Pod{}, snapshot: &observe.Snapshot{
		Machines: []*v1alpha1.VPSieNode{machine("m1", time.Second, "default/a", "default/b"), machine("m2", -time.Second, "default/c")},
	}}
	for _, name := range []string{"m1", "m2", "m3"} {
		d.snapshot.Objects.Nodes = append(d.snapshot.Objects.Nodes, simtest.Node(name, "4", "16Gi"))
	}
	for _, name := range []string{"a", "b", "c"} {
		d.pods["default/"+name] = pending(name)
	}
	assert.Equal(t, map[types.NamespacedName]string{{Namespace: "default", Name: "a"}: "m1", {Namespace: "default", Name: "b"}: "m3"},
		d.earlier(map[string]string{"default/b": "m3"}, start), "what was planned since counts first, and what is long past does not")
}

func TestPodsThatTheirNodesRefuseArePlannedAgain(t *testing.T) {
	d := commits(t, nil, []string{"default/big"}, withNode(simtest.Pod("intruder", "2", "1Gi"), "m1"), simtest.Pod("big", "3", "1Gi"))
	assert.Empty(t, d.committed)
	assert.Empty(t, d.snapshot.Objects.Pods[1].Spec.NodeName)

	device := simtest.Pod("device", "1", "1Gi")
	device.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "gpu"}}
	assert.Empty(t, commits(t, nil, []string{"default/device"}, device).committed, "which device it gets is not known")
}
