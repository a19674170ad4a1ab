package simulator

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Internals lists what plugins read and no exported method shows, a line each:
// two clusters in one state have the same lines.
func (c *Cluster) Internals() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for i, info := range c.snapshot.nodes {
		node := info.(*framework.NodeInfo)
		add("node %d %s: %s", i, node.Node().Name, mustJSON(node.Node()))
		scalars := map[string]int64{}
		for name, amount := range node.Requested.ScalarResources {
			if amount != 0 {
				scalars[string(name)] = amount
			}
		}
		add("node %d requested %d %d %d %v, nonzero %d %d", i, node.Requested.MilliCPU, node.Requested.Memory, node.Requested.EphemeralStorage, scalars,
			node.NonZeroRequested.MilliCPU, node.NonZeroRequested.Memory)
		add("node %d ports %v claims %v", i, node.UsedPorts, node.PVCRefCounts)
		add("node %d pods %v affinity %v anti %v", i, podNames(node.Pods), podNames(node.PodsWithAffinity), podNames(node.PodsWithRequiredAntiAffinity))
		for name, state := range node.ImageStates {
			add("node %d image %s %d on %d", i, name, state.Size, state.NumNodes)
		}
	}
	for name, set := range map[string]nodeSet{"affinity": c.snapshot.withAffinity, "anti": c.snapshot.withAntiAffinity, "nonHost": c.snapshot.withNonHostAntiAffinity} {
		add("nodes with %s: %v", name, nodeNames(set.list))
		add("index of %s: %d", name, len(set.at))
	}
	for name := range c.snapshot.byName {
		add("named %s", name)
	}
	for name, state := range c.snapshot.images {
		add("image %s on %d", name, state.NumNodes)
	}
	for uid, at := range c.placed {
		add("placed %s on %s", uid, at.node.Node().Name)
	}
	add("claims in use %v", c.snapshot.pvcUse)
	for kind, informer := range c.informers.byType {
		for _, key := range informer.indexer.ListKeys() {
			object, _, _ := informer.indexer.GetByKey(key)
			add("stored %s %s %s", kind, key, mustJSON(object))
		}
	}
	for key, claim := range c.devices.claims {
		add("device claim %s %s", key, mustJSON(claim))
	}
	for uid, claim := range c.devices.pending {
		add("allocation in flight %s %s", uid, mustJSON(claim))
	}
	for node, pods := range c.nominator.byNode {
		names := make([]string, len(pods))
		for i, pod := range pods {
			names[i] = pod.GetPod().Name
		}
		add("nominated to %s: %v", node, names)
	}
	for uid, node := range c.nominator.nodeOf {
		add("nominated %s to %s", uid, node)
	}
	sort.Strings(lines)
	return lines
}

// OpenForks says how many forks are open and how many changes they hold.
func (c *Cluster) OpenForks() (forks, changes int) { return len(c.journal.marks), len(c.journal.undo) }

// Framework gives the tests that warn of kept states the framework itself.
func (cy *Cycle) Framework() (framework.Framework, fwk.CycleState) { return cy.fw, cy.state }

// InformerKinds says which informers the frameworks asked for.
func (c *Cluster) InformerKinds() []reflect.Type {
	kinds := make([]reflect.Type, 0, len(c.informers.byType))
	for kind := range c.informers.byType {
		kinds = append(kinds, kind)
	}
	return kinds
}

func mustJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func podNames(pods []fwk.PodInfo) []string {
	names := make([]string, len(pods))
	for i, pod := range pods {
		names[i] = string(pod.GetPod().UID)
	}
	sort.Strings(names)
	return names
}

func nodeNames(nodes []fwk.NodeInfo) []string {
	names := make([]string, len(nodes))
	for i, node := range nodes {
		names[i] = node.Node().Name
	}
	sort.Strings(names)
	return names
}
