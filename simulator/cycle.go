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
	profile *profile
	fw      framework.Framework
	pod     *v1.Pod
	state   fwk.CycleState
	result  *fwk.PreFilterResult
	// refused is PreFilter's own refusal of every node.
	refused *fwk.Status
	// plugins that left only result.NodeNames.
	narrowing sets.Set[string]
	// uncoupled is state with the coupling plugins skipped, made when asked for.
	uncoupled fwk.CycleState
}

// couplingPlugins look at pods on other nodes.
var couplingPlugins = []string{names.PodTopologySpread, names.InterPodAffinity}

// Cycle begins a scheduling cycle for pod under the profile that its
// schedulerName names. The only error is that there is no such profile; a pod
// that a plugin cannot make sense of is refused.
func (c *Cluster) Cycle(pod *v1.Pod) (*Cycle, error) {
	p := c.profileOf(pod)
	if p == nil {
		return nil, noProfile(pod)
	}
	cycle := &Cycle{cluster: c, profile: p, fw: p.framework, pod: pod, state: framework.NewCycleState()}
	result, status, narrowing := p.framework.RunPreFilterPlugins(c.ctx, cycle.state, pod)
	if !status.IsSuccess() {
		cycle.refused = named(status, narrowing)
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
	if cy.uncoupled == nil {
		cy.uncoupled = cy.state.Clone()
		cy.uncoupled.SetSkipFilterPlugins(cy.state.GetSkipFilterPlugins().Union(sets.New(couplingPlugins...)))
	}
	return cy.filter(nodeName, cy.fw.RunFilterPlugins, cy.uncoupled)
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

func (cy *Cycle) excluded() *fwk.Status {
	return named(excluded(sets.List(cy.narrowing)...), cy.narrowing)
}

// excluded words the refusal of a node that PreFilter results leave out as
// kube-scheduler does.
func excluded(plugins ...string) *fwk.Status {
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", plugins))
}

// named gives a refusal that several plugins' PreFilter results make together
// the first one's name; the framework leaves it without any.
func named(refusal *fwk.Status, narrowing sets.Set[string]) *fwk.Status {
	if refusal.Plugin() == "" && len(narrowing) > 0 {
		refusal.SetPlugin(sets.List(narrowing)[0])
	}
	return refusal
}

// Place puts the pod on a node: its claims are allocated, its volumes bound or
// provisioned where the node is, its nomination is given up. The node must have
// passed Filter in this cycle. After an error the cluster is in between: revert
// the fork.
func (cy *Cycle) Place(nodeName string) error {
	c, pod := cy.cluster, cy.pod
	node := c.snapshot.byName[nodeName]
	if node == nil {
		return fmt.Errorf("pod %s/%s: its node %s is not in the cluster", pod.Namespace, pod.Name, nodeName)
	}
	if at := c.NodeOf(pod); at != "" {
		return fmt.Errorf("pod %s/%s: already on node %s", pod.Namespace, pod.Name, at)
	}
	if cy.profile.devices != nil && c.devices.wants(pod) {
		// Not the framework's Reserve: VolumeBinding's would keep assumptions
		// of its own, which no fork reverts.
		if status := cy.profile.devices.Reserve(c.ctx, cy.state, pod, nodeName); !status.IsSuccess() {
			return fmt.Errorf("pod %s/%s on node %s: %w", pod.Namespace, pod.Name, nodeName, status.AsError())
		}
		c.devices.settle(pod)
	}
	if err := c.provision(pod, node.Node()); err != nil {
		return err
	}
	if c.NominatedNode(pod) != "" {
		if err := c.Nominate(pod, ""); err != nil {
			return err
		}
	}
	c.bind(c.infos.keep(pod), node)
	return nil
}

// Best scores the named nodes, all of which must have passed Filter in this
// cycle, and returns the highest; the first of several equal ones.
func (cy *Cycle) Best(nodeNames []string) (string, error) {
	c := cy.cluster
	nodes := make([]fwk.NodeInfo, len(nodeNames))
	for i, name := range nodeNames {
		node := c.snapshot.byName[name]
		if node == nil {
			return "", fmt.Errorf("pod %s/%s: node %s is not in the cluster", cy.pod.Namespace, cy.pod.Name, name)
		}
		nodes[i] = node
	}
	switch len(nodeNames) {
	case 0:
		return "", fmt.Errorf("pod %s/%s: no node to choose from", cy.pod.Namespace, cy.pod.Name)
	case 1:
		return nodeNames[0], nil
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

// Advance tells the cycle of a pod that was placed since it began, by the
// plugins' own AddPod. Plugins that had nothing to say when the cycle began do
// not hear of it, and PodTopologySpread's answer is not exact over three
// domains or more: the caller knows that neither matters.
func (cy *Cycle) Advance(placed *v1.Pod, nodeName string) error {
	node := cy.cluster.snapshot.byName[nodeName]
	if node == nil {
		return fmt.Errorf("node %q is not in the simulated cluster", nodeName)
	}
	status := cy.fw.RunPreFilterExtensionAddPod(cy.cluster.ctx, cy.state, cy.pod, cy.cluster.infos.keep(placed), node)
	cy.uncoupled = nil
	return status.AsError()
}

// Of is the same cycle for a pod that equals the cycle's own in everything that
// plugins read.
func (cy *Cycle) Of(pod *v1.Pod) *Cycle {
	other := *cy
	other.pod = pod
	return &other
}
