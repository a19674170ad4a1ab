package simulator

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// Cycle is one scheduling cycle of one pod: PreFilter has run on the cluster as
// it was when the cycle began. A change of the cluster ends its worth.
type Cycle struct {
	cluster *Cluster
	fw      framework.Framework
	pod     *v1.Pod
	state   fwk.CycleState
	result  *fwk.PreFilterResult
	// refused is PreFilter's own refusal of every node.
	refused *fwk.Status
	// plugins that left only result.NodeNames.
	narrowing sets.Set[string]
}

// couplingPlugins look at pods on other nodes.
var couplingPlugins = []string{names.PodTopologySpread, names.InterPodAffinity}

// Cycle begins a scheduling cycle for pod under the profile that its
// schedulerName names.
func (c *Cluster) Cycle(pod *v1.Pod) (*Cycle, error) {
	p := c.profiles[pod.Spec.SchedulerName]
	if p == nil {
		return nil, fmt.Errorf("pod %s/%s: no profile for scheduler %q", pod.Namespace, pod.Name, pod.Spec.SchedulerName)
	}
	cycle := &Cycle{cluster: c, fw: p.framework, pod: pod, state: framework.NewCycleState()}
	result, status, narrowing := p.framework.RunPreFilterPlugins(c.ctx, cycle.state, pod)
	switch {
	case status.IsSuccess():
	case status.IsRejected():
		cycle.refused = status
	default:
		return nil, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, status.AsError())
	}
	cycle.result, cycle.narrowing = result, narrowing
	return cycle, nil
}

// Coupled says whether the pod's fit depends on pods of other nodes: a
// constraint of its own, or a constraint of a placed pod that matches it.
func (cy *Cycle) Coupled() bool {
	skipped := cy.state.GetSkipFilterPlugins()
	for _, plugin := range couplingPlugins {
		if !skipped.Has(plugin) {
			return true
		}
	}
	return false
}

// Refused is PreFilter's refusal of every node, nil if it left some.
func (cy *Cycle) Refused() *fwk.Status { return cy.refused }

// Filter holds the pod against a node with all Filter plugins; nil means that
// it fits, otherwise the first refusing plugin's status.
func (cy *Cycle) Filter(nodeName string) *fwk.Status {
	return cy.filter(nodeName, cy.fw.RunFilterPlugins, cy.state)
}

// FilterNominated is Filter as kube-scheduler runs it: the node must hold the
// pod with and without the pods of equal or higher priority nominated to it.
func (cy *Cycle) FilterNominated(nodeName string) *fwk.Status {
	return cy.filter(nodeName, cy.fw.RunFilterPluginsWithNominatedPods, cy.state)
}

// FilterUncoupled is Filter without the plugins that look at other nodes: the
// part of the verdict that stays true wherever other pods go.
func (cy *Cycle) FilterUncoupled(nodeName string) *fwk.Status {
	state := cy.state.Clone()
	state.SetSkipFilterPlugins(cy.state.GetSkipFilterPlugins().Union(sets.New(couplingPlugins...)))
	return cy.filter(nodeName, cy.fw.RunFilterPlugins, state)
}

type filterFunc func(ctx context.Context, state fwk.CycleState, pod *v1.Pod, node fwk.NodeInfo) *fwk.Status

func (cy *Cycle) filter(nodeName string, run filterFunc, state fwk.CycleState) *fwk.Status {
	c := cy.cluster
	c.filterCalls++
	if cy.refused != nil {
		return cy.refused
	}
	node := c.snapshot.byName[nodeName]
	if node == nil {
		return fwk.NewStatus(fwk.Error, fmt.Sprintf("node %q is not in the simulated cluster", nodeName))
	}
	if !cy.result.AllNodes() && !cy.result.NodeNames.Has(nodeName) {
		return cy.excluded()
	}
	return run(c.ctx, state, cy.pod, node)
}

// excluded words a PreFilterResult as kube-scheduler does.
func (cy *Cycle) excluded() *fwk.Status {
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable,
		fmt.Sprintf("node is filtered out by the prefilter plugin %v", sets.List(cy.narrowing)))
}

// Place puts the pod on a node: its claims are allocated, its volumes bound or
// provisioned where the node is, its nomination is given up. The node must have
// passed Filter in this cycle.
func (cy *Cycle) Place(nodeName string) error {
	c := cy.cluster
	if c.devices.wants(cy.pod) {
		if status := cy.fw.RunReservePluginsReserve(c.ctx, cy.state, cy.pod, nodeName); !status.IsSuccess() {
			return fmt.Errorf("pod %s/%s on node %s: %w", cy.pod.Namespace, cy.pod.Name, nodeName, status.AsError())
		}
		c.devices.settle(cy.pod)
	}
	if err := c.provision(cy.pod, nodeName); err != nil {
		return err
	}
	if c.nominator.nodeOf[cy.pod.UID] != "" {
		if err := c.Nominate(cy.pod, ""); err != nil {
			return err
		}
	}
	return c.bind(cy.pod, nodeName)
}

// Best scores the named nodes, all of which must have passed Filter in this
// cycle, and returns the highest; the first of several equal ones.
func (cy *Cycle) Best(nodeNames []string) (string, error) {
	if len(nodeNames) == 1 {
		return nodeNames[0], nil
	}
	c := cy.cluster
	nodes := make([]fwk.NodeInfo, len(nodeNames))
	for i, name := range nodeNames {
		nodes[i] = c.snapshot.byName[name]
	}
	if status := cy.fw.RunPreScorePlugins(c.ctx, cy.state, cy.pod, nodes); !status.IsSuccess() {
		return "", fmt.Errorf("pod %s/%s: %w", cy.pod.Namespace, cy.pod.Name, status.AsError())
	}
	scores, status := cy.fw.RunScorePlugins(c.ctx, cy.state, cy.pod, nodes)
	if !status.IsSuccess() {
		return "", fmt.Errorf("pod %s/%s: %w", cy.pod.Namespace, cy.pod.Name, status.AsError())
	}
	best := 0
	for i := range scores {
		if scores[i].TotalScore > scores[best].TotalScore {
			best = i
		}
	}
	return nodeNames[best], nil
}
