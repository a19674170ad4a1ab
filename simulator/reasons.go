package simulator

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Reason is one plugin's refusal of one node, in the plugin's own words.
type Reason struct {
	Plugin  string
	Message string
}

// probePlugin is a PreFilter or Filter plugin that runs alone.
type probePlugin struct {
	name      string
	preFilter fwk.PreFilterPlugin
	filter    fwk.FilterPlugin
}

// Probe asks every plugin on its own, where Filter stops at the first refusal.
type Probe struct {
	cluster *Cluster
	pod     *v1.Pod
	answers []probeAnswer
}

type probeAnswer struct {
	plugin probePlugin
	state  fwk.CycleState
	// names holds the nodes that the plugin's PreFilter left, nil for all.
	result *fwk.PreFilterResult
	status *fwk.Status
}

// Probe prepares the reasons for a pod on the cluster as it is now.
func (c *Cluster) Probe(pod *v1.Pod) (*Probe, error) {
	p := c.profileOf(pod)
	if p == nil {
		return nil, noProfile(pod)
	}
	probe := &Probe{cluster: c, pod: pod}
	for _, plugin := range p.probes {
		answer := probeAnswer{plugin: plugin, state: framework.NewCycleState()}
		if plugin.preFilter != nil {
			answer.result, answer.status = plugin.preFilter.PreFilter(c.ctx, answer.state, pod, c.snapshot.nodes)
			if answer.status.IsSkip() {
				continue
			}
		}
		probe.answers = append(probe.answers, answer)
	}
	return probe, nil
}

func probePlugins(pluginNames []string, made map[string]fwk.Plugin) []probePlugin {
	var probes []probePlugin
	listed := map[string]bool{}
	for _, name := range pluginNames {
		if listed[name] {
			continue
		}
		listed[name] = true
		preFilter, _ := made[name].(fwk.PreFilterPlugin)
		filter, _ := made[name].(fwk.FilterPlugin)
		probes = append(probes, probePlugin{name: name, preFilter: preFilter, filter: filter})
	}
	return probes
}

// Reasons lists every plugin that refuses the node, in the profile's order;
// none when the pod fits.
func (p *Probe) Reasons(nodeName string) []Reason {
	node := p.cluster.snapshot.byName[nodeName]
	if node == nil {
		return []Reason{{Plugin: "NodeName", Message: fmt.Sprintf("node %q is not in the simulated cluster", nodeName)}}
	}
	p.cluster.filterCalls++
	var reasons []Reason
	for _, answer := range p.answers {
		status := answer.status
		switch {
		case !status.IsSuccess():
		case !answer.result.AllNodes() && !answer.result.NodeNames.Has(nodeName):
			status = excluded(answer.plugin.name)
		case answer.plugin.filter != nil:
			status = answer.plugin.filter.Filter(p.cluster.ctx, answer.state, p.pod, node)
		}
		if !status.IsSuccess() {
			reasons = append(reasons, Reason{Plugin: answer.plugin.name, Message: strings.Join(status.Reasons(), ", ")})
		}
	}
	return reasons
}

// noNodes is what kube-scheduler says of every pod in a cluster without nodes
// (scheduler.ErrNoNodesAvailable).
const noNodes = "no nodes available to schedule pods"

// Summary is what kube-scheduler would write into the pod's FailedScheduling
// event now, before it looks for pods to preempt: "0/12 nodes are available: …";
// "" when a node holds the pod.
func (c *Cluster) Summary(pod *v1.Pod) (string, error) {
	if len(c.snapshot.nodes) == 0 {
		return noNodes, nil
	}
	cycle, err := c.Cycle(pod)
	if err != nil {
		return "", err
	}
	diagnosis := framework.Diagnosis{NodeToStatus: framework.NewDefaultNodeToStatus()}
	if cycle.refused != nil {
		if cycle.refused.Code() == fwk.Error {
			return cycle.refused.AsError().Error(), nil
		}
		diagnosis.PreFilterMsg = cycle.refused.Message()
		diagnosis.NodeToStatus.SetAbsentNodesStatus(cycle.refused)
	} else {
		for _, node := range c.snapshot.nodes {
			status := cycle.FilterNominated(node.Node().Name)
			if status.IsSuccess() {
				return "", nil
			}
			if status.Code() == fwk.Error {
				return status.AsError().Error(), nil
			}
			diagnosis.NodeToStatus.Set(node.Node().Name, status)
		}
	}
	fit := &framework.FitError{Pod: pod, NumAllNodes: len(c.snapshot.nodes), Diagnosis: diagnosis}
	return fit.Error(), nil
}

func pluginNames(enabled []schedulerconfig.Plugin) []string {
	names := make([]string, len(enabled))
	for i, plugin := range enabled {
		names[i] = plugin.Name
	}
	return names
}
