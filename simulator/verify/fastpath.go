package verify

import (
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// fastPathFits says that the hostname fast path is wanted and cannot change a
// verdict: every node has a hostname of its own, and no room is kept for pods
// outside the plan, whose objections the fast path hears where kube-scheduler
// does not.
//
// The pods of the plan may be nominated on the fast path as long as the plan
// goes as planned: a planned pod that objects to another on its node is refused
// in its turn either way.
func fastPathFits(request *Request) bool {
	if !request.HostnameFastPath {
		return false
	}
	for _, pod := range request.Objects.Pods {
		_, mine := request.Planned[nameOf(pod)]
		if !mine && pod.Spec.NodeName == "" && pod.Status.NominatedNodeName != "" {
			return false
		}
	}
	nodes := append([]*v1.Node(nil), request.Objects.Nodes...)
	for i := range request.Added {
		nodes = append(nodes, request.Added[i].Node)
	}
	return simulator.UniqueHostnames(nodes)
}
