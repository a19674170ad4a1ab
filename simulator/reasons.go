package simulator

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
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
	p := c.profiles[pod.Spec.SchedulerName]
	if p == nil {
		return nil, fmt.Errorf("pod %s/%s: no profile for scheduler %q", pod.Namespace, pod.Name, pod.Spec.SchedulerName)
	}
	if p.probes == nil {
		if err := c.buildProbes(p); err != nil {
			return nil, err
		}
	}
	probe := &Probe{cluster: c, pod: pod}
	for _, plugin := range p.probes {
		answer := probeAnswer{plugin: plugin, state: framework.NewCycleState()}
		if plugin.preFilter != nil {
			answer.result, answer.status = plugin.preFilter.PreFilter(c.ctx, answer.state, pod, c.snapshot.nodes)
			if answer.status.IsSkip() {
				continue
			}
			if !answer.status.IsSuccess() && !answer.status.IsRejected() {
				return nil, fmt.Errorf("pod %s/%s: plugin %s: %w", pod.Namespace, pod.Name, plugin.name, answer.status.AsError())
			}
		}
		probe.answers = append(probe.answers, answer)
	}
	return probe, nil
}

// buildProbes makes one more instance of each filtering plugin of the profile,
// with the profile's arguments and the same stores behind it.
func (c *Cluster) buildProbes(p *profile) error {
	listed := p.framework.ListPlugins()
	registry := plugins.NewInTreeRegistry()
	arguments := map[string]runtime.Object{}
	for i := range c.config.configuration.Profiles {
		if profile := &c.config.configuration.Profiles[i]; profile.SchedulerName == p.name {
			for _, config := range profile.PluginConfig {
				arguments[config.Name] = config.Args
			}
		}
	}
	built := map[string]bool{}
	for _, name := range append(pluginNames(listed.PreFilter.Enabled), pluginNames(listed.Filter.Enabled)...) {
		if built[name] {
			continue
		}
		built[name] = true
		instance, err := registry[name](c.ctx, arguments[name], p.framework)
		if err != nil {
			return fmt.Errorf("plugin %s: %w", name, err)
		}
		preFilter, _ := instance.(fwk.PreFilterPlugin)
		filter, _ := instance.(fwk.FilterPlugin)
		p.probes = append(p.probes, probePlugin{name: name, preFilter: preFilter, filter: filter})
	}
	return nil
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
			status = fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("node(s) didn't satisfy plugin %s", answer.plugin.name))
		case answer.plugin.filter != nil:
			status = answer.plugin.filter.Filter(p.cluster.ctx, answer.state, p.pod, node)
		}
		if !status.IsSuccess() {
			reasons = append(reasons, Reason{Plugin: answer.plugin.name, Message: strings.Join(status.Reasons(), ", ")})
		}
	}
	return reasons
}

// Summary is what kube-scheduler would write into the pod's FailedScheduling
// event now: "0/12 nodes are available: …"; "" when a node holds the pod.
func (c *Cluster) Summary(pod *v1.Pod) (string, error) {
	cycle, err := c.Cycle(pod)
	if err != nil {
		return "", err
	}
	diagnosis := framework.Diagnosis{NodeToStatus: framework.NewDefaultNodeToStatus()}
	if cycle.refused != nil {
		diagnosis.PreFilterMsg = cycle.refused.Message()
		diagnosis.NodeToStatus.SetAbsentNodesStatus(cycle.refused)
	} else {
		for _, node := range c.snapshot.nodes {
			status := cycle.Filter(node.Node().Name)
			if status.IsSuccess() {
				return "", nil
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
