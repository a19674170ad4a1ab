package app

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
)

func TestDefaults(t *testing.T) {
	o, err := parse(nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, ":8080", o.MetricsAddr)
	assert.Equal(t, ":8081", o.HealthAddr)
	assert.True(t, o.LeaderElection)
	assert.Equal(t, 10*time.Minute, o.SyncPeriod)
	assert.Equal(t, "vpsie-secret", o.VPSieSecret)
	assert.Equal(t, "kube-system", o.VPSieNamespace)
	assert.Equal(t, time.Second, o.BatchIdle)
	assert.Equal(t, 10*time.Second, o.BatchMax)
	assert.False(t, o.DryRun)
}

func TestConfigFileSetsFlagsByName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "controller.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`# how we run it
dry-run: true
batch-idle: 500ms
vpsie-namespace: vpsie
max-nodes: 40
max-cpu: 256
max-memory: 1Ti
max-price-per-hour: 12.5
`), 0o600))
	o, err := parse([]string{"--config", file, "--vpsie-namespace=mine"}, io.Discard)
	require.NoError(t, err)
	assert.True(t, o.DryRun)
	assert.Equal(t, 500*time.Millisecond, o.BatchIdle)
	assert.Equal(t, "mine", o.VPSieNamespace, "the command line wins")
	limits, err := o.limits()
	require.NoError(t, err)
	assert.Equal(t, binpack.Limits{Nodes: 40, MilliCPU: 256_000, MemoryBytes: 1 << 40, PricePerHour: 12.5}, limits)
}

func TestBadConfigFiles(t *testing.T) {
	for _, c := range []struct{ situation, text, want string }{
		{"an unknown key", "dry-run: true\ndry-rum: true\n", `c.yaml:2: unknown key "dry-rum"`},
		{"a key in another case", "dryRun: true\n", `c.yaml:1: unknown key "dryRun"`},
		{"a wrong type", "log-level: info\nsync-period: soon\n", `c.yaml:2: sync-period: time: invalid duration "soon"`},
		{"twice", "dry-run: true\n\ndry-run: false\n", "c.yaml:3: dry-run is set twice, first on line 1"},
		{"a list", "- dry-run\n", "c.yaml:1: must be flag names and values"},
		{"a nested value", "dry-run: {a: b}\n", "c.yaml:1: dry-run: must be a single value"},
		{"no value", "cluster-id:\n", "c.yaml:1: cluster-id: has no value"},
		{"another file", "config: other.yaml\n", `unknown key "config"`},
		{"no YAML", "a: b: c\n", "c.yaml: yaml: "},
		{"two mistakes", "a: 1\nb: 2\n", "c.yaml:2: unknown key \"b\""},
	} {
		t.Run(c.situation, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			require.NoError(t, os.WriteFile(file, []byte(c.text), 0o600))
			_, err := parse([]string{"--config", file}, io.Discard)
			assert.ErrorContains(t, err, c.want)
		})
	}
	_, err := parse([]string{"--config", filepath.Join(t.TempDir(), "none.yaml")}, io.Discard)
	assert.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "huge.yaml")
	require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("#\n"), maxConfigBytes), 0o600))
	_, err = parse([]string{"--config", file}, io.Discard)
	assert.ErrorContains(t, err, "not a configuration file")
	file = filepath.Join(t.TempDir(), "empty.yaml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = parse([]string{"--config", file}, io.Discard)
	assert.NoError(t, err)
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("dry-run: true\nbatch-idle: 2s\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("*a: 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := &Options{}
		if err := applyConfig("c.yaml", text, o.flags()); err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "c.yaml:"), err)
		}
	})
}

func TestBadFlags(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"--nope", "unknown flag: --nope (see --help)"},
		{"stray", `unexpected argument "stray"`},
		{"--sync-period 0s", "--sync-period 0s: must be above 0"},
		{"--batch-idle 20s", "--batch-idle 20s must not exceed --batch-max 10s"},
		{"--cluster-id a/b", `--cluster-id "a/b": must be`},
		{"--vpsie-secret=", "must both be set"},
		{"--vpsie-requests-per-minute 0", "must be at least 1"},
		{"--vpsie-vm-prefix /v3", `--vpsie-vm-prefix "/v3": must be /apps/v2 or /api/v2`},
		{"--max-cpu -1", `--max-cpu "-1": must be a quantity above 0`},
		{"--max-memory 1e99999999", `--max-memory "1e99999999": must be a quantity above 0`},
		{"--max-price-per-hour NaN", "must not be negative"},
		{"--drain-timeout -1s", "--drain-timeout -1s: must not be negative"},
		{"--log-level loud", `--log-level "loud": must be error, info, debug or a number`},
		{"--log-format xml", `--log-format "xml": must be json or console`},
	} {
		t.Run(c.flags, func(t *testing.T) {
			_, err := parse(strings.Fields(c.flags), io.Discard)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestHelpAndErrorsOfTheCommand(t *testing.T) {
	var stdout, stderr bytes.Buffer
	assert.Equal(t, 0, Run(t.Context(), []string{"--help"}, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "--vpsie-namespace NAMESPACE")
	assert.Contains(t, stdout.String(), "controller --config controller.yaml")
	assert.Empty(t, stderr.String())
	assert.Equal(t, 1, Run(t.Context(), []string{"--sync-period=0s", "--batch-max=0s"}, &stdout, &stderr))
	for _, line := range strings.Split(strings.TrimSpace(stderr.String()), "\n") {
		assert.True(t, strings.HasPrefix(line, "error: --"), line)
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log, err := newLogger("info", "json", &out)
	require.NoError(t, err)
	log.V(1).Info("detail")
	log.Info("bought", "machine", "vpsie-a-1")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	assert.Equal(t, "bought", line["msg"])
	assert.Equal(t, "vpsie-a-1", line["machine"])
	out.Reset()
	log, err = newLogger("4", "console", &out)
	require.NoError(t, err)
	log.V(4).Info("fine detail")
	log.V(5).Info("too fine")
	assert.Contains(t, out.String(), "fine detail")
	assert.NotContains(t, out.String(), "too fine")
}
