package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// answer is what a command line came to.
type answer struct {
	code           int
	stdout, stderr string
}

// whatif runs a command line as main does. Words are separated by spaces.
func whatif(t *testing.T, line string) answer { return whatifIn(t, "", line) }

// whatifIn is whatif with standard input.
func whatifIn(t *testing.T, stdin, line string) answer {
	t.Helper()
	return whatifWords(t, stdin, strings.Fields(line)...)
}

// whatifWords takes the words one by one, so that one can be empty.
func whatifWords(t *testing.T, stdin string, words ...string) answer {
	t.Helper()
	// No test may read the user's own cluster.
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var stdout, stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &stdout, ErrOut: &stderr}
	code := Run(t.Context(), append([]string{"whatif"}, words...), streams)
	return answer{code, stdout.String(), stderr.String()}
}

// planOf runs "whatif plan" on the test cluster and prices and returns the plan.
func planOf(t *testing.T, code int, flags string) *plan.Plan {
	t.Helper()
	return parsePlan(t, code, whatif(t, "plan -f testdata/cluster.yaml --offerings testdata/prices.yaml -o json "+flags))
}

func parsePlan(t *testing.T, code int, a answer) *plan.Plan {
	t.Helper()
	require.Equal(t, code, a.code, a.stderr)
	var p plan.Plan
	decoder := json.NewDecoder(strings.NewReader(a.stdout))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&p))
	require.NoError(t, plan.Validate(&p))
	return &p
}

// bought lists the offerings of the machines to buy.
func bought(p *plan.Plan) []string {
	names := []string{}
	for _, m := range p.Add {
		names = append(names, m.Offering)
	}
	return names
}

