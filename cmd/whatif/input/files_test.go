package input

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// fromText reads one file of that content.
func fromText(t testing.TB, name, content string) (*simulator.Objects, *Notes, error) {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	objects, notes, err := Files([]string{path}, Options{})
	return objects, notes, shortened(err, path)
}

// shortened names the file without its temporary directory.
func shortened(err error, path string) error {
	if err == nil {
		return nil
	}
	return shortError(strings.ReplaceAll(err.Error(), filepath.Dir(path)+string(filepath.Separator), ""))
}

type shortError string

func (e shortError) Error() string { return string(e) }

func mustRead(t testing.TB, content string) *simulator.Objects {
	objects, _, err := fromText(t, "in.yaml", content)
	require.NoError(t, err)
	return objects
}

func podNames(objects *simulator.Objects) []string {
	var names []string
	for _, pod := range objects.Pods {
		names = append(names, keyOf(pod))
	}
	return names
}

func zipped(t testing.TB, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

const onePod = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: main, image: nginx}
`

const onePodJSON = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"main","image":"nginx"}]}}`

func TestEncodingsOfOnePod(t *testing.T) {
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(onePod)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"YAML":                              onePod,
		"YAML with Windows line ends":       strings.ReplaceAll(onePod, "\n", "\r\n"),
		"YAML behind markers and comments":  "# a comment\n---\n# nothing here\n---\n" + onePod + "---\n",
		"YAML with a directive":             "%YAML 1.1\n---\n" + onePod + "...\n",
		"YAML on the line of the marker":    "--- {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: main, image: nginx}]}}\n",
		"JSON":                              onePodJSON,
		"JSON in an array":                  "[" + onePodJSON + "]",
		"JSON in a List":                    `{"kind":"List","apiVersion":"v1","items":[` + onePodJSON + `]}`,
		"JSON in a List in a List":          `{"kind":"List","apiVersion":"v1","items":[{"kind":"List","apiVersion":"v1","items":[` + onePodJSON + `]}]}`,
		"JSON in a typed list, untyped":     `{"items":[{"metadata":{"name":"web"},"spec":{"containers":[{"name":"main","image":"nginx"}]}}],"kind":"PodList","apiVersion":"v1"}`,
		"YAML in a List":                    "apiVersion: v1\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(onePod), "\n", "\n  ") + "\nkind: List\nmetadata:\n  resourceVersion: \"\"\n",
		"YAML in a List with anchors":       "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n  data: &d {a: b}\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: web, labels: *d}\n  spec:\n    containers:\n    - {name: main, image: nginx}\n",
		"YAML in a typed list":              "kind: PodList\napiVersion: v1\nitems:\n  - metadata:\n      name: web\n    spec:\n      containers:\n      - name: main\n        image: nginx\n",
		"UTF-8 with a byte order mark":      "\xef\xbb\xbf" + onePod,
		"UTF-16 as PowerShell writes it":    utf16,
		"gzip":                              string(zipped(t, []byte(onePod))),
		"JSON, a marker, YAML of a Service": onePodJSON + "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
	} {
		t.Run(name, func(t *testing.T) {
			objects, _, err := fromText(t, "in", content)
			require.NoError(t, err)
			assert.Equal(t, []string{"default/web"}, podNames(objects))
			assert.Equal(t, "nginx", objects.Pods[0].Spec.Containers[0].Image)
			assert.Equal(t, "Pod", objects.Pods[0].Kind)
		})
	}
}

