package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

func TestPlanOfTheTestCluster(t *testing.T) {
	p := planOf(t, ExitComplete, "")
	assert.Equal(t, []string{"small"}, bought(p), "two of the three pods need one small machine")
	assert.Equal(t, [3]int{2, 1, 0}, places(p))
	assert.InDelta(t, 0.01, p.PricePerHour.Before, 1e-9)
	assert.InDelta(t, 0.02, p.PricePerHour.After, 1e-9)
}

func TestWhatIf(t *testing.T) {
	tests := []struct {
		situation, flags string
		code             int
		bought           []string
		places           [3]int
	}{
		{"nothing may be bought", "--scale-up=false", ExitUnschedulable, []string{}, [3]int{0, 1, 2}},
		{"scale-down has no effect yet", "--scale-down=false", ExitComplete, []string{"small"}, [3]int{2, 1, 0}},
		{"two more copies of a workload", "--add testdata/cluster-more.yaml --replicas 2", ExitComplete, []string{"small", "small"}, [3]int{4, 1, 0}},
		{"a pod that nothing can host", "--add testdata/huge.yaml", ExitUnschedulable, []string{"small"}, [3]int{2, 1, 1}},
		{"a node that dies", "--remove-node old-1", ExitComplete, []string{"small", "small"}, [3]int{4, 0, 0}},
		{"a node that is cordoned", "--cordon old-1", ExitComplete, []string{"small", "small"}, [3]int{3, 0, 0}},
		{"the small machine costs more", "--price small=0.06", ExitComplete, []string{"large"}, [3]int{2, 1, 0}},
		{"the small machine is not sold", "--without-offering small", ExitComplete, []string{"large"}, [3]int{2, 1, 0}},
		{"a NodeGroup of large machines only", "--nodegroup testdata/groups.yaml", ExitComplete, []string{"large"}, [3]int{2, 1, 0}},
		{"no node more", "--max-nodes 1", ExitUnschedulable, []string{}, [3]int{0, 1, 2}},
		{"no cores more", "--max-cpu 3", ExitUnschedulable, []string{}, [3]int{0, 1, 2}},
		{"no memory more", "--max-memory 7Gi", ExitUnschedulable, []string{}, [3]int{0, 1, 2}},
		{"no dollar more", "--max-price-per-hour 0.015", ExitUnschedulable, []string{}, [3]int{0, 1, 2}},
		{"caps that leave room", "--max-nodes 2 --max-cpu 4 --max-memory 8Gi --max-price-per-hour 0.02", ExitComplete, []string{"small"}, [3]int{2, 1, 0}},
		{"a scheduler for other pods", "--scheduler-config testdata/scheduler.yaml", ExitUnschedulable, []string{}, [3]int{0, 0, 3}},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			p := planOf(t, tc.code, tc.flags)
			assert.Equal(t, tc.bought, bought(p))
			assert.Equal(t, tc.places, places(p))
			for _, u := range p.Unschedulable {
				assert.NotEmpty(t, u.Summary)
			}
		})
	}
}

// No machine is bought for pods below the line; whether they find room today is
// the planner's matter.
func TestExpendablePodsGetNoMachine(t *testing.T) {
	p := planOf(t, ExitUnschedulable, "--expendable-below 1")
	assert.Empty(t, p.Add)
}

func TestEveryInputIsPartOfTheIdentity(t *testing.T) {
	seen := map[string]string{}
	for _, flags := range []string{
		"", "--add testdata/huge.yaml", "--cordon old-1", "--price small=0.011", "--without-offering large", "--nodegroup testdata/groups.yaml",
		"--scheduler-config testdata/scheduler.yaml", "--max-nodes 7", "--scale-up=false",
	} {
		a := whatif(t, "plan -f testdata/cluster.yaml --offerings testdata/prices.yaml -o json "+flags)
		require.NotEqual(t, ExitError, a.code, a.stderr)
		id := parsePlan(t, a.code, a).Metadata.ID
		assert.Empty(t, seen[id], "%q has the same ID as %q", flags, seen[id])
		seen[id] = flags + " "
	}
}

