package report

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/scaleup/record"
)

func decision() *record.Record {
	p := &plan.Plan{
		APIVersion: plan.APIVersion, Kind: plan.Kind,
		Metadata:  plan.Metadata{ID: "plan-0123456789abcdef"},
		Placement: plan.PlacementNominated,
		Add: []plan.Machine{{
			Name: "vpsie-web-a1b2c", NodeGroup: "web", Offering: "std-4c8g", Datacenter: "ams1", PricePerHour: 0.05,
			Pods: []string{"shop/a", "shop/b"},
		}},
		Unschedulable: []plan.Unschedulable{{Pod: "shop/huge", Summary: "0/1 nodes are available: 1 Insufficient cpu."}},
		Alternatives:  []plan.Alternative{{Summary: "without std-4c8g", PricePerHour: 0.06}},
		Stats:         plan.Stats{Pods: 3},
	}
	p.PricePerHour.Added, p.PricePerHour.After = 0.05, 0.05
	return &record.Record{
		DecidedAt: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), Result: "bought", Summary: "1 machine for 2 pods",
		HeldBack: []string{"vpsie-web-zzzzz"}, Notes: []string{"NodeGroup gpu: paused"}, Plan: p,
	}
}

func TestDecisionAsText(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteDecision(&out, decision(), "USD", Table, Plain))
	for _, want := range []string{
		"plan-0123456789abcdef", "2026-11-23T07:00:00Z, bought: 1 machine for 2 pods",
		"vpsie-web-a1b2c", "std-4c8g", "ams1", "0.0500",
		"shop/huge", "Insufficient cpu", "without std-4c8g", "+20.0 %",
		"held back: vpsie-web-zzzzz\nnote: NodeGroup gpu: paused\n",
	} {
		assert.Contains(t, out.String(), want)
	}
}

func TestDecisionWithoutPodsSaysSo(t *testing.T) {
	r := decision()
	r.PodsDropped = true
	var out bytes.Buffer
	require.NoError(t, WriteDecision(&out, r, "", Wide, Plain))
	assert.Contains(t, out.String(), "the names of pods were left out of the record")
}

func TestDecisionAsJSONIsTheRecord(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, WriteDecision(&out, decision(), "", JSON, Plain))
	back := &record.Record{}
	require.NoError(t, json.Unmarshal(out.Bytes(), back))
	assert.Equal(t, decision(), back)
	out.Reset()
	require.NoError(t, WriteDecision(&out, decision(), "", YAML, Plain))
	assert.Contains(t, out.String(), "\nresult: bought\n")
	assert.ErrorContains(t, WriteDecision(&out, decision(), "", HTML, Plain), "no such format")
}

func TestListOfDecisions(t *testing.T) {
	r := decision()
	entries := []record.Entry{{PlanID: r.Plan.Metadata.ID, DecidedAt: r.DecidedAt, Result: r.Result, Summary: r.Summary}}
	var out bytes.Buffer
	require.NoError(t, WriteDecisions(&out, entries, Table, Plain))
	assert.Equal(t, "PLAN                   DECIDED               RESULT  SUMMARY\nplan-0123456789abcdef  2026-11-23T07:00:00Z  bought  1 machine for 2 pods\n", out.String())
	out.Reset()
	require.NoError(t, WriteDecisions(&out, entries, YAML, Plain))
	assert.Contains(t, out.String(), "- plan: plan-0123456789abcdef\n")
	out.Reset()
	require.NoError(t, WriteDecisions(&out, entries, JSON, Plain))
	assert.Contains(t, out.String(), `"decidedAt": "2026-11-23T07:00:00Z"`)
	assert.ErrorContains(t, WriteDecisions(&out, entries, "xml", Plain), "no such format")
}