func TestRefusedInputSaysWhereAndWhat(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	nested := onePodJSON
	for range 12 {
		nested = `{"kind":"List","apiVersion":"v1","items":[` + nested + `]}`
	}
	for _, c := range []struct{ name, content, want string }{
		{"0 bytes", "", `in: empty file`},
		{"0 bytes in gzip", string(zipped(t, nil)), `in: empty file`},
		{"half a gzip file", string(zipped(t, []byte(onePod))[:40]), `in: gzip: unexpected EOF`},
		{"nothing but comments", "# hello\n---\n", `no Kubernetes objects that matter to scheduling in in`},
		{"binary", "\x7fELF\x00\x01", `in: binary data (a zero byte at offset 4): neither YAML nor JSON`},
		{"Latin-1", "name: caf\xe9\n", `in: not UTF-8 text (offset 9): neither YAML nor JSON`},
		{"odd UTF-16", "\xff\xfea", `in: truncated UTF-16`},
		{"truncated JSON", onePodJSON[:60], `in:1:61: truncated JSON: it ends where a closing quote should follow`},
		{"truncated JSON in a string", `{"kind":"P`, `in:1:11: truncated JSON: it ends where a closing quote should follow`},
		{"truncated List", `{"kind":"List","apiVersion":"v1","items":[` + onePodJSON + `,`, `in:1:158: truncated JSON: it ends where a closing bracket should follow`},
		{"JSON without a comma", `{"kind":"Pod" "apiVersion":"v1"}`, `in:1:15: invalid JSON: '"' where a comma or the end of the object should follow`},
		{"JSON literal that is none", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":nope}}`, `in:1:53: invalid JSON: invalid character 'o' in literal null (expecting 'u')`},
		{"YAML indentation", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n namespace: b\n", `in:4: invalid YAML: did not find expected key`},
		{"YAML field twice", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nkind: Pod\n", `in:5: invalid YAML: key "kind" already set in map`},
		{"alias bomb", bomb, `in:1: invalid YAML: document contains excessive aliasing`},
		{"a List that holds itself", "kind: List\napiVersion: v1\nitems: &a\n- kind: List\n  apiVersion: v1\n  items: *a\n", `in:1: invalid YAML: anchor 'a' value contains itself`},
		{"Lists twelve deep", nested, `in:1:379: Lists nested more than 8 deep`},
		{"a List with a foreign field", `{"kind":"List","apiVersion":"v1","items":[],"extra":1}`, `in:1: List: only apiVersion, kind, metadata and items may be set, each once`},
		{"a scalar", "hello\n", `in:1: not a Kubernetes object: found a string`},
		{"a number in a List", `{"kind":"List","apiVersion":"v1","items":[7]}`, `in:1:43: not a Kubernetes object: found a number`},
		{"values of Helm", "image: nginx\n", `in:1: not a Kubernetes object: apiVersion and kind must both be set, found "" and ""`},
		{"no kind", "apiVersion: v1\n", `in:1: not a Kubernetes object: apiVersion and kind must both be set, found "v1" and ""`},
		{"odd apiVersion", "apiVersion: a/b/c\nkind: Pod\n", `in:1: apiVersion: unexpected GroupVersion string: a/b/c`},
		{"removed version", "---\n\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: p}\n", `in:3: PodDisruptionBudget of policy/v1beta1 is not read: use policy/v1 (kubectl convert, or get it from the cluster anew)`},
		{"removed group", "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: p}\n", `in:1: Deployment of extensions/v1beta1 is not read: use apps/v1 (kubectl convert, or get it from the cluster anew)`},
		{"unknown field", onePod + "  nodeNam: x\n", `in:7: Pod web: spec.nodeNam: unknown field`},
		{"unknown field in a container", strings.Replace(onePod, "image: nginx", "immage: nginx", 1), `in:6:18: Pod web: spec.containers[0].immage: unknown field`},
		{"unknown field by case", strings.Replace(onePod, "containers", "Containers", 1), `in:5: Pod web: spec.Containers: unknown field`},
		{"unknown field in a List", "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: web\n  spec:\n    nodeNam: x\n", `in:9: Pod web: spec.nodeNam: unknown field`},
		{"unknown field in a List of a style that stays whole", "kind: List\napiVersion: v1\nitems: [\n {apiVersion: v1, kind: Pod,\n metadata: {name: web}, spec: {\n nodeNam: x}}]\n", `in:6: Pod web: spec.nodeNam: unknown field`},
		{"unknown field in JSON", "[\n" + onePodJSON + ",\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"},\n\t\"spec\":{\"nodeNam\":\"x\"}}\n]", `in:4:10: Pod b: spec.nodeNam: unknown field`},
		{"duplicate field in JSON", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"b","name":"c"}}`, `in:1:56: Pod c: metadata.name: duplicate field`},
		{"spec twice in JSON", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"b"},"spec":{},"spec":{}}`, `in:1:67: Pod b: spec: duplicate field`},
		{"wrong type", strings.Replace(onePod, "image: nginx", "image: 5", 1), `in:6:18: Pod web: spec.containers[0].image: found number where string is wanted`},
		{"wrong type of a list", "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: none\n", `in:5: Pod web: spec.containers: found string where []v1.Container is wanted`},
		{"wrong quantity", strings.Replace(onePod, "image: nginx", "image: nginx, resources: {requests: {memory: lots}}", 1), `in:6:55: Pod web: spec.containers[0].resources.requests.memory: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`},
		{"wrong time", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  creationTimestamp: noon\n", `in:5: Pod web: metadata.creationTimestamp: parsing time "noon" as "2006-01-02T15:04:05Z07:00": cannot parse "noon" as "2006"`},
		{"no name", "apiVersion: v1\nkind: Pod\nmetadata: {generateName: web-}\n", `in:1: Pod: metadata.name: required, and generateName is not enough here`},
		{"pod twice", onePod + "---\n" + onePod, `in:8: Pod default/web: there already (in:1)`},
		{"node twice", `{"apiVersion":"v1","kind":"NodeList","items":[{"metadata":{"name":"n"},"status":{"allocatable":{"cpu":"1"}}},{"metadata":{"name":"n"},"status":{"allocatable":{"cpu":"1"}}}]}`, `in:1:110: Node n: there already (in:1:47)`},
		{"one UID, two pods", `[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","uid":"u"}},` + "\n" + `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"b","uid":"u"}}]`, `in:2:56: Pod default/b: metadata.uid: that of Pod default/a already`},
		{"node without allocatable", "apiVersion: v1\nkind: Node\nmetadata: {name: one}\nstatus: {}\n", `in:4: Node one: status.allocatable: missing: nothing could run on this node`},
		{"negative CPU", strings.Replace(onePod, "image: nginx", "image: nginx, resources: {requests: {cpu: -1}}", 1), `in:6:55: Pod default/web: spec.containers[0].resources.requests.cpu: -1: must not be negative`},
		{"absurd memory", strings.Replace(onePod, "image: nginx", "image: nginx, resources: {limits: {memory: 2Ei}}", 1), `in:6:53: Pod default/web: spec.containers[0].resources.limits.memory: 2Ei: more than 1Ei, which no machine has`},
		{"a name that YAML takes for a boolean", "apiVersion: v1\nkind: Node\nmetadata: {name: n}\n", `in:3:12: Node false: metadata.name: found bool where string is wanted`},
		{"absurd node", "apiVersion: v1\nkind: Node\nmetadata: {name: one}\nstatus:\n  allocatable:\n    cpu: 10G\n", `in:6: Node one: status.allocatable.cpu: 10G: more than 1G, which no machine has`},
		{"negative claim", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nspec:\n  resources:\n    requests:\n      storage: -1Gi\n", `in:7: PersistentVolumeClaim default/c: spec.resources.requests.storage: -1Gi: must not be negative`},
		{"negative volume", "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: c}\nspec:\n  capacity: {storage: -1}\n", `in:5:14: PersistentVolume c: spec.capacity.storage: -1: must not be negative`},
		{"negative overhead", onePod + "  overhead: {cpu: -1}\n", `in:7:14: Pod default/web: spec.overhead.cpu: -1: must not be negative`},
		{"negative pod request", onePod + "  resources:\n    limits: {cpu: -1}\n", `in:8:14: Pod default/web: spec.resources.limits.cpu: -1: must not be negative`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := fromText(t, "in", c.content)
			require.Error(t, err)
			got := err.Error()
			if i := strings.Index(c.want, " in in"); i >= 0 {
				assert.True(t, strings.HasPrefix(got, c.want[:i]), got)
				return
			}
			assert.Equal(t, c.want, got)
			assert.NotContains(t, got, "\n")
		})
	}
}

func TestDirectoriesAreReadInTheOrderOfTheirPaths(t *testing.T) {
	dir := t.TempDir()
	pod := func(name string) []byte { return []byte(strings.Replace(onePod, "name: web", "name: "+name, 1)) }
	for path, content := range map[string][]byte{
		"b/deep/1.yml": pod("third"), "a.yaml": pod("first"), "b/0.json.gz": zipped(t, []byte(onePodJSON)), "c.YAML.gz": zipped(t, pod("fourth")),
		"README.md": []byte("# not read"), "b/values.txt": []byte("nor this"),
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), content, 0o600))
	}
	objects, _, err := Files([]string{dir}, Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"default/first", "default/web", "default/third", "default/fourth"}, podNames(objects))

	_, _, err = Files([]string{filepath.Join(dir, "a.yaml"), dir}, Options{})
	assert.ErrorContains(t, err, "a.yaml:1: Pod default/first: there already")

	empty := t.TempDir()
	_, _, err = Files([]string{empty}, Options{})
	assert.EqualError(t, err, empty+": no .yaml, .yml or .json files (nor .gz of them) in the directory")
	_, _, err = Files([]string{filepath.Join(dir, "nowhere")}, Options{})
	assert.ErrorContains(t, err, "nowhere: no such file or directory")
}

