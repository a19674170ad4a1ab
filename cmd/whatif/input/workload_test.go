package input

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// workloadDir writes a workload directory.
func workloadDir(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

const bareSpec = `"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"1"}}}]}`

func TestWorkloadReadsEveryFileItKnows(t *testing.T) {
	files := map[string]string{
		"pods.json":  `[{"metadata":{"name":"a","uid":"1","namespace":"x"},` + bareSpec + `},{"metadata":{"name":"b"},` + bareSpec + `}]`,
		"nodes.json": `[{"apiVersion":"v1","kind":"Node","metadata":{"name":"one"},"status":{"allocatable":{"cpu":"1"}}}]`,
		"daemonsets.json": `[{"metadata":{"name":"d","namespace":"kube-system"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
			"spec":{"priorityClassName":"system-node-critical","containers":[{"name":"c","resources":{"limits":{"cpu":"1"}}}]}}}}]`,
		"meta.json": `not even JSON`, "offerings.json": ` [] `, "typo.json": `[]`, "events.csv": "1,create,a\n",
		"pvs.json.gz": string(zipped(t, []byte(`[{"metadata":{"name":"pv"}}]`))),
	}
	for _, name := range []string{
		"namespaces", "replicationcontrollers", "services", "pvcs", "replicasets", "statefulsets", "storageclasses", "csinodes", "csidrivers", "csistoragecapacities",
		"volumeattachments", "resourceslices", "resourceclaims", "resourceclaimtemplates", "deviceclasses", "devicetaintrules", "priorityclasses", "podgroups", "pdbs",
	} {
		files[name+".json"] = `[{"metadata":{"name":"n"}}]`
	}
	dir := workloadDir(t, files)
	o, catalog, notes, err := Workload(dir)
	require.NoError(t, err)
	assert.Equal(t, " [] ", string(catalog))
	assert.Equal(t, []string{"ignored " + filepath.Join(dir, "typo.json") + ": no such file in a workload directory"}, notes.Lines())
	assert.Equal(t, []string{"x/a", "default/b"}, podNames(o))
	for i, all := 0, reflect.ValueOf(*o); i < all.NumField(); i++ {
		assert.NotZero(t, all.Field(i).Len(), "nothing reads %s", all.Type().Field(i).Name)
	}
	t.Run("and Add knows every kind too", func(t *testing.T) {
		all := reflect.ValueOf(*merge(&simulator.Objects{}, o))
		for i := range all.NumField() {
			if name := all.Type().Field(i).Name; name != "Pods" { // Add makes those itself
				assert.NotZero(t, all.Field(i).Len(), name)
			}
		}
	})
	assert.Len(t, o.Namespaces, 4, "n, and the three that are only referred to")
	assert.Equal(t, "1", o.Pods[0].Spec.Containers[0].Resources.Requests.Cpu().String())
	assert.Same(t, &o.Pods[0].Spec.Containers[0], &o.Pods[1].Spec.Containers[0], "equal specs are decoded once")
	daemon := o.DaemonSets[0].Spec.Template.Spec
	assert.Equal(t, int32(2000001000), *daemon.Priority)
	assert.Equal(t, "1", daemon.Containers[0].Resources.Requests.Cpu().String())
}

func TestWorkloadWithoutOfferings(t *testing.T) {
	o, catalog, _, err := Workload(workloadDir(t, map[string]string{"pods.json": "[]\n"}))
	require.NoError(t, err)
	assert.Nil(t, catalog)
	assert.Empty(t, o.Pods)
}

func TestRefusedWorkloadDirectories(t *testing.T) {
	pods := func(element string) map[string]string { return map[string]string{"pods.json": "[\n" + element + "\n]"} }
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no pods.json", map[string]string{"nodes.json": "[]"}, `DIR: no pods.json: not a workload directory`},
		{"empty pods.json", map[string]string{"pods.json": ""}, `DIR/pods.json: empty file`},
		{"an object", map[string]string{"pods.json": "{}"}, `DIR/pods.json:1: invalid JSON: '{' where an array of Pod objects should follow`},
		{"truncated", map[string]string{"pods.json": `[{"kind":"Pod"},`}, `DIR/pods.json:1:17: truncated JSON: it ends where a value should follow`},
		{"text behind the array", map[string]string{"pods.json": "[]\n]"}, `DIR/pods.json:2: invalid JSON: ']' where the end of the file should follow`},
		{"an element that is no JSON", pods(`{"metadata":{"name":"a"},"spec" {}}`), `DIR/pods.json:2:33: invalid JSON: '{' where a colon should follow`},
		{"an element that is no object", pods("true"), `DIR/pods.json:2: not a Kubernetes object: found a boolean`},
		{"a List", pods(`{"apiVersion":"v1","kind":"PodList","items":[]}`), `DIR/pods.json:2: found v1 PodList in the file for v1 Pod`},
		{"unknown field", pods(`{"metadata":{"name":"a"},"spec":{"nodeNames":"x"}}`), `DIR/pods.json:2:34: Pod a: spec.nodeNames: unknown field`},
		{"unknown field beside a spec seen before", pods(`{"metadata":{"name":"a"},` + bareSpec + `},` + "\n" + `{"metadata":{"name":"b","x":1},` + bareSpec + `}`),
			`DIR/pods.json:3:25: Pod b: metadata.x: unknown field`},
		{"another kind", pods(`{"apiVersion":"v1","kind":"Node"}`), `DIR/pods.json:2: found v1 Node in the file for v1 Pod`},
		{"negative quantity", pods(`{"metadata":{"name":"a"},"spec":{"initContainers":[{"resources":{"requests":{"memory":"-1"}}}]}}`),
			`DIR/pods.json:2:78: Pod default/a: spec.initContainers[0].resources.requests.memory: -1: must not be negative`},
		{"unknown priority class", pods(`{"metadata":{"name":"a"},"spec":{"priorityClassName":"gold"}}`), `DIR/pods.json:2:34: Pod default/a: spec.priorityClassName: no PriorityClass "gold" in the input`},
		{"a bad DaemonSet", map[string]string{"pods.json": "[]", "daemonsets.json": `[{"metadata":{"name":"a"},"spec":{"template":{"spec":{"priorityClassName":"gold"}}}}]`},
			`DIR/daemonsets.json:1:55: DaemonSet default/a: spec.template.spec.priorityClassName: no PriorityClass "gold" in the input`},
		{"bad offerings file", map[string]string{"pods.json": "[]", "offerings.json": "\x00"}, `DIR/offerings.json: binary data (a zero byte at offset 0): neither YAML nor JSON`},
		{"no name", pods(`{"metadata":{}}`), `DIR/pods.json:2: Pod: metadata.name: required, and generateName is not enough here`},
		{"null", pods(`{"metadata":{"name":"a"},"spec":{"containers":null}},{"metadata":{"name":"a"}}`), `DIR/pods.json:2:54: Pod default/a: there already (DIR/pods.json:2)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := workloadDir(t, c.files)
			_, _, _, err := Workload(dir)
			require.Error(t, err)
			assert.Equal(t, c.want, strings.ReplaceAll(err.Error(), dir, "DIR"))
		})
	}
	_, _, _, err := Workload("nowhere/at/all")
	assert.ErrorContains(t, err, "nowhere/at/all: no such file or directory")
}

func TestWhatSharedSpecsDecodeToIsWhatWholePodsDecodeTo(t *testing.T) {
	for _, dir := range workloadDirs(t) {
		data, err := os.ReadFile(filepath.Join(dir, "pods.json"))
		require.NoError(t, err)
		spans, _, err := elements(data, skipSpace(data, 0))
		require.NoError(t, err)
		d := decoder{specs: map[string]*sharedSpec{}}
		for i, s := range spans {
			if i%37 != 0 {
				continue
			}
			fields, _, err := members(data, s.start)
			require.NoError(t, err)
			for j := range fields {
				fields[j].value.start -= s.start
				fields[j].value.end -= s.start
			}
			obj, shared := d.pod(data[s.start:s.end], fields)
			require.NotNil(t, obj)
			want := &v1.Pod{}
			require.NoError(t, unmarshal(data[s.start:s.end], want))
			got := obj.(*v1.Pod)
			got.Spec = shared.spec
			require.Equal(t, want, got)
		}
	}
}

// BenchmarkGeneratedPods is how loading grows: all pods of 50 specs, 800 bytes each.
func BenchmarkGeneratedPods(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("[")
			for i := range n {
				if i > 0 {
					text.WriteString(",\n")
				}
				fmt.Fprintf(&text, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p-%d","namespace":"n","uid":"u-%d","labels":{"app":"a%d"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"r","controller":true}]},"spec":{"containers":[{"name":"c","image":"registry.example.com/team/image:%d","resources":{"requests":{"cpu":"100m","memory":"128Mi"}},"env":[{"name":"%s","value":"x"}]}]},"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}}`,
					i, i, i%50, i%50, strings.Repeat("V", 300))
			}
			text.WriteString("]")
			dir := workloadDir(b, map[string]string{"pods.json": text.String()})
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			for b.Loop() {
				_, _, _, err := Workload(dir)
				require.NoError(b, err)
			}
		})
	}
}