func TestSourcesOfTheCluster(t *testing.T) {
	t.Run("standard input", func(t *testing.T) {
		a := whatifIn(t, read(t, "testdata/cluster.yaml"), "plan -f - --offerings testdata/prices.yaml -o json")
		assert.Equal(t, planOf(t, ExitComplete, ""), parsePlan(t, ExitComplete, a))
	})
	t.Run("standard input adds", func(t *testing.T) {
		a := whatifIn(t, read(t, "testdata/huge.yaml"), "plan -f testdata/cluster.yaml --add - --offerings testdata/prices.yaml -o json")
		assert.Equal(t, [3]int{2, 1, 1}, places(parsePlan(t, ExitUnschedulable, a)))
	})
	t.Run("several files", func(t *testing.T) {
		a := whatif(t, "plan -f testdata/cluster.yaml -f testdata/huge.yaml --offerings testdata/prices.yaml -o json")
		assert.Equal(t, [3]int{2, 1, 1}, places(parsePlan(t, ExitUnschedulable, a)))
	})
	t.Run("a workload directory with its offerings", func(t *testing.T) {
		a := whatif(t, "plan --workload testdata/workload -o json")
		p := parsePlan(t, ExitComplete, a)
		assert.Equal(t, []string{"only"}, bought(p))
		assert.Equal(t, "open", p.Add[0].NodeGroup)
		assert.NotContains(t, a.stderr, "invented")
	})
	t.Run("a workload directory with other offerings", func(t *testing.T) {
		p := parsePlan(t, ExitComplete, whatif(t, "plan --workload testdata/workload --offerings testdata/prices.yaml -o json"))
		assert.Equal(t, []string{"small"}, bought(p))
	})
	t.Run("no offerings at all", func(t *testing.T) {
		a := whatif(t, "plan -f testdata/cluster.yaml -o json")
		p := parsePlan(t, ExitComplete, a)
		assert.Contains(t, a.stderr, "note: prices are invented: these are the bundled sample offerings")
		assert.NotEmpty(t, p.Add)
	})
	t.Run("NodeGroups among the cluster's files", func(t *testing.T) {
		a := whatif(t, "plan -f testdata/cluster.yaml -f testdata/groups.yaml --offerings testdata/prices.yaml -o json")
		assert.Contains(t, a.stderr, "NodeGroups among the cluster's files are not used: give them with --nodegroup FILE")
		assert.Equal(t, []string{"small"}, bought(parsePlan(t, ExitComplete, a)))
	})
}

// apiServer answers with one pending pod, no nodes and a NodeGroup.
func apiServer(t *testing.T) string {
	t.Helper()
	lists := map[string]string{
		"/api/v1/pods": `{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"web","namespace":"shop","uid":"1"},
			"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","resources":{"requests":{"cpu":"1","memory":"1Gi"}}}]}}]}`,
		"/api/v1/nodes":      `{"apiVersion":"v1","kind":"NodeList","items":[{"metadata":{"name":"live-1"},"status":{"allocatable":{"cpu":"500m","memory":"1Gi","pods":"5"}}}]}`,
		"/api/v1/namespaces": `{"apiVersion":"v1","kind":"NamespaceList","items":[{"metadata":{"name":"shop"}}]}`,
		"/apis/autoscaler.vpsie.com/v1alpha1/nodegroups": `{"apiVersion":"autoscaler.vpsie.com/v1alpha1","kind":"NodeGroupList","items":[
			{"metadata":{"name":"only-large"},"spec":{"maxNodes":3,"offeringIDs":["large"],"bootstrap":{"mode":"kubeadm"}}}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, known := lists[r.URL.Path]
		switch {
		case r.URL.Path == "/version":
			body = "{}"
		case !known:
			w.WriteHeader(http.StatusNotFound)
			body = `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NotFound","code":404}`
		}
		_, err := w.Write([]byte(body))
		assert.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestLiveCluster(t *testing.T) {
	address := apiServer(t)
	p := parsePlan(t, ExitComplete, whatif(t, "plan --server "+address+" --offerings testdata/prices.yaml -o json"))
	require.Len(t, p.Add, 1)
	assert.Equal(t, "large", p.Add[0].Offering, "the cluster's own NodeGroup decides")
	assert.Equal(t, "only-large", p.Add[0].NodeGroup)
	assert.Equal(t, []string{"shop/web"}, p.Add[0].Pods)

	config := write(t, "config", "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a}}]\nclusters: [{name: a, cluster: {server: '"+address+"'}}]\n")
	viaFile := parsePlan(t, ExitComplete, whatif(t, "plan --kubeconfig "+config+" --offerings testdata/prices.yaml -o json"))
	assert.Equal(t, p, viaFile)
}

func TestPlansHaveTheSchema(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(plan.Schema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("plan.json", document))
	schema, err := compiler.Compile("plan.json")
	require.NoError(t, err)
	for _, line := range []string{
		"plan --example --scale-up=false -o json",
		"plan -f testdata/cluster.yaml --offerings testdata/prices.yaml -o json",
		"plan -f testdata/cluster.yaml --scale-up=false -o json",
		"plan --workload testdata/workload -o json",
	} {
		a := whatif(t, line)
		require.NotEqual(t, ExitError, a.code, a.stderr)
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(a.stdout))
		require.NoError(t, err)
		assert.NoError(t, schema.Validate(instance), line)
		parsePlan(t, a.code, a)
	}
}