func TestStandardInput(t *testing.T) {
	objects, _, err := Files([]string{"-"}, Options{Stdin: strings.NewReader(onePod)})
	require.NoError(t, err)
	assert.Equal(t, []string{"default/web"}, podNames(objects))

	_, _, err = Files([]string{"-"}, Options{Stdin: strings.NewReader("kind: 1\n")})
	assert.ErrorContains(t, err, "stdin:1: ")
	_, _, err = Files([]string{"-", "-"}, Options{Stdin: strings.NewReader(onePod)})
	assert.EqualError(t, err, "-: standard input can be read once, and only where there is one")
	_, _, err = Files([]string{"-"}, Options{})
	assert.EqualError(t, err, "-: standard input can be read once, and only where there is one")
}

func TestSizeLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.yaml")
	padded := append([]byte(onePod), bytes.Repeat([]byte("# padding\n"), 1<<18)...)
	message := ": larger than 1 MiB: split it, or leave out what is not needed to schedule (events, secrets, old ReplicaSets)"
	for name, content := range map[string][]byte{"plain": padded, "zipped": zipped(t, padded)} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, content, 0o600))
			_, _, err := Files([]string{path}, Options{MaxBytes: 1 << 20})
			assert.EqualError(t, err, path+message)
			_, _, err = Files([]string{"-"}, Options{Stdin: bytes.NewReader(content), MaxBytes: 1 << 20})
			assert.EqualError(t, err, "stdin"+message)
			_, _, err = Files([]string{path}, Options{})
			assert.NoError(t, err)
		})
	}
	t.Run("a large List is read item by item, and the item's mistake is told", func(t *testing.T) {
		half := strings.Repeat("  # padding\n", maxYAMLBytes/24)
		head := "kind: List\napiVersion: v1\nitems:\n"
		item := func(name string) string {
			return "- apiVersion: v1\n  kind: Service\n  metadata: {name: " + name + "}\n" + half
		}
		objects, _, err := Files([]string{"-"}, Options{Stdin: strings.NewReader(head + item("a") + item("b") + item("c"))})
		require.NoError(t, err)
		assert.Len(t, objects.Services, 3)
		_, _, err = Files([]string{"-"}, Options{Stdin: strings.NewReader(head + item("a") + item("b") + "- apiVersion: [\n" + item("c"))})
		assert.ErrorContains(t, err, "invalid YAML")
	})
	t.Run("a YAML document that cannot be cut", func(t *testing.T) {
		content := append([]byte(onePod), bytes.Repeat([]byte("# padding\n"), maxYAMLBytes/10+1)...)
		_, _, err := Files([]string{"-"}, Options{Stdin: bytes.NewReader(content)})
		assert.EqualError(t, err, "stdin:1: a YAML document of more than 32 MiB: use JSON (kubectl get -o json), which is read item by item")
	})
}

