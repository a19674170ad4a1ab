package scaleup

import (
	"context"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/verify"
)

// earlier lists where earlier plans put pods that have no node yet, by name: on
// machines that are on their way, by places on nodes that take pods, and, which a
// restart does not forget, on machines that became ready after since. Where
// kube-scheduler has preempted for a pod, that counts.
func (d *decision) earlier(places map[string]string, since time.Time) map[types.NamespacedName]string {
	at := map[string]string{}
	for _, machine := range d.snapshot.Machines {
		ready := machine.Status.ReadyAt != nil && machine.Status.ReadyAt.After(since) && machine.DeletionTimestamp == nil
		for _, pod := range machine.Spec.Pods {
			switch {
			case d.snapshot.Upcoming[machine.Spec.Hostname] == machine:
				at[pod] = machine.Spec.Hostname
			case ready && places[pod] == "" && at[pod] == "":
				at[pod] = machine.Spec.Hostname
			}
		}
	}
	there := map[string]bool{}
	for _, node := range d.snapshot.Objects.Nodes {
		there[node.Name] = true
	}
	list := map[types.NamespacedName]string{}
	for name, pod := range d.pods {
		node := at[name]
		if node == "" {
			node = places[name]
		}
		// Which devices a pod will get is known only when it has them.
		if !there[node] || len(pod.Spec.ResourceClaims) > 0 ||
			pod.Status.NominatedNodeName != "" && pod.Status.NominatedNodeName != node {
			continue
		}
		list[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = node
	}
	return list
}

// commit settles what earlier plans promised: a pod that its node takes, beside
// all the others, counts as running there. kube-scheduler may be busy with it, or
// the machine may not have come yet; neither is a reason to plan it again. Those
// that their nodes refuse by now are planned like new ones.
func (d *decision) commit(ctx context.Context, config *simulator.SchedulerConfig, earlier map[types.NamespacedName]string) error {
	if len(earlier) == 0 {
		return nil
	}
	result, err := verify.Verify(ctx, verify.Request{Objects: d.snapshot.Objects, Config: config, Planned: earlier, HostnameFastPath: true, ScoreOrderLimit: -1})
	if err != nil {
		return fmt.Errorf("what was planned before: %w", err)
	}
	for i := range result.Refused {
		delete(earlier, result.Refused[i].Pod)
	}
	d.committed = map[string][]string{}
	d.snapshot.Objects.Pods = slices.Clone(d.snapshot.Objects.Pods)
	for i, pod := range d.snapshot.Objects.Pods {
		node := earlier[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}]
		if node == "" || pod.Spec.NodeName != "" {
			continue
		}
		d.committed[node] = append(d.committed[node], observe.PodKey(pod))
		d.snapshot.Objects.Pods[i] = running(pod, node)
	}
	return nil
}

// running is the pod as if it ran on the node.
func running(pod *v1.Pod, node string) *v1.Pod {
	bound := *pod
	bound.Spec.NodeName, bound.Status.NominatedNodeName = node, ""
	return &bound
}
