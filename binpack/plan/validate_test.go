package plan_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

const someHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// good is a plan that uses every field.
func good() *plan.Plan {
	p := &plan.Plan{
		APIVersion: plan.APIVersion,
		Kind:       plan.Kind,
		Metadata: plan.Metadata{Inputs: plan.Inputs{
			Snapshot: someHash, Catalog: someHash, SchedulerConfig: someHash,
			FeatureGates: []string{"DRAPartitionableDevices=true", "GenericWorkload=false"},
		}},
		Placement:    plan.PlacementNominated,
		Alternatives: []plan.Alternative{{Summary: "only large", PricePerHour: 0.5}},
		PricePerHour: plan.Price{Before: 1, After: 1.2, Added: 0.3, Removed: 0.1},
		LowerBound:   plan.LowerBound{PricePerHour: 0.25, Gap: 0.3/0.25 - 1, Method: "columnGeneration"},
		Add: []plan.Machine{
			{Name: "new-1", NodeGroup: "open", Offering: "small", Datacenter: "ams1", Zone: "ams1", PricePerHour: 0.1, Pods: []string{"a/x", "a/y"}},
			{Name: "new-2", NodeGroup: "open", Offering: "large", Datacenter: "ams1", Zone: "ams1", PricePerHour: 0.2, Pods: []string{}},
		},
		Remove: []plan.Removal{{
			Name: "old-1", NodeGroup: "open", Offering: "small", PricePerHour: 0.1, Reason: "empty enough",
			Pods: []plan.Move{{Pod: "r/1", To: "new-2"}, {Pod: "r/2", To: "old-2"}},
		}},
		Existing: []plan.ExistingNode{{Name: "old-2", Pods: []string{"a/z"}}},
		Unschedulable: []plan.Unschedulable{{
			Pod: "b/huge", Summary: "0/3 nodes are available: 3 Insufficient cpu.",
			Reasons: []plan.Reason{
				{Template: "*", Plugin: "NodeResourcesFit", Message: "Insufficient cpu"},
				{Template: "small/open/*", Plugin: "NodeAffinity", Message: "no"},
			},
		}},
		Stats: plan.Stats{Pods: 4, Classes: 2, Templates: 2, FilterCalls: 10},
	}
	p.Metadata.ID = plan.ID(p.Metadata.Inputs)
	return p
}

// empty is the plan of a cluster that wants nothing.
func empty() *plan.Plan {
	p := &plan.Plan{
		APIVersion: plan.APIVersion,
		Kind:       plan.Kind,
		Metadata: plan.Metadata{Inputs: plan.Inputs{
			Snapshot: someHash, Catalog: someHash, SchedulerConfig: someHash, FeatureGates: []string{},
		}},
		Placement:    plan.PlacementNominated,
		LowerBound:   plan.LowerBound{Method: "columnGeneration"},
		Alternatives: []plan.Alternative{}, Add: []plan.Machine{}, Remove: []plan.Removal{},
		Existing: []plan.ExistingNode{}, Unschedulable: []plan.Unschedulable{},
	}
	p.Metadata.ID = plan.ID(p.Metadata.Inputs)
	return p
}

func TestGoodPlansAreValid(t *testing.T) {
	assert.NoError(t, plan.Validate(good()))
	assert.NoError(t, plan.Validate(empty()))
}

func TestSumsInAnotherOrderAreEqual(t *testing.T) {
	p := good()
	p.PricePerHour.Added = math.Nextafter(p.PricePerHour.Added, 1)
	assert.NoError(t, plan.Validate(p))
}