func TestUnneededKindsAreCountedNotKept(t *testing.T) {
	_, notes, err := fromText(t, "in.yaml", onePod+`---
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {password: aHVudGVyMg==}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: 5}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
---
apiVersion: example.com/v1
kind: AllowList
metadata: {name: of-a-crd}
`)
	require.NoError(t, err)
	assert.Equal(t, []IgnoredKind{{"example.com/v1", "AllowList", 1}, {"v1", "ConfigMap", 2}, {"v1", "Secret", 1}}, notes.Ignored)
	assert.Equal(t, "ignored 2 × v1 ConfigMap: scheduling does not read it", notes.Lines()[1])
	assert.NotContains(t, strings.Join(notes.Lines(), "\n"), "aHVudGVyMg")
}

func TestManyObjectsAreDecodedTheSameOnSeveralGoroutines(t *testing.T) {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	for i := range 300 {
		b.WriteString("- apiVersion: v1\n  kind: Pod\n  metadata: {name: p" + string(rune('a'+i%26)) + "-" + strings.Repeat("x", i/26) + "y}\n  spec:\n    containers:\n    - {name: main, image: nginx}\n")
		b.WriteString("- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n")
	}
	objects, notes, err := fromText(t, "in.yaml", b.String())
	require.NoError(t, err)
	require.Len(t, objects.Pods, 300)
	assert.Equal(t, "pa-y", objects.Pods[0].Name)
	assert.Equal(t, "pn-xxxxxxxxxxxy", objects.Pods[299].Name)
	assert.Equal(t, []IgnoredKind{{"v1", "ConfigMap", 300}}, notes.Ignored)

	lines := strings.Split(b.String(), "\n")
	lines[3+7*100+4] = "    containrs: []" // item 100's
	lines[3+7*250+4] = "    containrs: []"
	_, _, err = fromText(t, "in.yaml", strings.Join(lines, "\n"))
	assert.ErrorContains(t, err, "in.yaml:708: ", "the first of several mistakes is told")
}

