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

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// attempts remembers when kube-scheduler was last seen to try each pending pod,
// and when something last made it try pods again.
//
// What makes it try is that a Node appears, or changes its labels, its room or,
// unless our own taint keeps pods off anyway, its taints (the queueing hints of
// kube-scheduler's plugins). It tries at once a pod whose back-off is over; one
// that it tried a short while ago waits for the end of that first, unseen. So a
// pod is quiet when its back-off has ended after the latest change, or when it was
// tried since.
type attempts struct {
	clock clock.PassiveClock
	mu    sync.Mutex
	pods  map[types.UID]time.Time
	// stirred is the latest change that makes kube-scheduler try pods again.
	stirred time.Time
}

const (
	// firstBackoff and mostBackoff are kube-scheduler's podInitialBackoffSeconds
	// and podMaxBackoffSeconds. Each attempt that fails doubles a pod's back-off.
	firstBackoff = time.Second
	mostBackoff  = 10 * time.Second
	// lag is how long after a change an attempt may be seen that began before it.
	lag = 250 * time.Millisecond
)

func newAttempts(clock clock.PassiveClock) *attempts {
	return &attempts{clock: clock, pods: map[types.UID]time.Time{}}
}

func (a *attempts) sawPod(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pods[uid] = a.clock.Now()
}

func (a *attempts) forgetPod(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.pods, uid)
}

func (a *attempts) stir() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stirred = a.clock.Now()
}

// stirredSince says that kube-scheduler got a reason to try pods again.
func (a *attempts) stirredSince(at time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stirred.After(at)
}

// over is when the last of the attempts at the pods is over that anything so far
// has caused.
func (a *attempts) over(pods []*v1.Pod) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	latest := a.stirred
	for _, pod := range pods {
		tried := a.pods[pod.UID]
		due := tried
		if tried.Before(a.stirred.Add(lag)) {
			due = tried.Add(longestBackoff(pod, tried))
		}
		if due.After(latest) {
			latest = due
		}
	}
	return latest
}

// longestBackoff bounds the back-off of a pod that was tried at that time. It
// doubles from one attempt to the next, so it is no longer than the pod was old,
// and the first one.
func longestBackoff(pod *v1.Pod, tried time.Time) time.Duration {
	age := max(0, tried.Sub(pod.CreationTimestamp.Time))
	// Creation times are cut to seconds, which only makes pods older.
	return min(mostBackoff, firstBackoff+age)
}

// attempted says that a change of a pending pod is the trace of a scheduling
// cycle: kube-scheduler rewords the condition when the cluster has changed, and
// clears the nomination of a pod that it found no node for.
func attempted(before, after *v1.Pod) bool {
	return !equality.Semantic.DeepEqual(unschedulable(before), unschedulable(after)) ||
		before.Status.NominatedNodeName != "" && after.Status.NominatedNodeName == ""
}

// stirs says that a change of a Node makes kube-scheduler try pods again.
func stirs(before, after *v1.Node) bool {
	if !maps.Equal(before.Labels, after.Labels) || !equality.Semantic.DeepEqual(before.Status.Allocatable, after.Status.Allocatable) {
		return true
	}
	return !hasTaint(after, v1alpha1.StartupTaint) && (before.Spec.Unschedulable != after.Spec.Unschedulable ||
		!slices.EqualFunc(before.Spec.Taints, after.Spec.Taints, func(a, b v1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value }))
}

func nodeReady(node *v1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c v1.NodeCondition) bool {
		return c.Type == v1.NodeReady && c.Status == v1.ConditionTrue
	})
}