func TestBrokenPlans(t *testing.T) {
	tests := []struct {
		situation string
		spoil     func(p *plan.Plan)
		want      string
	}{
		{"another version", func(p *plan.Plan) { p.APIVersion = "v2" }, "apiVersion"},
		{"another kind", func(p *plan.Plan) { p.Kind = "Pod" }, "kind"},
		{"an ID of other inputs", func(p *plan.Plan) { p.Metadata.ID = "plan-0000000000000000" }, "metadata.id"},
		{"no snapshot", func(p *plan.Plan) { p.Metadata.Inputs.Snapshot = "" }, "metadata.inputs.snapshot"},
		{"a catalogue's hash in capitals", func(p *plan.Plan) { p.Metadata.Inputs.Catalog = string(bytes.ToUpper([]byte(someHash))) }, "metadata.inputs.catalog"},
		{"a short hash", func(p *plan.Plan) { p.Metadata.Inputs.SchedulerConfig = someHash[:10] }, "metadata.inputs.schedulerConfig"},
		{"null gates", func(p *plan.Plan) { p.Metadata.Inputs.FeatureGates = nil }, "featureGates: is null"},
		{"a gate without a value", func(p *plan.Plan) { p.Metadata.Inputs.FeatureGates = []string{"Gate"} }, `"Gate" is not Name=true`},
		{"unsorted gates", func(p *plan.Plan) { p.Metadata.Inputs.FeatureGates = []string{"B=true", "A=true"} }, "is not sorted"},
		{"an unknown placement", func(p *plan.Plan) { p.Placement = "hope" }, "placement"},

		{"null machines", func(p *plan.Plan) { p.Add = nil; p.PricePerHour.Added = 0 }, "add: is null"},
		{"null removals", func(p *plan.Plan) { p.Remove = nil }, "remove: is null"},
		{"null existing nodes", func(p *plan.Plan) { p.Existing = nil }, "existing: is null"},
		{"null unschedulable pods", func(p *plan.Plan) { p.Unschedulable = nil }, "unschedulable: is null"},
		{"null alternatives", func(p *plan.Plan) { p.Alternatives = nil }, "alternatives: is null"},
		{"null pods of a machine", func(p *plan.Plan) { p.Add[1].Pods = nil }, "add[1].pods: is null"},
		{"null moves", func(p *plan.Plan) { p.Remove[0].Pods = nil }, "remove[0].pods: is null"},

		{"machines out of order", func(p *plan.Plan) { p.Add[0].Name, p.Add[1].Name = "new-2", "new-1" }, `add: is not sorted: "new-2" before "new-1"`},
		{"pods out of order", func(p *plan.Plan) { p.Add[0].Pods = []string{"a/y", "a/x"} }, "add[0].pods: is not sorted"},
		{"one machine twice", func(p *plan.Plan) { p.Add[1].Name = "new-1" }, "add[1]: node new-1 is in add[0] already"},
		{"a machine that exists", func(p *plan.Plan) { p.Existing[0].Name = "new-1" }, "existing[0]: node new-1 is in add[0] already"},
		{"a machine without a name", func(p *plan.Plan) { p.Add[0].Name = "" }, "add[0]: has no name"},
		{"a machine of no group", func(p *plan.Plan) { p.Add[0].NodeGroup = "" }, "add[0].nodeGroup"},
		{"a machine nowhere", func(p *plan.Plan) { p.Add[0].Zone = "" }, "add[0].zone"},

		{"a pod on two machines", func(p *plan.Plan) { p.Add[1].Pods = []string{"a/x"} }, "add[1].pods[0]: pod a/x is in add[0].pods[0] already"},
		{"a pod bought for and placed", func(p *plan.Plan) { p.Existing[0].Pods = []string{"a/x"} }, "existing[0].pods[0]: pod a/x"},
		{"a placed pod without a place", func(p *plan.Plan) { p.Unschedulable[0].Pod = "a/z" }, "unschedulable[0].pod: pod a/z is in existing[0]"},
		{"a pod without a namespace", func(p *plan.Plan) { p.Unschedulable[0].Pod = "huge" }, `"huge" is not namespace/name`},
		{"a node listed for no pods", func(p *plan.Plan) { p.Existing[0].Pods = []string{} }, "existing[0].pods: is empty"},
		{"a pod left out of the count", func(p *plan.Plan) { p.Stats.Pods = 5 }, "stats.pods: is 5, but 4 pods are in the lists"},
		{"a negative count", func(p *plan.Plan) { p.Stats.FilterCalls = -1 }, "stats"},

		{"no summary", func(p *plan.Plan) { p.Unschedulable[0].Summary = "" }, "unschedulable[0].summary"},
		{"no reasons", func(p *plan.Plan) { p.Unschedulable[0].Reasons = []plan.Reason{} }, "unschedulable[0].reasons: is empty"},
		{"a reason without a plugin", func(p *plan.Plan) { p.Unschedulable[0].Reasons[0].Plugin = "" }, "reasons[0]: has an empty field"},
		{"reasons out of order", func(p *plan.Plan) {
			r := p.Unschedulable[0].Reasons
			r[0], r[1] = r[1], r[0]
		}, "reasons: is not sorted"},

		{"a pod that moves twice", func(p *plan.Plan) { p.Remove[0].Pods[1].Pod = "r/1" }, "pod r/1 moves twice"},
		{"a pod that moves to where it was", func(p *plan.Plan) { p.Remove[0].Pods[0].To = "old-1" }, `pod r/1 moves to "old-1"`},
		{"a removal without a reason", func(p *plan.Plan) { p.Remove[0].Reason = "" }, "remove[0].reason"},
		{"a removed node that takes pods", func(p *plan.Plan) { p.Existing[0].Name = "old-1" }, "node old-1 is in remove[0] already"},

		{"machines that cost more than added", func(p *plan.Plan) { p.Add[0].PricePerHour = 0.11 }, "pricePerHour.added: is 0.3, but the sum is 0.31"},
		{"removals that save less", func(p *plan.Plan) { p.PricePerHour.Removed = 0.2 }, "pricePerHour.removed"},
		{"an after that does not follow", func(p *plan.Plan) { p.PricePerHour.After = 1.3 }, "pricePerHour.after"},
		{"a price that is no number", func(p *plan.Plan) { p.PricePerHour.Before = math.NaN() }, "pricePerHour.before: is NaN"},
		{"an infinite price", func(p *plan.Plan) { p.Alternatives[0].PricePerHour = math.Inf(1) }, "alternatives[0].pricePerHour"},
		{"an alternative without words", func(p *plan.Plan) { p.Alternatives[0].Summary = "" }, "alternatives[0].summary"},
		{"a bound above the plan", func(p *plan.Plan) { p.LowerBound.PricePerHour = 0.4 }, "lowerBound.pricePerHour: 0.4 is above"},
		{"a gap that does not follow", func(p *plan.Plan) { p.LowerBound.Gap = 0 }, "lowerBound.gap"},
		{"a bound by unknown means", func(p *plan.Plan) { p.LowerBound.Method = "magic" }, "lowerBound.method"},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			p := good()
			tc.spoil(p)
			assert.ErrorContains(t, plan.Validate(p), tc.want)
		})
	}
}

func FuzzValidate(f *testing.F) {
	for _, p := range []*plan.Plan{good(), empty()} {
		seed, err := json.Marshal(p)
		require.NoError(f, err)
		f.Add(seed)
	}
	f.Add([]byte(`{"add":null}`))
	schema := compile(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		var p plan.Plan
		if json.Unmarshal(document, &p) != nil || plan.Validate(&p) != nil {
			return
		}
		written, err := json.Marshal(&p)
		require.NoError(t, err)
		assert.NoError(t, validate(t, schema, written), "Validate and the schema must agree on good plans")
	})
}
