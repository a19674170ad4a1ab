package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/explain"
)

func refused(name string, reasons ...explain.Reason) explain.Verdict {
	return explain.Verdict{Name: name, Reasons: reasons}
}

func fits(name string) explain.Verdict {
	return explain.Verdict{Name: name, Fits: true, Reasons: []explain.Reason{}}
}

var (
	noCPU   = explain.Reason{Plugin: "NodeResourcesFit", Message: "Insufficient cpu"}
	noMatch = explain.Reason{Plugin: "NodeAffinity", Message: "node(s) didn't match Pod's node affinity/selector"}
	tainted = explain.Reason{Plugin: "TaintToleration", Message: "node(s) had untolerated taint(s)"}
)

func matrix() *explain.PodMatrix {
	return &explain.PodMatrix{
		Pod: "shop/web-0", Fits: true, Node: "node-b", Summary: "0/2 nodes are available: 2 Insufficient cpu.",
		Nodes: []explain.Verdict{refused("node-a", noCPU, tainted), refused("node-b", noCPU)},
		Templates: []explain.Verdict{
			fits("large/open/ams1"), fits("large/open/fra1"), refused("large/open/nyc1", noMatch),
			refused("small/open/ams1", noCPU), refused("small/open/fra1", noCPU), refused("small/open/nyc1", noCPU, noMatch),
		},
	}
}

func room() *explain.NodeRoom {
	return &explain.NodeRoom{
		Node: "node-a", NodeGroup: "general", Offering: "small", Datacenter: "ams1", PricePerHour: 0.0125, Unschedulable: true,
		Resources: []explain.Room{
			{Resource: "cpu", Allocatable: 2000, Requested: 500, Free: 1500},
			{Resource: "memory", Allocatable: 4 << 30, Requested: 1 << 30, Free: 3 << 30},
			{Resource: "example.com/odd", Requested: 1, Free: -1},
			{Resource: "pods", Allocatable: 110, Requested: 1, Free: 109},
		},
		Pods:    []explain.RunningPod{{Pod: "web/running", MilliCPU: 500, MemoryBytes: 1 << 30}},
		Pending: []explain.Verdict{fits("web/a"), fits("web/b"), fits("web/c"), fits("web/d"), refused("web/e", noCPU, tainted), refused("web/f", noCPU, tainted)},
	}
}

func choices() map[string]*explain.OfferingChoice {
	half := 0.006
	plan := explain.Outcome{AddedPerHour: 1, Unschedulable: 1, Machines: map[string]int{"small": 2, "large": 1200}}
	all := []string{"small/open/ams1", "small/open/fra1"}
	return map[string]*explain.OfferingChoice{
		"dearer":   {Offering: "small", PricePerHour: 0.0125, Templates: all, FittingPods: 3, PendingPods: 4, Chosen: true, Machines: 2, PlannedPods: 3, Plan: plan, Without: &explain.Outcome{AddedPerHour: 1.5, Unschedulable: 1, Machines: map[string]int{"large": 3}}},
		"needed":   {Offering: "small", PricePerHour: 0.0125, Templates: all, FittingPods: 3, PendingPods: 4, Chosen: true, Machines: 2, PlannedPods: 3, Plan: plan, Without: &explain.Outcome{AddedPerHour: 0.5, Unschedulable: 3, Machines: map[string]int{}}},
		"equal":    {Offering: "small", PricePerHour: 0.0125, Templates: all, FittingPods: 3, PendingPods: 4, Chosen: true, Machines: 2, PlannedPods: 3, Plan: plan, Without: &plan},
		"sold-out": {Offering: "small", PricePerHour: 0.0125, Templates: []string{}, PendingPods: 4, Plan: plan},
		"idle":     {Offering: "small", PricePerHour: 0.0125, Templates: all, Plan: explain.Outcome{Machines: map[string]int{}}},
		"misfit":   {Offering: "small", PricePerHour: 0.0125, Templates: all, PendingPods: 4, Plan: plan},
		"dear":     {Offering: "small", PricePerHour: 0.0125, Templates: all, FittingPods: 1, PendingPods: 4, Plan: plan, ChosenAt: &half},
		"hopeless": {Offering: "small", PricePerHour: 0.0125, Templates: all, FittingPods: 1, PendingPods: 4, Plan: plan},
	}
}

func TestGoldenExplanations(t *testing.T) {
	styles := map[string]Style{"": Plain, ".terminal": {Bars: true, Colors: true, Width: 60}}
	for suffix, style := range styles {
		for _, format := range []string{Table, Wide} {
			var pod, node bytes.Buffer
			require.NoError(t, WritePod(&pod, matrix(), format, style))
			golden(t, "pod."+format+suffix, pod.Bytes())
			require.NoError(t, WriteNode(&node, room(), "USD", format, style))
			golden(t, "node."+format+suffix, node.Bytes())
		}
	}
	for name, choice := range choices() {
		var out bytes.Buffer
		require.NoError(t, WriteOffering(&out, choice, "EUR", Table, Plain))
		golden(t, "offering."+name, out.Bytes())
	}
}

func TestExplanationsAsJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WritePod(&out, matrix(), JSON, Plain))
	var document map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &document))
	keys := []string{}
	for key := range document {
		keys = append(keys, key)
	}
	assert.ElementsMatch(t, []string{"pod", "fits", "nodes", "templates"}, keys)
	assert.Equal(t, map[string]any{
		"name": "node-b", "fits": false,
		"reasons": []any{map[string]any{"plugin": "NodeResourcesFit", "message": "Insufficient cpu"}},
	}, document["nodes"].([]any)[1])
	assert.Equal(t, map[string]any{"name": "large/open/ams1", "fits": true, "reasons": []any{}}, document["templates"].([]any)[0])

	out.Reset()
	require.NoError(t, WriteNode(&out, room(), "USD", YAML, Plain))
	assert.Contains(t, out.String(), "node: node-a\n")
	assert.Error(t, WritePod(&out, matrix(), HTML, Plain), "there is no page for it")
	assert.ErrorIs(t, WriteOffering(broken{}, choices()["dear"], "USD", Table, Plain), errBroken)
}
