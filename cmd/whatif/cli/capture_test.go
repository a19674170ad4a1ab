package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// sharedBase is a workload of 35 real applications that is not part of this
// repository.
const sharedBase = "../../../../shared/traces/manifests/base"

// captured runs "whatif capture" into a new file and returns its name.
func captured(t *testing.T, flags string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cluster.json.gz")
	a := whatif(t, "capture -o "+file+" "+flags)
	require.Equal(t, ExitComplete, a.code, a.stderr)
	require.Empty(t, a.stdout)
	return file
}

// ofSnapshot is the text of a snapshot.
func ofSnapshot(t *testing.T, file string) string {
	t.Helper()
	zipped, err := gzip.NewReader(strings.NewReader(read(t, file)))
	require.NoError(t, err)
	text, err := io.ReadAll(zipped)
	require.NoError(t, err)
	return string(text)
}

// anyPlan runs "whatif plan" that may come out incomplete, on a small budget: a
// search that is cut short shows any difference in its input.
func anyPlan(t *testing.T, flags string) *plan.Plan {
	t.Helper()
	a := whatif(t, "plan -o json --work 100000 "+flags)
	require.Contains(t, []int{ExitComplete, ExitUnschedulable}, a.code, a.stderr)
	return parsePlan(t, a.code, a)
}

// comparable takes out of a plan what names its input: its ID, which is part of
// the names of machines.
func comparable(t *testing.T, p *plan.Plan) string {
	t.Helper()
	id := strings.TrimPrefix(p.Metadata.ID, "plan-")[:5]
	p.Metadata = plan.Metadata{}
	text, err := json.MarshalIndent(p, "", " ")
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), id, "ID")
}

// shape is a plan without names.
type shape struct {
	Machines      []string
	PodsOn        [][]int
	Unschedulable int
	Added, Bound  float64
	Stats         plan.Stats
	Placement     plan.Placement
}

func shapeOf(p *plan.Plan) shape {
	s := shape{
		Unschedulable: len(p.Unschedulable), Added: p.PricePerHour.Added, Bound: p.LowerBound.PricePerHour, Stats: p.Stats, Placement: p.Placement,
		PodsOn: make([][]int, 2),
	}
	for _, m := range p.Add {
		s.Machines = append(s.Machines, m.Offering+" "+m.Datacenter)
		s.PodsOn[0] = append(s.PodsOn[0], len(m.Pods))
	}
	for _, e := range p.Existing {
		s.PodsOn[1] = append(s.PodsOn[1], len(e.Pods))
	}
	slices.Sort(s.Machines)
	return s
}

func TestPlanOfASnapshotIsThatOfTheCluster(t *testing.T) {
	tests := []struct{ situation, cluster, prices string }{
		{"the example", "--example", ""},
		{"files and NodeGroups", "-f testdata/cluster.yaml -f testdata/cluster-more.yaml", "--offerings testdata/prices.yaml"},
		{"35 real applications", "--workload " + sharedBase, "--offerings " + sharedBase + "/offerings.json"},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			if strings.Contains(tc.cluster, sharedBase) {
				if _, err := os.Stat(sharedBase); err != nil {
					t.Skip("the shared traces are not there: ", err)
				}
			}
			want := anyPlan(t, tc.cluster+" "+tc.prices)

			plain := anyPlan(t, "-f "+captured(t, tc.cluster)+" "+tc.prices)
			named := shapeOf(plain)
			assert.Equal(t, shapeOf(want), named)
			assert.Equal(t, comparable(t, want), comparable(t, plain))

			anonymous := anyPlan(t, "-f "+captured(t, "--anonymize "+tc.cluster+" "+tc.prices)+" "+tc.prices)
			assert.Equal(t, named, shapeOf(anonymous), "the same plan up to names")
		})
	}
}

func TestAnonymisedSnapshotNamesNobody(t *testing.T) {
	text := ofSnapshot(t, captured(t, "--example --anonymize"))
	for _, name := range []string{"tulip", "bouquet", "ledger", "payments", "registry", "card-vault", "alertmanager", "cilium"} {
		assert.NotContains(t, strings.ToLower(text), name)
	}
	for _, word := range []string{"std-8c16g", "ams1", "nvidia.com/gpu", "vpsie.com/category", "batch-scheduler", "kube-system"} {
		assert.Contains(t, text, word)
	}
	plain := ofSnapshot(t, captured(t, "--example"))
	assert.Contains(t, plain, "bouquet", "the check above is worth something")
}

func TestKeyFileMakesPseudonymsStable(t *testing.T) {
	key := write(t, "key", "thirty-two bytes of a secret key")
	const of = "-f testdata/cluster.yaml --anonymize"
	assert.Equal(t, read(t, captured(t, of+" --anonymize-key-file "+key)), read(t, captured(t, of+" --anonymize-key-file "+key)))
	text := ofSnapshot(t, captured(t, of))
	assert.NotEqual(t, text, ofSnapshot(t, captured(t, of)), "without one, names cannot be compared")
	assert.NotContains(t, ofSnapshot(t, captured(t, of+" --anonymize-key-file "+key)), "secret key")
}