func TestPodsOnUnknownNodesAndFinishedPodsAreLeftOut(t *testing.T) {
	objects, notes, err := fromText(t, "in.yaml", `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: one}, status: {capacity: {cpu: 4}}}
- {apiVersion: v1, kind: Pod, metadata: {name: here, uid: "1"}, spec: {nodeName: one}}
- {apiVersion: v1, kind: Pod, metadata: {name: lost, uid: "2", namespace: b}, spec: {nodeName: gone}}
- {apiVersion: v1, kind: Pod, metadata: {name: lost, uid: "3", namespace: a}, spec: {nodeName: gone-too}}
- {apiVersion: v1, kind: Pod, metadata: {name: done, uid: "4"}, spec: {nodeName: one}, status: {phase: Succeeded}}
- {apiVersion: v1, kind: Pod, metadata: {name: failed, uid: "5"}, spec: {nodeName: one}, status: {phase: Failed}}
- {apiVersion: v1, kind: Pod, metadata: {name: ending, uid: "6", deletionTimestamp: "2026-01-01T00:00:00Z"}, spec: {nodeName: one}}
- {apiVersion: v1, kind: Pod, metadata: {name: never, uid: "7", deletionTimestamp: "2026-01-01T00:00:00Z"}}
`)
	require.NoError(t, err)
	assert.Equal(t, []string{"default/here", "default/ending"}, podNames(objects))
	assert.Equal(t, v1.PodRunning, objects.Pods[0].Status.Phase)
	assert.Equal(t, []string{"ignored 2 pods bound to nodes that are not in the input, such as a/lost on gone-too"}, notes.Remarks)
	assert.Equal(t, "4", objects.Nodes[0].Status.Allocatable.Cpu().String(), "allocatable defaults to capacity")
}

func TestNamespacesThatAreOnlyReferredToAreCreated(t *testing.T) {
	objects := mustRead(t, `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: zoo}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: bar}}
`)
	var got []map[string]string
	for _, namespace := range objects.Namespaces {
		got = append(got, namespace.Labels)
	}
	assert.Equal(t, []map[string]string{
		{"team": "a", v1.LabelMetadataName: "shop"}, {v1.LabelMetadataName: "bar"}, {v1.LabelMetadataName: "zoo"},
	}, got)
}
