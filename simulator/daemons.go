package simulator

import (
	"sort"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/pkg/controller/daemon"
	"k8s.io/utils/ptr"
)

// DaemonPods returns the pods that the DaemonSet controller would run on node,
// by the controller's own test, sorted by DaemonSet.
func DaemonPods(node *v1.Node, daemonSets []*appsv1.DaemonSet) []*v1.Pod {
	var pods []*v1.Pod
	for _, set := range daemonSets {
		if run, _ := daemon.NodeShouldRunDaemonPod(logr.Discard(), node, set); !run {
			continue
		}
		pod := daemon.NewPod(set, node.Name)
		pod.Name = set.Name + "-" + node.Name
		pod.UID = syntheticUID("daemon", set.Namespace, pod.Name)
		pod.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "DaemonSet", Name: set.Name, UID: set.UID, Controller: ptr.To(true),
		}}
		pods = append(pods, pod)
	}
	sort.Slice(pods, func(i, j int) bool {
		if pods[i].Namespace != pods[j].Namespace {
			return pods[i].Namespace < pods[j].Namespace
		}
		return pods[i].Name < pods[j].Name
	})
	return pods
}
