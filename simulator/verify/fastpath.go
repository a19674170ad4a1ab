package verify

import (
	v1 "k8s.io/api/core/v1"
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
	seen := map[string]bool{}
	unique := func(node *v1.Node) bool {
		name, labelled := node.Labels[v1.LabelHostname]
		if !labelled || seen[name] {
			return false
		}
		seen[name] = true
		return true
	}
	for _, node := range request.Objects.Nodes {
		if !unique(node) {
			return false
		}
	}
	for i := range request.Added {
		if !unique(request.Added[i].Node) {
			return false
		}
	}
	return true
}