// The first thing that anybody sees; its mistakes have no place, with reasons.
func TestExample(t *testing.T) {
	p := parsePlan(t, ExitUnschedulable, whatif(t, "plan --example --work 1000000 -o json"))
	assert.Greater(t, p.Stats.Pods, 300)
	assert.NotEmpty(t, p.Existing)
	groups := map[string]bool{}
	for _, m := range p.Add {
		groups[m.NodeGroup] = true
	}
	assert.Contains(t, groups, "general", "the example's own NodeGroups decide")
	assert.Contains(t, groups, "gpu")
	assert.NotContains(t, groups, "open")
}

func TestPageInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.html")
	a := whatif(t, "plan --example --scale-up=false -o html --output-file "+file)
	assert.Equal(t, ExitUnschedulable, a.code, a.stderr)
	assert.Empty(t, a.stdout)
	page := read(t, file)
	assert.Contains(t, page, "vpsie-general-k7m2p")
	assert.Contains(t, page, "prices are invented", "a page that is passed on says so itself")
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	for _, format := range []string{"table", "wide", "json", "yaml", "html"} {
		line := "plan -f testdata/cluster.yaml --add testdata/huge.yaml --offerings testdata/prices.yaml -o " + format
		first := whatif(t, line)
		assert.NotEmpty(t, first.stdout)
		assert.Equal(t, first, whatif(t, line), format)
	}
}

func TestStatsAreOneLineOfJSON(t *testing.T) {
	a := whatif(t, "plan --workload testdata/workload -o json --stats")
	lines := strings.Split(strings.TrimSpace(a.stderr), "\n")
	var s map[string]float64
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &s), a.stderr)
	for _, field := range []string{"loadCPUSeconds", "decideCPUSeconds", "verifyCPUSeconds", "allocatedBytes", "allocations", "peakRSSBytes"} {
		assert.Contains(t, s, field)
	}
	assert.Len(t, s, 6)
	assert.Positive(t, s["loadCPUSeconds"])
	assert.Positive(t, s["allocations"])
	assert.Greater(t, s["peakRSSBytes"], float64(1<<20))
	assert.NotContains(t, a.stdout, "CPUSeconds", "times are no part of a plan")
	assert.NotContains(t, whatif(t, "plan --workload testdata/workload").stderr, "CPUSeconds")
}

// The meter's arithmetic, on a clock of its own.
func TestMeterAccountsByStage(t *testing.T) {
	used := usedSoFar{}
	m := newMeter()
	m.read = func() usedSoFar { return used }
	spend := func(seconds float64) { used.cpuSeconds += seconds; used.allocations++; used.peakRSSBytes += 10 }
	spend(1)
	m.stage("decide")
	spend(2)
	m.stage("verify")
	spend(4)
	m.stage("repair")
	spend(8)
	m.stage("verify")
	spend(16)
	m.stage("")
	spend(32)
	var out bytes.Buffer
	require.NoError(t, m.print(&out))
	assert.JSONEq(t, `{"loadCPUSeconds":1,"decideCPUSeconds":10,"verifyCPUSeconds":20,"allocatedBytes":0,"allocations":5,"peakRSSBytes":50}`, out.String())
}