// places counts the pods on machines to buy, on nodes of today and nowhere.
func places(p *plan.Plan) [3]int {
	var n [3]int
	for _, m := range p.Add {
		n[0] += len(m.Pods)
	}
	for _, e := range p.Existing {
		n[1] += len(e.Pods)
	}
	n[2] = len(p.Unschedulable)
	return n
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func TestErrorsAreOneLine(t *testing.T) {
	const base = "plan -f testdata/cluster.yaml "
	tests := []struct{ situation, line, want string }{
		{"an unknown command", "plna", `unknown command "plna"`},
		{"an unknown flag", "plan --frobnicate", "unknown flag: --frobnicate (see whatif plan --help)"},
		{"a word too many", "plan now", `unknown command "now" for "whatif plan"`},
		{"a flag without its value", "plan -f", "flag needs an argument"},
		{"a value of another type", base + "--max-nodes many", `invalid argument "many" for "--max-nodes"`},
		{"an unknown format", base + "-o xml", `-o "xml": no such format; there are table, wide, json, yaml, html`},
		{"a page of an explanation", "explain pod -f testdata/cluster.yaml web -o html", `-o "html": no such format`},
		{"explain without a name", "explain pod -f testdata/cluster.yaml", "accepts 1 arg(s), received 0"},
		{"two clusters", base + "--example", "-f, --workload and --example exclude each other"},
		{"two other clusters", "plan --workload testdata/workload --example", "exclude each other"},
		{"replicas of nothing", base + "--replicas 3", "--replicas says how many pods --add adds"},
		{"no replicas", base + "--add testdata/huge.yaml --replicas 0", "0 replicas: must be from 1"},
		{"stdin twice", "plan -f - --add -", "cannot both read standard input"},
		{"negative work", base + "--work -1", "--work -1: must not be negative"},
		{"negative nodes", base + "--max-nodes -1", "--max-nodes -1: must not be negative"},
		{"a negative price", base + "--max-price-per-hour -1", "--max-price-per-hour -1"},
		{"a price that is no number", base + "--max-price-per-hour NaN", "--max-price-per-hour NaN"},
		{"an endless price", base + "--max-price-per-hour Inf", "--max-price-per-hour +Inf"},
		{"cores that are no quantity", base + "--max-cpu lots", `--max-cpu "lots": not a quantity`},
		{"no cores at all", base + "--max-cpu 0", "--max-cpu 0: must be above 0"},
		{"negative memory", base + "--max-memory -1Gi", "--max-memory -1Gi: must be above 0"},
		{"absurd memory", base + "--max-memory 1E", "must be above 0 and at most 1P"},
		{"an exponent that would take minutes", base + "--max-memory 1e999999999", `--max-memory "1e999999999": not a quantity`},
		{"a very long quantity", base + "--max-cpu " + strings.Repeat("9", 1000), "not a quantity"},
		{"a file that is not there", "plan -f testdata/none.yaml", "testdata/none.yaml: no such file or directory"},
		{"an empty file", "plan -f EMPTY", "empty file"},
		{"empty standard input", "plan -f -", "stdin"},
		{"truncated JSON", "plan -f TRUNCATED", "TRUNCATED:"},
		{"a workload directory that is none", "plan --workload testdata", "no pods.json"},
		{"offerings that are not there", base + "--offerings testdata/none.yaml", "testdata/none.yaml"},
		{"offerings that are something else", base + "--offerings testdata/cluster.yaml", "testdata/cluster.yaml:"},
		{"a NodeGroup that is not there", base + "--nodegroup testdata/none.yaml", "testdata/none.yaml"},
		{"a NodeGroup that the API server would refuse", base + "--nodegroup MINMAX", "minNodes must not exceed maxNodes"},
		{"a NodeGroup stated twice", base + "--nodegroup testdata/groups.yaml --nodegroup testdata/groups.yaml", "NodeGroup only-large is in testdata/groups.yaml already"},
		{"a NodeGroup of unknown offerings", base + "--nodegroup testdata/groups.yaml", `NodeGroup only-large: catalogue sample has no offering "large"`},
		{"a scheduler configuration that is not there", base + "--scheduler-config testdata/none.yaml", "testdata/none.yaml"},
		{"a scheduler configuration that is something else", base + "--scheduler-config testdata/cluster.yaml", "testdata/cluster.yaml"},
		{"a feature gate without a value", base + "--feature-gates Gate", `--feature-gates: feature gate "Gate"`},
		{"an unknown feature gate", base + "--feature-gates NoSuchGate=true", "NoSuchGate"},
		{"a price without an offering", base + "--price 0.1", `--price "0.1": want OFFERING=X`},
		{"a price in words", base + "--price std-2c4g=cheap", `--price "std-2c4g=cheap": want OFFERING=X`},
		{"a price of nothing", base + "--price std-2c4g=0", "--price std-2c4g=0: offering std-2c4g: price must be greater than 0"},
		{"a price of an unknown offering", base + "--price std-2c4h=1", `has no offering "std-2c4h"; did you mean std-2c4g`},
		{"without an unknown offering", base + "--without-offering nope", `--without-offering: catalogue sample has no offering "nope"`},
		{"removing an unknown node", base + "--remove-node nope", "--remove-node: "},
		{"cordoning an unknown node", base + "--cordon nope", "--cordon: "},
		{"adding a file that is not there", base + "--add testdata/none.yaml", "testdata/none.yaml"},
		{"an answer into a folder that is not there", base + "--output-file testdata/none/x", "testdata/none/x"},
		{"an unknown pod", "explain pod -f testdata/cluster.yaml nope", `there is no pod "nope"`},
		{"an unknown node", "explain node -f testdata/cluster.yaml old-2", `there is no node "old-2"; did you mean old-1?`},
		{"an unknown offering", "explain offering -f testdata/cluster.yaml nope", `has no offering "nope"`},
		{"a kubeconfig that is not there", "plan --kubeconfig testdata/none", "no cluster to read"},
		{"an unreachable cluster", "plan --server http://127.0.0.1:1", "cluster at http://127.0.0.1:1: dial tcp 127.0.0.1:1"},
		{"an unknown context", "plan --context nope", `context "nope" does not exist`},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			line := strings.NewReplacer(
				"EMPTY", write(t, "empty.yaml", ""),
				"TRUNCATED", write(t, "truncated.json", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"na`),
				"MINMAX", write(t, "groups.yaml", "apiVersion: autoscaler.vpsie.com/v1alpha1\nkind: NodeGroup\nmetadata: {name: g}\nspec: {minNodes: 3, maxNodes: 1}\n"),
			).Replace(tc.line)
			got := whatif(t, line)
			assert.Equal(t, ExitError, got.code)
			assert.Empty(t, got.stdout)
			assert.True(t, strings.HasPrefix(got.stderr, "error: "), got.stderr)
			assert.Equal(t, 1, strings.Count(got.stderr, "\n"), "one line: %s", got.stderr)
			assert.Contains(t, got.stderr, strings.TrimSuffix(strings.Replace(tc.want, "TRUNCATED", "truncated.json", 1), ":"))
		})
	}
}

// Several mistakes in a NodeGroup are several lines.
func TestEachMistakeInAFileIsALine(t *testing.T) {
	path := write(t, "groups.yaml", "apiVersion: autoscaler.vpsie.com/v1alpha1\nkind: NodeGroup\nmetadata: {name: g}\nspec: {maxNodes: -1, priority: 5000}\n")
	got := whatif(t, "plan -f testdata/cluster.yaml --nodegroup "+path)
	assert.Equal(t, ExitError, got.code)
	for _, line := range strings.Split(strings.TrimSpace(got.stderr), "\n") {
		assert.True(t, strings.HasPrefix(line, "error: "+path+":"), line)
	}
	assert.Equal(t, 2, strings.Count(got.stderr, "\n"), got.stderr)
}

