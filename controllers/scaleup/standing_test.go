package scaleup

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// spread makes a pod of an app that is spread over hosts or zones.
func spread(pod *v1.Pod, key string) *v1.Pod {
	pod.Labels = map[string]string{"app": "spread"}
	pod.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: v1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: pod.Labels},
	}}
	return pod
}

func TestNominationsThatStandTogether(t *testing.T) {
	beside := func(pod *v1.Pod, app string) *v1.Pod {
		pod.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{
			TopologyKey: v1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		}}}}
		return pod
	}
	of := func(pod *v1.Pod, app string) *v1.Pod {
		pod.Labels = map[string]string{"app": app}
		return pod
	}
	for name, test := range map[string]struct {
		// at are the planned pods, by node; bound those that are there already.
		at, bound map[string][]*v1.Pod
		// fall are the pods that are not nominated.
		fall []string
	}{
		"pods that do not look at others": {
			at: map[string][]*v1.Pod{"a": {pending("p1"), pending("p2"), pending("p3"), pending("p4")}, "b": {pending("p5")}},
		},
		"more than the node holds": {
			at:   map[string][]*v1.Pod{"a": {pending("p1"), pending("p2"), pending("p3"), pending("p4"), pending("p5")}},
			fall: []string{"p5"},
		},
		"one of a spread on each host": {
			at: map[string][]*v1.Pod{"a": {spread(pending("p1"), v1.LabelHostname)}, "b": {spread(pending("p2"), v1.LabelHostname)}},
		},
		"two of a spread on each host": {
			at: map[string][]*v1.Pod{
				"a": {spread(pending("p1"), v1.LabelHostname), spread(pending("p3"), v1.LabelHostname)},
				"b": {spread(pending("p2"), v1.LabelHostname), spread(pending("p4"), v1.LabelHostname)},
			},
			fall: []string{"p3", "p4"},
		},
		"the second of a spread when the first are bound": {
			bound: map[string][]*v1.Pod{"a": {spread(pending("p1"), v1.LabelHostname)}, "b": {spread(pending("p2"), v1.LabelHostname)}},
			at:    map[string][]*v1.Pod{"a": {spread(pending("p3"), v1.LabelHostname)}, "b": {spread(pending("p4"), v1.LabelHostname)}},
		},
		"two of a spread on two hosts of a zone: nobody objects, the room is kept": {
			at: map[string][]*v1.Pod{
				"a": {spread(pending("p1"), v1.LabelTopologyZone)}, "a2": {spread(pending("p2"), v1.LabelTopologyZone)},
				"b": {spread(pending("p3"), v1.LabelTopologyZone)},
			},
		},
		"beside a pod that is nominated only: the room is kept": {
			at: map[string][]*v1.Pod{"a": {of(pending("p1"), "db"), beside(pending("p2"), "db")}},
		},
		"beside a pod that is bound": {
			bound: map[string][]*v1.Pod{"a": {of(pending("p1"), "db")}},
			at:    map[string][]*v1.Pod{"a": {beside(pending("p2"), "db")}},
		},
		"a node that is gone": {
			at:   map[string][]*v1.Pod{"gone": {pending("p1")}, "a": {pending("p2")}},
			fall: []string{"p1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			objects := simulator.Objects{}
			for node, zone := range map[string]string{"a": "z1", "a2": "z1", "b": "z2"} {
				n := simtest.Node(node, "4", "16Gi")
				n.Labels[v1.LabelTopologyZone], n.Labels[v1.LabelHostname] = zone, node
				// Where nothing is planned, nothing counts for a spread.
				if len(test.at[node]) > 0 {
					objects.Nodes = append(objects.Nodes, n)
				}
			}
			for node, pods := range test.bound {
				for _, pod := range pods {
					objects.Pods = append(objects.Pods, withNode(pod, node))
				}
			}
			var places []place
			for node, pods := range test.at {
				for _, pod := range pods {
					objects.Pods = append(objects.Pods, pod)
					places = append(places, place{pod, node})
				}
			}
			config, err := simulator.DefaultSchedulerConfig()
			require.NoError(t, err)
			stand, err := standTogether(t.Context(), objects, config, places)
			require.NoError(t, err)
			var fall []string
			for _, p := range places {
				if !slices.ContainsFunc(stand, func(s place) bool { return s.pod == p.pod && s.node == p.node }) {
					fall = append(fall, p.pod.Name)
				}
			}
			slices.Sort(fall)
			assert.Equal(t, test.fall, fall)
		})
	}
}

func TestNodesAreOpenedInTheSimulatorOnly(t *testing.T) {
	closed := simtest.Node("m1", "4", "16Gi")
	closed.Spec.Taints = []v1.Taint{{Key: v1alpha1.StartupTaint, Effect: v1.TaintEffectNoSchedule}, {Key: "gpu", Effect: v1.TaintEffectNoSchedule}}
	other := closed.DeepCopy()
	other.Name = "m2"
	nodes := opened([]*v1.Node{closed, other}, []*arrival{{node: closed}})
	assert.Equal(t, []v1.Taint{{Key: "gpu", Effect: v1.TaintEffectNoSchedule}}, nodes[0].Spec.Taints)
	assert.Len(t, nodes[1].Spec.Taints, 2, "not this one")
	assert.Len(t, closed.Spec.Taints, 2, "the copy of the cluster is not changed")
}

func BenchmarkStandTogether(b *testing.B) {
	objects := simulator.Objects{}
	var places []place
	for i := range 100 {
		node := simtest.Node(fmt.Sprintf("n%03d", i), "16", "64Gi")
		objects.Nodes = append(objects.Nodes, node)
		for j := range 10 {
			pod := pending(fmt.Sprintf("p%03d-%d", i, j))
			objects.Pods = append(objects.Pods, pod)
			places = append(places, place{pod, node.Name})
		}
	}
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(b, err)
	for b.Loop() {
		stand, err := standTogether(b.Context(), objects, config, places)
		require.NoError(b, err)
		require.Len(b, stand, len(places))
	}
}