func TestCaptureIsTheSameEachTime(t *testing.T) {
	first := captured(t, "--example")
	assert.Equal(t, read(t, first), read(t, captured(t, "--example")))
	assert.NotContains(t, strings.SplitN(ofSnapshot(t, first), "\n", 3)[1], "creationTimestamp")
	assert.Equal(t, read(t, first), read(t, captured(t, "-f "+first)), "a snapshot of a snapshot")

	dated := captured(t, "--example --created 2026-03-01T13:00:00+01:00")
	assert.Contains(t, ofSnapshot(t, dated), `"metadata":{"creationTimestamp":"2026-03-01T12:00:00Z"}`)
}

func TestSnapshotCarriesItsNodeGroups(t *testing.T) {
	file := captured(t, "-f testdata/cluster.yaml --nodegroup testdata/groups.yaml")
	with := anyPlan(t, "-f testdata/cluster.yaml --nodegroup testdata/groups.yaml --offerings testdata/prices.yaml")
	assert.Equal(t, comparable(t, with), comparable(t, anyPlan(t, "-f "+file+" --offerings testdata/prices.yaml")))
}

func TestFileOfASnapshot(t *testing.T) {
	file := captured(t, "--example")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "nobody else's business")

	again := whatif(t, "capture --example -o "+file)
	assert.Equal(t, ExitError, again.code)
	assert.Equal(t, "error: "+file+": there already (--force overwrites it)\n", again.stderr)

	other := write(t, "old.json.gz", strings.Repeat("x", 1<<20))
	require.NoError(t, os.Chmod(other, 0o644))
	a := whatif(t, "capture --force --example -o "+other)
	require.Equal(t, ExitComplete, a.code, a.stderr)
	assert.Equal(t, read(t, file), read(t, other), "nothing is left of what was there")
	info, err = os.Stat(other)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Regexp(t, `^wrote 11 nodes, \d+ pods and 4 NodeGroups to \S+: \d+ KiB, names as they are\n$`, a.stderr)

	const prices = " --offerings testdata/prices.yaml"
	toStdout := whatif(t, "capture -f testdata/cluster.yaml -o - --anonymize"+prices)
	require.Equal(t, ExitComplete, toStdout.code, toStdout.stderr)
	assert.Contains(t, toStdout.stderr, "to standard output")
	assert.Contains(t, toStdout.stderr, "names replaced")
	fromStdin := whatifIn(t, toStdout.stdout, "plan -f - -o json --work 100000"+prices)
	assert.Equal(t, shapeOf(anyPlan(t, "-f testdata/cluster.yaml"+prices)), shapeOf(parsePlan(t, fromStdin.code, fromStdin)))
}

func TestExplainTakesASnapshot(t *testing.T) {
	file := captured(t, "--example")
	want := whatif(t, "explain pod --example ml/bouquet-generator -o json")
	got := whatif(t, "explain pod -f "+file+" ml/bouquet-generator -o json")
	assert.Equal(t, want.code, got.code)
	assert.Equal(t, want.stdout, got.stdout)
}

// A file that is no snapshot is read as before, also from standard input.
func TestOtherFilesAreReadAsTheyWere(t *testing.T) {
	want := whatif(t, "plan -f testdata/cluster.yaml --offerings testdata/prices.yaml -o json")
	got := whatifIn(t, read(t, "testdata/cluster.yaml"), "plan -f - --offerings testdata/prices.yaml -o json")
	assert.Equal(t, want.stdout, got.stdout)
	assert.Equal(t, want.code, got.code)
}