func TestHelpNamesEveryFlagInAGroup(t *testing.T) {
	help := whatif(t, "plan --help")
	assert.Equal(t, ExitComplete, help.code)
	for _, title := range []string{"The cluster, live by default:", "What may be bought:", "What if:", "The answer:", "Connection to a live cluster:"} {
		assert.Equal(t, 1, strings.Count(help.stdout, "\n"+title+"\n"), title)
	}
	for _, flag := range []string{
		"--filename", "--workload", "--example", "--offerings", "--nodegroup", "--scheduler-config", "--feature-gates", "--max-nodes", "--max-cpu",
		"--max-memory", "--max-price-per-hour", "--add", "--replicas", "--remove-node", "--cordon", "--price", "--without-offering", "--work",
		"--scale-up", "--scale-down", "--output", "--output-file", "--stats", "--kubeconfig", "--context", "--expendable-below", "--help",
	} {
		assert.Contains(t, help.stdout, flag+" ")
	}
	assert.Contains(t, strings.Join(strings.Fields(help.stdout), " "), "removals come with a later release", "what has no effect yet says so")
	assert.NotContains(t, help.stdout, "--namespace")

	root := whatif(t, "")
	assert.Equal(t, ExitComplete, root.code)
	for _, command := range []string{"plan", "explain", "schema", "version", "completion"} {
		assert.Contains(t, root.stdout, "  "+command+" ")
	}
	assert.Contains(t, whatif(t, "explain").stdout, "offering")
}

func TestRunsAsAKubectlPlugin(t *testing.T) {
	var stdout, stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	code := Run(t.Context(), []string{"/usr/local/bin/kubectl-whatif", "plan", "--help"}, streams)
	assert.Equal(t, ExitComplete, code)
	assert.Contains(t, stdout.String(), "Usage:\n  kubectl whatif plan [flags]")
	assert.Contains(t, stdout.String(), "\n  kubectl whatif plan --offerings prices.yaml\n")
	assert.Contains(t, stdout.String(), "| kubectl whatif plan -f -")
	assert.NotContains(t, stdout.String(), "  whatif ")
	code = Run(t.Context(), []string{"kubectl-whatif.exe", "plan", "--nope"}, streams)
	assert.Equal(t, ExitError, code)
	assert.Contains(t, stderr.String(), "(see kubectl whatif plan --help)")

	assert.Equal(t, ExitComplete, Run(t.Context(), nil, streams), "without even a name")
}

func TestVersionLine(t *testing.T) {
	assert.Regexp(t, `^whatif \(devel\), kube-scheduler unknown, `, versionLine(nil))
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Deps: []*debug.Module{{Path: "x"}, {Path: schedulerModule, Version: "v1.37.2"}}}
	assert.Regexp(t, `^whatif v1.2.3, kube-scheduler v1.37.2, `, versionLine(info))
}

func TestSchemaAndVersion(t *testing.T) {
	assert.Equal(t, string(plan.Schema()), whatif(t, "schema").stdout)
	version := whatif(t, "version")
	assert.Equal(t, ExitComplete, version.code)
	assert.Regexp(t, `^whatif \S+, kube-scheduler \S+, go1\.\d+\S* \w+/\w+\n$`, version.stdout)
}

func TestHeadroomIsPlannedFor(t *testing.T) {
	groups := filepath.Join(t.TempDir(), "groups.yaml")
	require.NoError(t, os.WriteFile(groups, []byte(`apiVersion: autoscaler.vpsie.com/v1alpha1
kind: NodeGroup
metadata: {name: spare}
spec:
  maxNodes: 5
  headroom: [{replicas: 2, cpu: 1, memory: 1Gi}]
`), 0o600))
	nothing := filepath.Join(t.TempDir(), "nothing.yaml")
	require.NoError(t, os.WriteFile(nothing, []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"), 0o600))
	answer := whatif(t, "plan -f "+nothing+" --nodegroup "+groups+" -o json")
	require.Equal(t, ExitComplete, answer.code, answer.stderr)
	var p plan.Plan
	require.NoError(t, json.Unmarshal([]byte(answer.stdout), &p))
	var pods []string
	for _, m := range p.Add {
		pods = append(pods, m.Pods...)
	}
	assert.ElementsMatch(t, []string{"vpsie-headroom/spare-0-0", "vpsie-headroom/spare-0-1"}, pods)
}
