package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const fixtureFlags = " -f testdata/cluster.yaml --offerings testdata/prices.yaml "

func TestExplainPodHasTheDocumentedForm(t *testing.T) {
	a := whatif(t, "explain pod shop/web -o json --cordon old-1"+fixtureFlags)
	require.Equal(t, ExitComplete, a.code, a.stderr)
	var m struct {
		Pod   string `json:"pod"`
		Fits  bool   `json:"fits"`
		Nodes []struct {
			Name    string              `json:"name"`
			Fits    bool                `json:"fits"`
			Reasons []map[string]string `json:"reasons"`
		} `json:"nodes"`
		Templates []map[string]any `json:"templates"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.stdout), &m))
	assert.Regexp(t, "^shop/web-", m.Pod)
	assert.True(t, m.Fits)
	require.Len(t, m.Nodes, 1)
	assert.Equal(t, "old-1", m.Nodes[0].Name)
	assert.Equal(t, []map[string]string{
		{"plugin": "NodeUnschedulable", "message": "node(s) were unschedulable"},
		{"plugin": "TaintToleration", "message": "node(s) had untolerated taint(s)"},
	}, m.Nodes[0].Reasons, "every plugin that refuses, not only the first")
	assert.Equal(t, []map[string]any{
		{"name": "large/open/ams1", "fits": true, "reasons": []any{}},
		{"name": "small/open/ams1", "fits": true, "reasons": []any{}},
	}, m.Templates)
}

func TestExplainPodThatNothingTakesExitsLikeAPlan(t *testing.T) {
	a := whatif(t, "explain pod huge --add testdata/huge.yaml"+fixtureFlags)
	assert.Equal(t, ExitUnschedulable, a.code)
	assert.Contains(t, a.stdout, "shop/huge fits on 0 of 1 node and 0 of 2 templates")
	assert.Contains(t, a.stdout, "0/1 nodes are available: 1 Insufficient cpu.")
	assert.Empty(t, a.stderr, "the answer is not an error")
}

func TestExplainNodeAndOffering(t *testing.T) {
	node := whatif(t, "explain node old-1"+fixtureFlags)
	assert.Equal(t, ExitComplete, node.code, node.stderr)
	assert.Contains(t, node.stdout, "old-1 runs 1 pod and would take 3 of 3 pending pods, each alone")
	assert.Contains(t, node.stdout, "small, ams1 at $0.0100/h")

	offering := whatif(t, "explain offering small"+fixtureFlags)
	assert.Equal(t, ExitComplete, offering.code, offering.stderr)
	assert.Contains(t, offering.stdout, "small is in the plan: 1 machine for 2 pods")
	assert.Contains(t, offering.stdout, "second best, without it, costs $0.0400/h more")
}

func TestCompletion(t *testing.T) {
	address := apiServer(t)
	tests := []struct {
		line string
		want string
	}{
		{"__complete plan --offerings testdata/prices.yaml --without-offering ", "large\nsmall\n"},
		{"__complete plan --offerings testdata/prices.yaml --price ", "large=\nsmall=\n"},
		{"__complete plan --workload testdata/workload --without-offering ", "only\n"},
		{"__complete plan -f testdata/cluster.yaml --remove-node ", "old-1\n"},
		{"__complete plan --server " + address + " --cordon ", "live-1\n"},
		{"__complete explain node -f testdata/cluster.yaml ", "old-1\n"},
		{"__complete explain offering --offerings testdata/prices.yaml ", "large\nsmall\n"},
		{"__complete plan -o ", "table\nwide\njson\nyaml\nhtml\n"},
		{"__complete explain node -o ", "table\nwide\njson\nyaml\n"},
		{"__complete explain pod -f testdata/huge.yaml ", "shop/huge\n"},
		{"__complete explain pod --server " + address + " ", ":4\n"},
		{"__complete explain pod -f testdata/none.yaml ", ":4\n"},
		{"__complete explain node -f testdata/none.yaml ", ":4\n"},
		{"__complete explain node --kubeconfig testdata/none ", ":4\n"},
		{"__complete explain offering --offerings testdata/none.yaml ", ":4\n"},
	}
	for _, tc := range tests {
		t.Run(tc.line, func(t *testing.T) {
			a := whatifWords(t, "", append(strings.Fields(tc.line), "")...)
			assert.Equal(t, ExitComplete, a.code, a.stderr)
			assert.True(t, len(a.stdout) >= len(tc.want) && a.stdout[:len(tc.want)] == tc.want, a.stdout)
		})
	}
	assert.Contains(t, whatif(t, "completion bash").stdout, "whatif")
}