func TestErrorsOfCapture(t *testing.T) {
	file := captured(t, "--example")
	document := read(t, file)
	cut := write(t, "cut.json.gz", document[:len(document)-20])
	broken := write(t, "broken.json", strings.Replace(ofSnapshot(t, file), `"nodeName"`, `"nodename"`, 1))
	future := write(t, "future.json", strings.Replace(ofSnapshot(t, file), `vpsie.com/v1alpha1","kind":"ClusterSnapshot"`, `vpsie.com/v2","kind":"ClusterSnapshot"`, 1))
	directory := filepath.Dir(file)
	require.NoError(t, os.WriteFile(filepath.Join(directory, "more.yaml"), []byte(read(t, "testdata/cluster.yaml")), 0o600))
	shortKey, hugeKey := write(t, "short", "0123456789"), write(t, "huge", strings.Repeat("k", 5000))
	tests := []struct{ situation, line, want string }{
		{"a snapshot without its end", "plan -f " + cut, cut + ": gzip: unexpected EOF"},
		{"an unknown field", "plan -f " + broken, broken + ":"},
		{"a version to come", "plan -f " + future, future + ": a ClusterSnapshot of autoscaler.vpsie.com/v2, but this version of whatif reads autoscaler.vpsie.com/v1alpha1"},
		{"a snapshot and more", "plan -f " + file + " -f testdata/cluster.yaml", "a ClusterSnapshot is a whole cluster: give it alone"},
		{"more and a snapshot", "plan -f testdata/cluster.yaml -f " + file, "a ClusterSnapshot is a whole cluster: give it alone"},
		{"a snapshot in a directory", "plan -f " + directory, "a ClusterSnapshot is a whole cluster: give it alone"},
		{"no such file", "plan -f none.json.gz", "none.json.gz"},
		{"no file to write", "capture --example -o none/x", "none/x: no such file or directory"},
		{"two sources", "capture --example -f testdata/cluster.yaml", "exclude each other"},
		{"a bad time", "capture --example --created yesterday", `--created "yesterday": not a time such as 2026-03-01T12:00:00Z`},
		{"a key for nothing", "capture --example --anonymize-key-file " + shortKey, "--anonymize-key-file is the key of --anonymize: give that, too"},
		{"no key", "capture --example --anonymize --anonymize-key-file none", "--anonymize-key-file: open none"},
		{"a short key", "capture --example -o x --anonymize --anonymize-key-file " + shortKey, "a key has 16 to 4096 bytes"},
		{"a huge key", "capture --example -o x --anonymize --anonymize-key-file " + hugeKey, "a key has 16 to 4096 bytes"},
		{"NodeGroups that are not there", "capture --example -o x --nodegroup none.yaml", "none.yaml"},
		{"offerings that are not there", "capture --example -o x --anonymize --offerings none.yaml", "none.yaml"},
		{"a cluster that is not there", "capture -o x --server http://127.0.0.1:1", "cluster at http://127.0.0.1:1: "},
		{"an argument", "capture all", `unknown command "all"`},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			a := whatif(t, tc.line)
			assert.Equal(t, ExitError, a.code)
			assert.Empty(t, a.stdout)
			assert.Contains(t, a.stderr, tc.want)
			assert.Equal(t, 1, strings.Count(a.stderr, "\n"), a.stderr)
			assert.NoFileExists(t, "x")
		})
	}
	empty := whatifWords(t, "", "capture", "--example", "-o", "")
	assert.Equal(t, "error: --output: needs the name of a file, or -\n", empty.stderr)
}

func TestCaptureOfALiveClusterTellsWhatItCouldNotList(t *testing.T) {
	forbidden := "/api/v1/services"
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		status, body := http.StatusNotFound, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NotFound","code":404}`
		switch r.URL.Path {
		case "/version":
			status, body = http.StatusOK, "{}"
		case "/api/v1/pods":
			status, body = http.StatusOK, `{"apiVersion":"v1","kind":"PodList","items":[]}`
		case "/api/v1/nodes":
			status, body = http.StatusOK, `{"apiVersion":"v1","kind":"NodeList","items":[{"metadata":{"name":"n1","uid":"1"},"status":{"allocatable":{"cpu":"1"}}}]}`
		case forbidden:
			status, body = http.StatusForbidden, `{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"Forbidden","code":403}`
		}
		w.WriteHeader(status)
		_, err := w.Write([]byte(body))
		assert.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "live.json.gz")
	a := whatif(t, "capture -o "+file+" --server "+server.URL)
	require.Equal(t, ExitComplete, a.code, a.stderr)
	assert.Contains(t, a.stderr, "note: not allowed to list services: ")
	assert.Contains(t, a.stderr, "note: not served by this cluster, so it has none: namespaces, daemonsets, ")
	assert.Greater(t, len(asked), 20)
	for _, never := range []string{"secrets", "configmaps", "serviceaccounts"} {
		assert.NotContains(t, strings.Join(asked, " "), never)
	}
	assert.Contains(t, ofSnapshot(t, file), `"metadata":{"leftOut":["services"]}`)
	later := whatif(t, "plan -f "+file)
	assert.Contains(t, later.stderr, "whoever captured this was not allowed to list services: the plan is made as if there were none")
	assert.Contains(t, ofSnapshot(t, captured(t, "--anonymize -f "+file)), `"metadata":{"anonymized":true,"leftOut":["services"]}`)
}

func TestTerminalIsNoPlaceForASnapshot(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminal to be had: ", err)
	}
	t.Cleanup(func() { terminal.Close() })
	var stderr bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: terminal, ErrOut: &stderr}
	code := Run(t.Context(), []string{"whatif", "capture", "--example", "-o", "-"}, streams)
	assert.Equal(t, ExitError, code)
	assert.Equal(t, "error: a snapshot is compressed, and a terminal cannot show it: give -o FILE\n", stderr.String())
}

func TestManualOfSnapshotsHasEveryFlag(t *testing.T) {
	text := read(t, "../../../docs/snapshot.md")
	cmd, _, err := newRoot("whatif", genericiooptions.NewTestIOStreamsDiscard()).Find([]string{"capture"})
	require.NoError(t, err)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if of := f.Annotations[flagGroup]; len(of) > 0 && !strings.HasPrefix(of[0], "Connection") {
			assert.Contains(t, text, "--"+f.Name)
		}
	})
	for _, match := range commandLines.FindAllStringSubmatch(text, -1) {
		parses(t, match[1])
	}
}
