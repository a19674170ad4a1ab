package simulator_test

import (
	"testing"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"pgregory.net/rapid"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// daemonSet runs a pod like this one on the nodes.
func daemonSet(pod *v1.Pod) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: "set/" + pod.UID},
		Spec: appsv1.DaemonSetSpec{Template: v1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels}, Spec: pod.Spec}},
	}
}

func TestWhichDaemonPodsRunOnANode(t *testing.T) {
	agent := Pod("agent", "100m", "100Mi")
	for name, tc := range map[string]struct {
		node *v1.Node
		pod  *v1.Pod
		runs bool
	}{
		"a plain node":                     {Node("n", "4", "8Gi"), agent, true},
		"a taint that it does not know":    {Node("n", "4", "8Gi", Taint("gpu=yes:NoSchedule")), agent, false},
		"a taint of no matter":             {Node("n", "4", "8Gi", Taint("gpu=yes:PreferNoSchedule")), agent, true},
		"a taint that it tolerates":        {Node("n", "4", "8Gi", Taint("gpu=yes:NoSchedule")), Pod("agent", "", "", Tolerates("gpu=yes:NoSchedule")), true},
		"it tolerates everything":          {Node("n", "4", "8Gi", Taint("gpu=yes:NoExecute")), Pod("agent", "", "", Tolerates("*")), true},
		"a cordoned node":                  {Node("n", "4", "8Gi", Cordoned), agent, true},
		"a node that is not ready":         {Node("n", "4", "8Gi", Taint("node.kubernetes.io/not-ready:NoSchedule")), agent, false},
		"not ready, to be evicted":         {Node("n", "4", "8Gi", Taint("node.kubernetes.io/not-ready:NoExecute")), agent, true},
		"under memory pressure":            {Node("n", "4", "8Gi", Taint("node.kubernetes.io/memory-pressure:NoSchedule")), agent, true},
		"the selected label":               {Node("n", "4", "8Gi", NodeLabel("disk", "ssd")), Pod("agent", "", "", Selects("disk", "ssd")), true},
		"not the selected label":           {Node("n", "4", "8Gi"), Pod("agent", "", "", Selects("disk", "ssd")), false},
		"the required zone":                {Node("n", "4", "8Gi", Zone("a")), Pod("agent", "", "", RequiresNode(v1.LabelTopologyZone, "a", "b")), true},
		"not the required zone":            {Node("n", "4", "8Gi", Zone("c")), Pod("agent", "", "", RequiresNode(v1.LabelTopologyZone, "a", "b")), false},
		"a preferred zone is not required": {Node("n", "4", "8Gi", Zone("c")), Pod("agent", "", "", PrefersNode(v1.LabelTopologyZone, "a")), true},
		"larger than the node":             {Node("n", "1", "1Gi"), Pod("agent", "64", "1Ti"), true},
	} {
		t.Run(name, func(t *testing.T) {
			pods := simulator.DaemonPods(tc.node, []*appsv1.DaemonSet{daemonSet(tc.pod)})
			require.Equal(t, tc.runs, len(pods) == 1)
		})
	}
}

func TestDaemonPodsAreAsTheControllerMakesThem(t *testing.T) {
	node := Node("vpsie-1", "4", "8Gi")
	pods := simulator.DaemonPods(node, []*appsv1.DaemonSet{
		daemonSet(Pod("proxy", "100m", "100Mi", In("kube-system"))), daemonSet(Pod("log", "200m", "1Gi", In("kube-system"))), daemonSet(Pod("log", "1", "1Gi", In("apps"))),
	})
	require.Len(t, pods, 3)
	assert.Equal(t, []string{"log-vpsie-1", "log-vpsie-1", "proxy-vpsie-1"}, names(pods), "sorted by namespace and name")
	assert.Equal(t, "apps", pods[0].Namespace)
	uids := map[any]bool{}
	for _, pod := range pods {
		uids[pod.UID] = true
		assert.Equal(t, "DaemonSet", metav1.GetControllerOf(pod).Kind)
		assert.Equal(t, "vpsie-1", pod.Spec.NodeName)
	}
	assert.Len(t, uids, 3)

	c := Cluster(t)
	require.NoError(t, c.AddNode(simulator.NodeSpec{Node: node, Pods: pods}))
	assert.Empty(t, Fits(t, c, Pod("p", "3", "1Gi")), "they take room from the first second on")
	assert.Equal(t, []string{"vpsie-1"}, Fits(t, c, Pod("p", "2700m", "1Gi")))
}

func TestDaemonPodsAreThoseOfTheController(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		node, pod := Node("n", "4", "8Gi"), Pod("agent", "1", "1Gi")
		for _, option := range rapid.SliceOf(rapid.SampledFrom([]func(*v1.Node){
			Zone("a"), Cordoned, Taint("a:NoSchedule"), Taint("a:NoExecute"), Taint("b=1:NoSchedule"), Taint("node.kubernetes.io/not-ready:NoSchedule"), NodeLabel("disk", "ssd"),
		})).Draw(rt, "node") {
			option(node)
		}
		for _, option := range rapid.SliceOf(rapid.SampledFrom([]func(*v1.Pod){
			Selects("disk", "ssd"), RequiresNode(v1.LabelTopologyZone, "a"), RequiresNodeNamed("n"), RequiresNodeNamed("other"), Tolerates("a:NoSchedule"), Tolerates("a:NoExecute"),
			Tolerates("b=1:NoSchedule"), Tolerates("*"), func(pod *v1.Pod) { pod.Spec.HostNetwork = true },
		})).Draw(rt, "pod") {
			option(pod)
		}
		set := daemonSet(pod)
		want, _ := daemon.NodeShouldRunDaemonPod(logr.Discard(), node, set)
		assert.Equal(rt, want, len(simulator.DaemonPods(node, []*appsv1.DaemonSet{set})) == 1)
	})
}
