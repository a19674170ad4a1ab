package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cli"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

// up --detach starts this executable again, which then is devcluster.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "up" {
		streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
		os.Exit(cli.Run(context.Background(), os.Args[1:], streams))
	}
	os.Exit(m.Run())
}

// output is what a command prints, readable while it runs.
type output struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.content.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.content.String()
}

// devcluster runs a command line.
func devcluster(ctx context.Context, args ...string) (code int, printed, complaint string) {
	var out, errOut output
	code = cli.Run(ctx, args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	return code, out.String(), errOut.String()
}

func TestLifeOfADetachedCluster(t *testing.T) {
	planetest.Binaries(t)
	dir := filepath.Join(t.TempDir(), "cluster")
	t.Cleanup(func() { _ = cluster.Down(dir) })

	code, printed, complaint := devcluster(t.Context(), "--dir", dir, "up", "--detach", "--boot-time=1s", "--feature-gates=GenericWorkload=true,DRAExtendedResource=true")
	require.Equal(t, cli.ExitOK, code, complaint)
	assert.Contains(t, printed, "export KUBECONFIG="+filepath.Join(dir, "kubeconfig"))

	code, printed, complaint = devcluster(t.Context(), "status", "--dir", dir)
	assert.Equal(t, cli.ExitOK, code, complaint)
	assert.Contains(t, printed, "kube-apiserver           runs, process ")
	assert.Contains(t, printed, "0 running, 0 starting, 0 pending")

	code, printed, _ = devcluster(t.Context(), "status", "--dir", dir, "-o", "json")
	assert.Equal(t, cli.ExitOK, code)
	status := cluster.Status{}
	require.NoError(t, json.Unmarshal([]byte(printed), &status))
	assert.True(t, status.Healthy(), printed)

	code, printed, complaint = devcluster(t.Context(), "--dir", dir, "kubectl", "get", "storageclass", "-o", "name")
	assert.Equal(t, cli.ExitOK, code, complaint)
	assert.Contains(t, printed, "storageclass.storage.k8s.io/vpsie-block\n")
	code, _, complaint = devcluster(t.Context(), "--dir", dir, "kubectl", "get", "nothing")
	assert.Equal(t, cli.ExitError, code)
	assert.Contains(t, complaint, `doesn't have a resource type "nothing"`)

	code, _, complaint = devcluster(t.Context(), "--dir", dir, "up")
	assert.Equal(t, cli.ExitError, code)
	assert.Contains(t, complaint, "another devcluster runs there")
	code, _, complaint = devcluster(t.Context(), "--dir", dir, "up", "--detach")
	assert.Equal(t, cli.ExitError, code)
	assert.Contains(t, complaint, "another devcluster runs there", "the child's own words")

	code, printed, complaint = devcluster(t.Context(), "--dir", dir, "down")
	assert.Equal(t, cli.ExitOK, code, complaint)
	assert.Equal(t, "the cluster is gone\n", printed)
	assert.NoDirExists(t, dir)
	for name, program := range status.Programs {
		assert.False(t, program.Runs(), name)
	}
	code, printed, _ = devcluster(t.Context(), "--dir", dir, "down")
	assert.Equal(t, cli.ExitOK, code, "down is done already")
	assert.Contains(t, printed, "no cluster here")
}

func TestUpUntilInterrupted(t *testing.T) {
	planetest.Binaries(t)
	dir := filepath.Join(t.TempDir(), "cluster")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out output
	code := make(chan int)
	go func() {
		code <- cli.Run(ctx, []string{"up", "--dir", dir}, genericiooptions.IOStreams{Out: &out, ErrOut: io.Discard})
	}()
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "KUBECONFIG") }, time.Minute, 50*time.Millisecond)
	interrupt()
	assert.Equal(t, cli.ExitOK, <-code)
	assert.Contains(t, out.String(), "stopping")
	assert.NoDirExists(t, dir)
}

func TestStatusOfAKilledCluster(t *testing.T) {
	dir := t.TempDir()
	state := `{"main": {"pid": 4194304, "started": "before"}, "ready": true, "programs": {"etcd": {"pid": 4194304, "started": "before"}}}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "devcluster.json"), []byte(state), 0o600))
	code, printed, complaint := devcluster(t.Context(), "status", "--dir", dir)
	assert.Equal(t, cli.ExitUnhealthy, code)
	assert.Empty(t, complaint)
	assert.Contains(t, printed, "it was killed: devcluster down cleans up")
	assert.Contains(t, printed, "etcd     has ended, process 4194304")
}

func TestMistakes(t *testing.T) {
	empty := t.TempDir()
	for situation, test := range map[string]struct {
		args []string
		want string
	}{
		"no cluster":                       {args: []string{"status", "--dir", empty}, want: "error: no cluster here: " + empty + "\n"},
		"kubectl without a cluster":        {args: []string{"--dir", empty, "kubectl", "get", "nodes"}, want: "error: no cluster here: " + empty + "\n"},
		"unknown output":                   {args: []string{"status", "-o", "yaml"}, want: "error: --output: \"yaml\" is neither table nor json\n"},
		"gate that is neither on nor off":  {args: []string{"up", "--feature-gates=A=maybe"}, want: "error: --feature-gates: A is \"maybe\", neither true nor false\n"},
		"time that runs backwards":         {args: []string{"up", "--boot-time=-1s"}, want: "error: --boot-time: -1s is negative\n"},
		"catalogue that is not there":      {args: []string{"up", "--offerings", filepath.Join(empty, "none.yaml")}, want: "no such file"},
		"arguments of nobody":              {args: []string{"up", "--controller-argument=--dry-run"}, want: "error: --controller-argument without --controller\n"},
		"unknown command":                  {args: []string{"upp"}, want: `unknown command "upp"`},
		"detached, and it cannot be begun": {args: []string{"up", "--detach", "--dir", filepath.Join(empty, "devcluster.json", "x")}, want: "not a directory"},
	} {
		t.Run(situation, func(t *testing.T) {
			if strings.HasPrefix(situation, "detached") {
				require.NoError(t, os.WriteFile(filepath.Join(empty, "devcluster.json"), nil, 0o600))
				t.Cleanup(func() { _ = os.Remove(filepath.Join(empty, "devcluster.json")) })
			}
			code, _, complaint := devcluster(t.Context(), test.args...)
			assert.Equal(t, cli.ExitError, code)
			assert.Contains(t, complaint, test.want)
		})
	}
}

func TestHelp(t *testing.T) {
	code, printed, _ := devcluster(t.Context(), "--help")
	assert.Equal(t, cli.ExitOK, code)
	for _, command := range []string{"up", "down", "status", "demo", "kubectl"} {
		assert.Contains(t, printed, "\n  "+command+" ")
	}
}
