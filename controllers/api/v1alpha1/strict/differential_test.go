package strict

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

func TestMain(m *testing.M) {
	planetest.Main(m, plane.Options{NoScheduler: true, NoControllerManager: true})
}

// apiServer is asked in its own words, without a client that has a mind of its own.
type apiServer struct {
	client *http.Client
	host   string
}

func theAPIServer(t *testing.T) apiServer {
	t.Helper()
	config := planetest.Get(t).Config()
	client, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	return apiServer{client, config.Host}
}

// do sends JSON and returns the answer's status and body.
func (a apiServer) do(t *testing.T, method, path, contentType string, body []byte) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.host+"/apis/autoscaler.vpsie.com/v1alpha1/"+path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", "application/json")
	response, err := a.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, text
}

// answer is what the API server says about a new object: what it makes of it, or
// why not.
type answer struct {
	object map[string]any
	// mistakes are the field errors of an invalid object.
	mistakes []mistake
	// message is the whole error, "" when the object was accepted.
	message string
	code    int
}

func (a apiServer) create(t *testing.T, resource string, object any) answer {
	t.Helper()
	body, err := json.Marshal(object)
	require.NoError(t, err)
	// As kubectl create --validate=strict --dry-run=server.
	code, data := a.do(t, http.MethodPost, resource+"?dryRun=All&fieldValidation=Strict", "application/json", body)
	if code == http.StatusCreated {
		var created map[string]any
		require.NoError(t, json.Unmarshal(data, &created))
		return answer{object: created, code: code}
	}
	var status metav1.Status
	require.NoError(t, json.Unmarshal(data, &status), "%s", data)
	said := answer{message: status.Message, code: code}
	require.NotEmpty(t, said.message)
	if status.Details == nil {
		return said
	}
	for _, cause := range status.Details.Causes {
		if cause.Field != noField { // the remark that rules were not checked
			said.mistakes = append(said.mistakes, mistake{cause.Field, cause.Message})
		}
	}
	return said
}

// unknownFields are those that strict decoding names.
func (a answer) unknownFields() []mistake {
	_, list, found := strings.Cut(a.message, "strict decoding error: ")
	if !found {
		return nil
	}
	var unknown []mistake
	for _, part := range strings.Split(list, ", ") {
		if name, ok := strings.CutPrefix(part, "unknown field "); ok {
			unknown = append(unknown, mistake{strings.Trim(name, `"`), "unknown field"})
		}
	}
	return unknown
}

// agree compares the two on one object.
func agree(t *testing.T, server apiServer, object map[string]any) (accepted bool) {
	t.Helper()
	v, err := nodeGroupValidator()
	require.NoError(t, err)
	rules := messagesOf(v.structural, map[string]bool{})
	theirs := server.create(t, "nodegroups", object)
	ours := runtime.DeepCopyJSON(object)
	group, mistakes := v.nodeGroup(ours)
	if len(mistakes) == 0 {
		require.Emptyf(t, theirs.message, "refused by the API server alone")
		var made v1alpha1.NodeGroup
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(theirs.object, &made))
		require.Truef(t, equality.Semantic.DeepEqual(made.Spec, group.Spec), "other defaults: there %+v, here %+v", made.Spec, group.Spec)
		return true
	}
	require.NotEmptyf(t, theirs.message, "refused here alone: %v", mistakes)
	said := theirs.mistakes
	switch {
	case theirs.code == http.StatusUnprocessableEntity:
	case len(theirs.unknownFields()) > 0:
		said = theirs.unknownFields()
	default:
		// The object does not even decode; only the wording of that is ours.
		require.Equal(t, http.StatusBadRequest, theirs.code, theirs.message)
		return false
	}
	fields := map[string]bool{}
	for _, m := range mistakes {
		fields[m.field] = true
		require.Containsf(t, said, m, "the API server says: %s", theirs.message)
	}
	// It says several things about one field, and checks rules beside schema errors
	// that leave them meaningful; here one mistake a field is enough, and the first
	// step that finds any is the last.
	for _, m := range said {
		require.Truef(t, fields[m.field] || rules[strings.TrimPrefix(m.detail, "Invalid value: ")] || rules[afterValue(m.detail)],
			"%v is the API server's alone", m)
	}
	return false
}

// afterValue is the message of a rule's error that shows the value.
func afterValue(detail string) string {
	_, message, _ := strings.Cut(strings.TrimPrefix(detail, "Invalid value: "), ": ")
	return message
}

// messagesOf are the messages of all rules of a schema.
func messagesOf(s *schema.Structural, into map[string]bool) map[string]bool {
	for _, rule := range s.XValidations {
		into[rule.Message] = true
	}
	for _, property := range s.Properties {
		messagesOf(&property, into)
	}
	if s.Items != nil {
		messagesOf(s.Items, into)
	}
	return into
}

// objectIn is the one object of a file; nil when the mistake is about the file.
func objectIn(t *testing.T, data []byte) map[string]any {
	t.Helper()
	docs, mistake := split(data)
	if mistake != nil || len(docs) != 1 {
		return nil
	}
	p, mistake := parse(docs[0])
	if mistake != nil || p.value == nil || len(p.at.repeatedFields()) > 0 {
		return nil
	}
	object, ok := p.value.(map[string]any)
	if !ok || object["kind"] != "NodeGroup" || object["apiVersion"] != "autoscaler.vpsie.com/v1alpha1" {
		return nil
	}
	return object
}

