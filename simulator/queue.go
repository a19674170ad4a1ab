package simulator

import (
	"sort"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1"
)

// sortQueue orders pods as kube-scheduler's queue does: higher priority first,
// then older first. Pods that are equal there are ordered by name, so that the
// order in which they were read carries no meaning.
func sortQueue(pods []*v1.Pod) {
	sort.Slice(pods, func(i, j int) bool { return queuesBefore(pods[i], pods[j]) })
}

func queuesBefore(a, b *v1.Pod) bool {
	if pa, pb := corev1.PodPriority(a), corev1.PodPriority(b); pa != pb {
		return pa > pb
	}
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	if a.Namespace != b.Namespace {
		return a.Namespace < b.Namespace
	}
	return a.Name < b.Name
}

// Gated says why kube-scheduler does not even try a pod, in its own words: the
// pod belongs to another scheduler, or a PreEnqueue plugin holds it back. Both
// results are "" for a pod that is in the queue.
func (c *Cluster) Gated(pod *v1.Pod) (plugin, reason string) {
	p := c.profileOf(pod)
	if p == nil {
		return "SchedulerName", "pod is left to the scheduler \"" + pod.Spec.SchedulerName + "\", which this configuration has no profile for"
	}
	for _, gate := range p.framework.PreEnqueuePlugins() {
		if podGroupGate[gate.Name()] {
			continue
		}
		if status := gate.PreEnqueue(c.ctx, pod); !status.IsSuccess() {
			return gate.Name(), status.Message()
		}
	}
	return "", ""
}

// podGroupGate names the PreEnqueue plugins that wait for the rest of a pod
// group; the planner places groups as a whole instead.
var podGroupGate = map[string]bool{"GangScheduling": true, "DeferredPodScheduling": true}
