package scaleup

import (
	"maps"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// attempts remembers when kube-scheduler was last seen to try each pending pod,
// and when each Node last changed in a way that makes it try again.
type attempts struct {
	clock clock.PassiveClock
	mu    sync.Mutex
	pods  map[types.UID]time.Time
	nodes map[string]time.Time
}

func newAttempts(clock clock.PassiveClock) *attempts {
	return &attempts{clock: clock, pods: map[types.UID]time.Time{}, nodes: map[string]time.Time{}}
}

func (a *attempts) sawPod(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pods[uid] = a.clock.Now()
}

func (a *attempts) sawNode(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nodes[name] = a.clock.Now()
}

func (a *attempts) forgetPod(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pods, uid)
}

func (a *attempts) forgetNode(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.nodes, name)
}

// latest is when something last happened to the node or one of the pods.
func (a *attempts) latest(node string, pods []*v1.Pod) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	latest := a.nodes[node]
	for _, pod := range pods {
		if at := a.pods[pod.UID]; at.After(latest) {
			latest = at
		}
	}
	return latest
}

// attempted says that a change of a pending pod is the trace of a scheduling
// cycle: kube-scheduler rewords the condition when the cluster has changed, and
// clears the nomination of a pod that it found no node for.
func attempted(before, after *v1.Pod) bool {
	return !equality.Semantic.DeepEqual(unschedulable(before), unschedulable(after)) ||
		before.Status.NominatedNodeName != "" && after.Status.NominatedNodeName == ""
}

// stirs says that a change of a Node may make kube-scheduler try pods again.
func stirs(before, after *v1.Node) bool {
	return before.Spec.Unschedulable != after.Spec.Unschedulable ||
		!maps.Equal(before.Labels, after.Labels) ||
		!slices.EqualFunc(before.Spec.Taints, after.Spec.Taints, func(a, b v1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value }) ||
		nodeReady(before) != nodeReady(after) ||
		!equality.Semantic.DeepEqual(before.Status.Allocatable, after.Status.Allocatable)
}

func nodeReady(node *v1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c v1.NodeCondition) bool {
		return c.Type == v1.NodeReady && c.Status == v1.ConditionTrue
	})
}