// beyond are the files that are refused here alone, as doc.go says.
var beyond = map[string]bool{"namespaced.yaml": true, "no-name.yaml": true}

func TestTheAPIServerRefusesTheGoldenFilesToo(t *testing.T) {
	server := theAPIServer(t)
	compared := 0
	for _, input := range goldenInputs(t) {
		data, err := os.ReadFile(input)
		require.NoError(t, err)
		object := objectIn(t, data)
		if object == nil || beyond[filepath.Base(input)] {
			continue
		}
		compared++
		t.Run(filepath.Base(input), func(t *testing.T) { assert.False(t, agree(t, server, object)) })
	}
	assert.Greater(t, compared, 40)
}

func TestTheAPIServerAcceptsTheExamples(t *testing.T) {
	server := theAPIServer(t)
	data, err := os.ReadFile("../../../../deploy/examples/nodegroups.yaml")
	require.NoError(t, err)
	for _, document := range strings.Split(string(data), "\n---\n") {
		object := objectIn(t, []byte(document))
		require.NotNil(t, object)
		assert.True(t, agree(t, server, object))
	}
}

// complete is a NodeGroup with every field.
const complete = `
apiVersion: autoscaler.vpsie.com/v1alpha1
kind: NodeGroup
metadata: {name: general}
spec:
  minNodes: 2
  maxNodes: 5
  datacenterIDs: [ams1]
  offeringIDs: [std-2c4g, std-4c8g]
  requirements:
    - {key: cpu, operator: Gt, values: ["1"]}
    - {key: nvidia.com/gpu, operator: DoesNotExist}
  preferredInstanceType: std-2c4g
  allowMixedInstances: false
  labels: {team: shop, example.com/empty: ""}
  taints:
    - {key: a, value: b, effect: NoSchedule}
    - {key: a, value: b, effect: NoExecute}
  startupTaints:
    - {key: a, effect: PreferNoSchedule}
  limits: {cpu: 500m, memory: 16Gi, pricePerHour: "12.50"}
  priority: -3
  paused: true
  bootstrap:
    mode: script
    template: {configMap: join, key: join.sh}
  osImageID: ubuntu-24
  kubernetesVersion: v1.37.2
  sshKeyIDs: [ops, ci]
  project: shop
  vpcID: 12
  tags: [k8s]
  notes: owned by the shop team
  scaleUpPolicy: {stabilizationWindow: 90s, cooldown: 1h30m, buyWithoutDelete: true}
  headroom:
    - {replicas: 2, cpu: 500m, memory: 1Gi}
`

// A mutation of one place in an object: the value there is replaced or removed,
// or gets a neighbour.
func mutate(random *rand.Rand, object map[string]any) string {
	type place struct {
		path   string
		set    func(any)
		remove func()
		value  any
	}
	var places []place
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(mapsKeys(v)) {
				at := path + "." + key
				places = append(places, place{at, func(n any) { v[key] = n }, func() { delete(v, key) }, v[key]})
				walk(at, v[key])
			}
		case []any:
			for i := range v {
				at := fmt.Sprintf("%s[%d]", path, i)
				places = append(places, place{at, func(n any) { v[i] = n }, func() { v[i] = v[0] }, v[i]})
				walk(at, v[i])
			}
		}
	}
	walk("spec", object["spec"])
	p := places[random.IntN(len(places))]
	values := []any{
		nil, "", "x", "general", "std-4c8g", "not a name!", "-1", "0", "1", "1e3", "1e99999999", "1.5", "10Gi", "-5m", "90s", "25h", "managed", "kubeadm",
		"Gt", "In", "Exists", "NoSchedule", "a", "autoscaler.vpsie.com/x", "kubernetes.io/hostname", strings.Repeat("n", 64), strings.Repeat("n", 600),
		int64(0), int64(-1), int64(1), int64(3), int64(20000), 1.5, true, false, []any{}, []any{"a", "a"}, []any{int64(1)},
		map[string]any{}, map[string]any{"surprise": "x"}, map[string]any{"key": "a", "operator": "Lt"},
	}
	switch random.IntN(6) {
	case 0:
		p.remove()
		return "remove " + p.path
	case 1:
		if m, ok := p.value.(map[string]any); ok {
			m["surprise"] = values[random.IntN(len(values))]
			return "add to " + p.path
		}
		if list, ok := p.value.([]any); ok && len(list) > 0 {
			p.set(append(slices.Clone(list), runtime.DeepCopyJSONValue(list[0])))
			return "repeat in " + p.path
		}
		fallthrough
	default:
		value := values[random.IntN(len(values))]
		p.set(runtime.DeepCopyJSONValue(value))
		return fmt.Sprintf("%s = %.40v", p.path, value)
	}
}

func mapsKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func TestTheAPIServerAgreesOnRandomChanges(t *testing.T) {
	server := theAPIServer(t)
	data, err := yaml.YAMLToJSON([]byte(complete))
	require.NoError(t, err)
	accepted, refused := 0, 0
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 37))
		var object map[string]any
		require.NoError(t, json.Unmarshal(data, &object))
		var done []string
		for range 1 + random.IntN(3) {
			if _, ok := object["spec"].(map[string]any); ok {
				done = append(done, mutate(random, object))
			}
		}
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if agree(t, server, object) {
				accepted++
			} else {
				refused++
			}
		})
		if !ok {
			t.Logf("seed %d: %s", seed, strings.Join(done, "; "))
		}
	}
	assert.Greater(t, accepted, 30)
	assert.Greater(t, refused, 200)
}

// A VPSieNode is not for people to write; what they or a program get wrong is
// refused with a message that says so.
func TestTheAPIServerRefusesVPSieNodes(t *testing.T) {
	server := theAPIServer(t)
	machine := func(change func(spec map[string]any)) map[string]any {
		spec := map[string]any{
			"nodeGroup": "general", "offering": "std-2c4g", "datacenter": "ams1", "hostname": "vpsie-general-7f3k2", "planID": "plan-0123456789abcdef",
			"pricePerHour": "0.0243", "allocatable": map[string]any{"cpu": "1900m"}, "pods": []any{"shop/web"},
		}
		change(spec)
		return map[string]any{
			"apiVersion": "autoscaler.vpsie.com/v1alpha1", "kind": "VPSieNode", "metadata": map[string]any{"name": "vpsie-general-7f3k2"}, "spec": spec,
		}
	}
	require.Empty(t, server.create(t, "vpsienodes", machine(func(map[string]any) {})).message)
	for name, tc := range map[string]struct {
		change func(spec map[string]any)
		want   string
	}{
		"no group":                  {func(s map[string]any) { delete(s, "nodeGroup") }, "spec.nodeGroup: Required value"},
		"no hostname":               {func(s map[string]any) { delete(s, "hostname") }, "spec.hostname: Required value"},
		"no offering":               {func(s map[string]any) { delete(s, "offering") }, "spec.offering: Required value"},
		"no datacenter":             {func(s map[string]any) { delete(s, "datacenter") }, "spec.datacenter: Required value"},
		"no plan":                   {func(s map[string]any) { s["planID"] = "" }, "spec.planID: Invalid value"},
		"hostname of another group": {func(s map[string]any) { s["hostname"] = "vpsie-gpu-7f3k2" }, "hostname must be vpsie-<nodeGroup>-<suffix>"},
		"hostname in capitals":      {func(s map[string]any) { s["hostname"] = "VPSIE-general-7f3k2" }, "spec.hostname in body should match"},
		"hostname too long":         {func(s map[string]any) { s["hostname"] = "vpsie-general-" + strings.Repeat("a", 50) }, "spec.hostname: Too long"},
		"price that is none":        {func(s map[string]any) { s["pricePerHour"] = "-1" }, "spec.pricePerHour in body should match"},
		"one pod twice":             {func(s map[string]any) { s["pods"] = []any{"shop/web", "shop/web"} }, "spec.pods[1]: Duplicate value"},
		"allocatable in words":      {func(s map[string]any) { s["allocatable"] = map[string]any{"cpu": "two"} }, "spec.allocatable.cpu in body should match"},
		"long reason":               {func(s map[string]any) { s["reason"] = strings.Repeat("r", 257) }, "spec.reason: Too long"},
		"unknown field":             {func(s map[string]any) { s["image"] = "ubuntu" }, `unknown field "spec.image"`},
	} {
		t.Run(name, func(t *testing.T) {
			said := server.create(t, "vpsienodes", machine(tc.change))
			assert.Contains(t, said.message, tc.want)
			assert.Contains(t, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, said.code)
		})
	}
	t.Run("another machine under the same name", func(t *testing.T) {
		body, err := json.Marshal(machine(func(map[string]any) {}))
		require.NoError(t, err)
		code, text := server.do(t, http.MethodPost, "vpsienodes", "application/json", body)
		require.Equal(t, http.StatusCreated, code, string(text))
		const path = "vpsienodes/vpsie-general-7f3k2"
		patch := func(spec string) (int, string) {
			code, text := server.do(t, http.MethodPatch, path, "application/merge-patch+json", []byte(`{"spec":`+spec+`}`))
			return code, string(text)
		}
		for _, spec := range []string{`{"offering":"std-4c8g"}`, `{"datacenter":"fra1"}`, `{"planID":"plan-2"}`, `{"pricePerHour":"1"}`, `{"reason":"why not"}`, `{"pricePerHour":null}`} {
			code, text := patch(spec)
			assert.Equal(t, http.StatusUnprocessableEntity, code, spec)
			assert.Contains(t, text, "a VPSieNode is one machine: of its spec only pods can change", spec)
		}
		code, said := patch(`{"pods":["shop/web","shop/db"]}`)
		assert.Equal(t, http.StatusOK, code, said)
		code, _ = server.do(t, http.MethodDelete, path, "application/json", nil)
		assert.Equal(t, http.StatusOK, code)
	})
}
