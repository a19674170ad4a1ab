package scaleup

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// hold splits a plan's machines into those to buy now and those for which no pod
// has waited for its NodeGroup's stabilizationWindow, and until notBefore, by the
// pod's name. A machine for a minimum or for spare room alone waits for nobody. next is when the first of the held ones
// may be bought, zero when there is none.
func hold(machines []plan.Machine, groups map[string]*v1alpha1.NodeGroup, pods map[string]*v1.Pod, notBefore map[string]time.Time, now time.Time) (buy, held []plan.Machine, next time.Time) {
	for _, m := range machines {
		window := time.Duration(0)
		if group := groups[m.NodeGroup]; group != nil && group.Spec.ScaleUpPolicy.StabilizationWindow != nil {
			window = group.Spec.ScaleUpPolicy.StabilizationWindow.Duration
		}
		open := time.Time{}
		for _, name := range m.Pods {
			if pod := pods[name]; pod != nil {
				since := pendingSince(pod, now).Add(window)
				if until := notBefore[name]; until.After(since) {
					since = until
				}
				if open.IsZero() || since.Before(open) {
					open = since
				}
			}
		}
		if open.IsZero() || !open.After(now) {
			buy = append(buy, m)
			continue
		}
		held = append(held, m)
		if next.IsZero() || open.Before(next) {
			next = open
		}
	}
	return buy, held, next
}

// pendingSince is when kube-scheduler first found no node for the pod; now, if it
// has not tried yet.
func pendingSince(pod *v1.Pod, now time.Time) time.Time {
	if c := unschedulable(pod); c != nil && !c.LastTransitionTime.IsZero() {
		return c.LastTransitionTime.Time
	}
	return now
}

// unschedulable is kube-scheduler's word that it found no node for the pod, nil
// if it has not given it.
func unschedulable(pod *v1.Pod) *v1.PodCondition {
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		if c.Type == v1.PodScheduled && c.Status == v1.ConditionFalse && c.Reason == v1.PodReasonUnschedulable {
			return c
		}
	}
	return nil
}

// cooling says until when a group buys nothing because it has just bought; zero
// when it may. What it bought last is the newest of its VPSieNodes that did not fail.
func cooling(group *v1alpha1.NodeGroup, machines []*v1alpha1.VPSieNode, now time.Time) time.Time {
	if group.Spec.ScaleUpPolicy.Cooldown == nil || group.Spec.ScaleUpPolicy.Cooldown.Duration == 0 {
		return time.Time{}
	}
	latest := time.Time{}
	for _, m := range machines {
		if m.Spec.NodeGroup == group.Name && m.Status.Phase != v1alpha1.PhaseFailed && m.CreationTimestamp.After(latest) {
			latest = m.CreationTimestamp.Time
		}
	}
	if end := latest.Add(group.Spec.ScaleUpPolicy.Cooldown.Duration); !latest.IsZero() && end.After(now) {
		return end
	}
	return time.Time{}
}
