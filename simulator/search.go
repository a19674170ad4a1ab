package simulator

import (
	"sort"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// kube-scheduler's own limits of how many feasible nodes it looks for
// (pkg/scheduler/schedule_one.go).
const (
	minFeasibleNodes        = 100
	minFeasibleNodesPercent = 5
)

// FeasibleNodes looks for nodes that hold the pod as kube-scheduler does: node
// after node from position start on, nominations heeded, until there are as
// many as it would score. Below 100 nodes that is all of them. It also returns
// the position at which kube-scheduler would start with the next pod.
//
// kube-scheduler asks 16 nodes at a time and so may find others among equals;
// here the nodes are asked strictly in turn.
func (cy *Cycle) FeasibleNodes(start int) (names []string, next int) {
	c := cy.cluster
	all := len(c.snapshot.nodes)
	if all == 0 || cy.refused != nil {
		return nil, start
	}
	nodes := c.snapshot.nodes
	if !cy.result.AllNodes() {
		nodes = cy.namedNodes()
	}
	wanted := cy.feasibleNodesWanted(len(nodes))
	asked := 0
	for ; asked < len(nodes) && len(names) < wanted; asked++ {
		name := nodes[(start+asked)%len(nodes)].Node().Name
		filter := cy.FilterNominated
		if len(c.nominator.byNode[name]) == 0 {
			// Without nominations it is the same, at half the price.
			filter = cy.Filter
		}
		if filter(name).IsSuccess() {
			names = append(names, name)
		}
	}
	return names, (start + asked) % all
}

// namedNodes are the nodes that PreFilter left, in the snapshot's order of names.
func (cy *Cycle) namedNodes() []fwk.NodeInfo {
	var nodes []fwk.NodeInfo
	for name := range cy.result.NodeNames {
		if node := cy.cluster.snapshot.byName[name]; node != nil {
			nodes = append(nodes, node)
		}
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Node().Name < nodes[j].Node().Name })
	return nodes
}

func (cy *Cycle) feasibleNodesWanted(nodes int) int {
	if !cy.fw.HasScorePlugins() {
		return 1
	}
	if nodes < minFeasibleNodes {
		return nodes
	}
	var percent int32
	if own := cy.fw.PercentageOfNodesToScore(); own != nil {
		percent = *own
	} else if global := cy.cluster.config.configuration.PercentageOfNodesToScore; global != nil {
		percent = *global
	}
	if percent == 0 {
		percent = max(50-int32(nodes)/125, minFeasibleNodesPercent)
	}
	return max(nodes*int(percent)/100, minFeasibleNodes)
}

// FilterPlugins lists the Filter plugins of the pod's profile, in its order;
// none when no profile is the pod's.
func (c *Cluster) FilterPlugins(pod *v1.Pod) []string {
	p := c.profileOf(pod)
	if p == nil {
		return nil
	}
	return p.filters
}

// Skips says whether the plugin has no say on the pod in this cycle: its
// PreFilter found nothing to look at.
func (cy *Cycle) Skips(plugin string) bool { return cy.state.GetSkipFilterPlugins().Has(plugin) }
