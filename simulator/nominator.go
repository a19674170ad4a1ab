package simulator

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// nominator holds which pod has room kept for it on which node, in the order
// of nomination.
type nominator struct {
	byNode map[string][]fwk.PodInfo
	nodeOf map[types.UID]string
}

var _ fwk.PodNominator = &nominator{}

func newNominator() *nominator {
	return &nominator{byNode: map[string][]fwk.PodInfo{}, nodeOf: map[types.UID]string{}}
}

func (n *nominator) set(pod fwk.PodInfo, node string) {
	n.clear(pod.GetPod().UID)
	if node == "" {
		return
	}
	// A full slice makes append copy: a fork may remember the array.
	n.byNode[node] = append(slices.Clip(n.byNode[node]), pod)
	n.nodeOf[pod.GetPod().UID] = node
}

func (n *nominator) clear(uid types.UID) {
	node, ok := n.nodeOf[uid]
	if !ok {
		return
	}
	delete(n.nodeOf, uid)
	kept := n.byNode[node][:0:0]
	for _, pod := range n.byNode[node] {
		if pod.GetPod().UID != uid {
			kept = append(kept, pod)
		}
	}
	if len(kept) == 0 {
		delete(n.byNode, node)
		return
	}
	n.byNode[node] = kept
}

// remember returns what restores the nominations that a change of the pod's
// touches, order included.
func (n *nominator) remember(uid types.UID, next string) func() {
	previous, nominated := n.nodeOf[uid]
	here, there := n.byNode[previous], n.byNode[next]
	return func() {
		n.restore(next, there)
		n.restore(previous, here)
		if nominated {
			n.nodeOf[uid] = previous
		} else {
			delete(n.nodeOf, uid)
		}
	}
}

func (n *nominator) restore(node string, pods []fwk.PodInfo) {
	if len(pods) == 0 {
		delete(n.byNode, node)
		return
	}
	n.byNode[node] = pods
}

func (n *nominator) NominatedPodsForNode(node string) []fwk.PodInfo { return n.byNode[node] }

func (n *nominator) AddNominatedPod(_ klog.Logger, pod fwk.PodInfo, info *fwk.NominatingInfo) {
	node := pod.GetPod().Status.NominatedNodeName
	if info.Mode() == fwk.ModeOverride {
		node = info.NominatedNodeName
	}
	n.set(pod, node)
}

func (n *nominator) DeleteNominatedPodIfExists(pod *v1.Pod) { n.clear(pod.UID) }

func (n *nominator) UpdateNominatedPod(_ klog.Logger, old *v1.Pod, pod fwk.PodInfo) {
	node := n.nodeOf[old.UID]
	n.clear(old.UID)
	n.set(pod, node)
}
