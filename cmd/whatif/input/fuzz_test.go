package input

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzFiles(f *testing.F) {
	shop, err := os.ReadFile("testdata/shop.yaml")
	require.NoError(f, err)
	for document := range strings.SplitSeq(string(shop)+"\n---\n"+cluster, "\n---\n") {
		f.Add([]byte(document))
	}
	f.Add([]byte(onePodJSON))
	f.Add([]byte(`{"kind":"List","apiVersion":"v1","items":[` + onePodJSON + `,null]}`))
	f.Add([]byte("kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: &a x}\n- metadata: {name: *a}\n"))
	f.Add([]byte("kind: List\napiVersion: v1\nitems: &a\n- *a\n"))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Add(zipped(f, []byte(onePod)))
	f.Fuzz(func(t *testing.T, data []byte) {
		src, err := readSource("in", strings.NewReader(string(data)), 0, 1<<20)
		if err != nil {
			requireOneLine(t, err)
			return
		}
		objects, notes, err := Files([]string{"-"}, Options{Stdin: strings.NewReader(string(data)), MaxBytes: 1 << 20})
		if err != nil {
			requireOneLine(t, err)
			return
		}
		require.NotNil(t, src)
		for _, line := range notes.Lines() {
			require.NotContains(t, line, "\n")
		}
		seen := map[string]bool{}
		for _, pod := range objects.Pods {
			require.False(t, seen[keyOf(pod)], "pod %s twice", keyOf(pod))
			seen[keyOf(pod)] = true
			require.NotNil(t, pod.Spec.Priority)
			require.NotEmpty(t, pod.UID)
		}
	})
}

func requireOneLine(t *testing.T, err error) {
	require.NotEmpty(t, err.Error())
	require.NotContains(t, err.Error(), "\n")
}

func FuzzWorkload(f *testing.F) {
	f.Add([]byte(`[{"metadata":{"name":"a"},` + bareSpec + `},{"metadata":{"name":"b"},` + bareSpec + `}]`))
	f.Add([]byte(`[{"metadata":{"name":"a"},"spec":{"\u006eodeName":"x"},"spec":null}]`))
	f.Add([]byte(`[ { } , [ ] ] `))
	f.Add([]byte(`[[ ] ] `))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, pods []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pods.json"), pods, 0o600))
		objects, _, _, err := Workload(dir)
		if err != nil {
			requireOneLine(t, err)
			return
		}
		// What was read apart was valid in one piece.
		require.NoError(t, unmarshal(mustUTF8(t, pods), &[]map[string]any{}))
		for _, pod := range objects.Pods {
			require.NotNil(t, pod.Spec.Priority)
		}
	})
}

func mustUTF8(t *testing.T, data []byte) []byte {
	src, err := readSource("in", strings.NewReader(string(data)), 0, DefaultMaxBytes)
	require.NoError(t, err)
	return src.data
}

func FuzzIndexes(f *testing.F) {
	f.Add("1,3-5")
	f.Add("-,")
	f.Fuzz(func(t *testing.T, s string) {
		spans, err := parseIndexes(s)
		if err != nil {
			requireOneLine(t, err)
		}
		for _, s := range spans {
			require.LessOrEqual(t, s.start, s.end)
		}
	})
}
