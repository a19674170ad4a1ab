package input

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
)

// traces are the workloads shared by everyone who measures; a checkout on its
// own does not have them.
const traces = "../../../../shared/traces"

func workloadDirs(t testing.TB) []string {
	if _, err := os.Stat(traces); err != nil {
		t.Skipf("no shared traces at %s", traces)
	}
	var dirs []string
	require.NoError(t, filepath.WalkDir(traces, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Base(path) == "pods.json" {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	}))
	require.NotEmpty(t, dirs)
	return dirs
}

func TestEverySharedTraceLoads(t *testing.T) {
	for _, dir := range workloadDirs(t) {
		t.Run(dir[len(traces)+1:], func(t *testing.T) {
			objects, catalog, notes, err := Workload(dir)
			require.NoError(t, err)
			assert.Empty(t, notes.Lines())

			var raw []json.RawMessage
			data, err := os.ReadFile(filepath.Join(dir, "pods.json"))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(data, &raw))
			assert.Len(t, objects.Pods, len(raw))
			for _, pod := range objects.Pods {
				require.NotEmpty(t, pod.UID)
				require.NotNil(t, pod.Spec.Priority)
				require.Equal(t, v1.DefaultSchedulerName, pod.Spec.SchedulerName)
			}
			want, err := os.ReadFile(filepath.Join(dir, "offerings.json"))
			require.NoError(t, err)
			assert.True(t, bytes.Equal(want, catalog), "offerings.json is handed on as it is")
		})
	}
}

func BenchmarkWorkload(b *testing.B) {
	for _, dir := range workloadDirs(b) {
		name := dir[len(traces)+1:]
		if filepath.Dir(name) == "vbp/public" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				objects, _, _, err := Workload(dir)
				require.NoError(b, err)
				b.ReportMetric(float64(len(objects.Pods)), "pods")
			}
		})
	}
}
