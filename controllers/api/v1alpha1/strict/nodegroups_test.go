package strict

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

const header = "apiVersion: autoscaler.vpsie.com/v1alpha1\nkind: NodeGroup\n"

// named is a NodeGroup whose spec starts on line 6 of its document.
func named(name, spec string) string {
	return header + "metadata:\n  name: " + name + "\nspec:\n" + spec
}

func group(spec string) string { return named("general", spec) }

func TestDefaultsAreApplied(t *testing.T) {
	groups, err := NodeGroups("groups.yaml", []byte(group("  maxNodes: 5\n")))
	require.NoError(t, err)
	require.Len(t, groups, 1)
	yes := true
	assert.Equal(t, "general", groups[0].Name)
	assert.Equal(t, v1alpha1.NodeGroupSpec{
		MaxNodes:            5,
		AllowMixedInstances: &yes,
		Bootstrap:           v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapKubeadm},
		ScaleUpPolicy:       v1alpha1.ScaleUpPolicy{StabilizationWindow: &metav1.Duration{}, Cooldown: &metav1.Duration{}},
	}, groups[0].Spec)
}

func TestEveryFieldIsRead(t *testing.T) {
	groups, err := NodeGroups("groups.yaml", []byte(group(`
  minNodes: 2
  maxNodes: 5
  datacenterIDs: [ams1]
  offeringIDs: [std-2c4g]
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
    template: {configMap: join}
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
    - {replicas: 1, cpu: 4, memory: 8G}
`)))
	require.NoError(t, err)
	no := false
	quantity := func(s string) *resource.Quantity {
		q := resource.MustParse(s)
		return &q
	}
	got := groups[0].Spec
	want := v1alpha1.NodeGroupSpec{
		MinNodes: 2, MaxNodes: 5,
		DatacenterIDs: []string{"ams1"},
		OfferingIDs:   []string{"std-2c4g"},
		Requirements: []v1alpha1.Requirement{
			{Key: "cpu", Operator: corev1.NodeSelectorOpGt, Values: []string{"1"}},
			{Key: "nvidia.com/gpu", Operator: corev1.NodeSelectorOpDoesNotExist},
		},
		PreferredInstanceType: "std-2c4g",
		AllowMixedInstances:   &no,
		Labels:                map[string]v1alpha1.LabelValue{"team": "shop", "example.com/empty": ""},
		Taints: []v1alpha1.Taint{
			{Key: "a", Value: "b", Effect: corev1.TaintEffectNoSchedule},
			{Key: "a", Value: "b", Effect: corev1.TaintEffectNoExecute},
		},
		StartupTaints: []v1alpha1.Taint{{Key: "a", Effect: corev1.TaintEffectPreferNoSchedule}},
		Priority:      -3,
		Paused:        true,
		Bootstrap: v1alpha1.Bootstrap{
			Mode:     v1alpha1.BootstrapScript,
			Template: &v1alpha1.TemplateReference{ConfigMap: "join", Key: "user-data"},
		},
		OSImageID:         "ubuntu-24",
		KubernetesVersion: "v1.37.2",
		SSHKeyIDs:         []string{"ops", "ci"},
		Project:           "shop",
		VPCID:             12,
		Tags:              []string{"k8s"},
		Notes:             "owned by the shop team",
		ScaleUpPolicy: v1alpha1.ScaleUpPolicy{
			StabilizationWindow: &metav1.Duration{Duration: 90 * time.Second},
			Cooldown:            &metav1.Duration{Duration: 90 * time.Minute},
			BuyWithoutDelete:    true,
		},
		Headroom: []v1alpha1.Headroom{
			{Replicas: 2, CPU: *quantity("500m"), Memory: *quantity("1Gi")},
			{Replicas: 1, CPU: *quantity("4"), Memory: *quantity("8G")},
		},
	}
	for name, of := range map[string]reflect.Value{"the example": reflect.ValueOf(want), "what was read": reflect.ValueOf(got)} {
		for i := range of.NumField() {
			if of.Type().Field(i).Name != "Limits" || name != "the example" {
				assert.Falsef(t, of.Field(i).IsZero(), "%s leaves %s out", name, of.Type().Field(i).Name)
			}
		}
	}
	for name, pair := range map[string][2]*resource.Quantity{
		"cpu":          {quantity("0.5"), got.Limits.CPU},
		"memory":       {quantity("16Gi"), got.Limits.Memory},
		"pricePerHour": {quantity("12.5"), got.Limits.PricePerHour},
	} {
		require.NotNil(t, pair[1], name)
		assert.Zero(t, pair[0].Cmp(*pair[1]), name)
	}
	got.Limits = nil
	assert.True(t, equality.Semantic.DeepEqual(want, got), "want %+v\ngot %+v", want, got)
}

func TestExamplesAreValid(t *testing.T) {
	data, err := os.ReadFile("../../../../deploy/examples/nodegroups.yaml")
	require.NoError(t, err)
	groups, err := NodeGroups("nodegroups.yaml", data)
	require.NoError(t, err)
	var names []string
	for _, g := range groups {
		names = append(names, g.Name)
	}
	assert.Equal(t, []string{"general", "databases", "gpu"}, names)
}

func TestShapesOfFiles(t *testing.T) {
	a, b := named("a", "  maxNodes: 1\n"), named("b", "  maxNodes: 1\n")
	indent := func(s string) string { return "- " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ") + "\n" }
	asJSON := func(s string) string {
		data, err := yaml.YAMLToJSON([]byte(s))
		require.NoError(t, err)
		return string(data)
	}
	for name, data := range map[string]string{
		"two documents":                  a + "---\n" + b,
		"comments and empty documents":   "# first\n---\n---\n# only a comment\n--- # a\n" + a + "---\nnull\n---\n" + b + "---\n",
		"document end mark":              a + "...\n---\n" + b,
		"windows line ends":              strings.ReplaceAll(a+"---\n"+b, "\n", "\r\n"),
		"byte order mark":                "\ufeff" + a + "---\n" + b,
		"List":                           "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: \"\"}\nitems:\n" + indent(a) + indent(b),
		"NodeGroupList":                  "apiVersion: autoscaler.vpsie.com/v1alpha1\nkind: NodeGroupList\nitems:\n" + indent(a) + indent(b),
		"List in a List":                 "apiVersion: v1\nkind: List\nitems:\n" + indent("apiVersion: v1\nkind: List\nitems:\n"+indent(a)) + indent(b),
		"JSON":                           asJSON("apiVersion: v1\nkind: List\nitems:\n" + indent(a) + indent(b)),
		"JSON stream":                    asJSON(a) + asJSON(b) + "\n",
		"JSON lines":                     "\n" + asJSON(a) + "\n" + asJSON(b),
		"JSON between separators":        asJSON(a) + "\n---\n" + asJSON(b),
		"flow style":                     "{apiVersion: autoscaler.vpsie.com/v1alpha1, kind: NodeGroup, metadata: {name: a}, spec: {maxNodes: 1}}\n---\n" + b,
		"anchors and merges":             "apiVersion: v1\nkind: List\nitems:\n" + indent("apiVersion: autoscaler.vpsie.com/v1alpha1\nkind: NodeGroup\nmetadata: {name: a}\nspec: &spec {maxNodes: 1}") + indent("apiVersion: autoscaler.vpsie.com/v1alpha1\nkind: NodeGroup\nmetadata: {name: b}\nspec: {<<: *spec}"),
		"null for an absent field":       a + "---\n" + b + "  limits: null\n  labels: {}\n",
		"metadata of an exported object": strings.Replace(a, "metadata:", "metadata:\n  creationTimestamp: null\n  uid: 1-2\n  generation: 3\n  managedFields:\n  - {manager: kubectl, operation: Apply, fieldsV1: {\"f:spec\": {}}}", 1) + "---\n" + b,
	} {
		t.Run(name, func(t *testing.T) {
			groups, err := NodeGroups("groups.yaml", []byte(data))
			require.NoError(t, err)
			require.Len(t, groups, 2)
			for i, g := range groups {
				assert.Equal(t, string(rune('a'+i)), g.Name)
				assert.EqualValues(t, 1, g.Spec.MaxNodes)
			}
		})
	}
}

func TestHugeFileIsRefusedBeforeParsing(t *testing.T) {
	_, err := NodeGroups("groups.yaml", make([]byte, 200<<20))
	assert.EqualError(t, err, "groups.yaml: the file has 200 MiB, more than the 8 MiB that are read")
}

func TestHostileInputGivesOneError(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		alias := fmt.Sprintf("*a%d", i-1)
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.Repeat(alias+", ", 9)+alias)
	}
	for name, data := range map[string]string{
		"alias bomb":           bomb,
		"nested flow lists":    strings.Repeat("[", 1<<20),
		"nested JSON objects":  strings.Repeat(`{"a":`, 1<<18) + "1" + strings.Repeat("}", 1<<18),
		"nested block lists":   strings.Repeat("- ", 1<<16) + "a",
		"closed nested lists":  strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"nested labels":        group("  maxNodes: 1\n  labels: " + strings.Repeat("{a: ", 5000) + strings.Repeat("}", 5000)),
		"self-containing List": "apiVersion: v1\nkind: List\nitems: &i\n- apiVersion: v1\n  kind: List\n  items: *i\n",
		"self-merging mapping": group("  maxNodes: 1\n  labels: &l\n    <<: *l\n"),
		"not a number":         group("  maxNodes: .nan\n"),
		"old Mac line ends":    strings.ReplaceAll(named("a", "  maxNodes: 1\n")+"---\n"+named("b", "  maxNodes: 1\n"), "\n", "\r"),
		"newline in a key":     group("  maxNodes: 1\n  \"a\\nb\": c\n"),
		"megabyte of a kind":   "apiVersion: v1\nkind: " + strings.Repeat("x", 1<<20),
		"megabyte of a value":  group("  maxNodes: 1\n  preferredInstanceType: " + strings.Repeat("x", 1<<20)),
		"list as a key":        group("  maxNodes: 1\n  labels: {[a]: b}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			groups, err := NodeGroups("groups.yaml", []byte(data))
			require.Error(t, err)
			assert.Nil(t, groups)
			assert.Regexp(t, `^groups\.yaml:\d+: [^\n]+$`, err.Error())
			assert.Less(t, len(err.Error()), 800)
		})
	}
}

func TestTruncatedJSONIsAnErrorWhereverItEnds(t *testing.T) {
	data, err := yaml.YAMLToJSON([]byte(group("  maxNodes: 3\n  labels: {a: b}\n")))
	require.NoError(t, err)
	for end := range data {
		_, err := NodeGroups("groups.json", data[:end])
		require.Errorf(t, err, "%s", data[:end])
	}
}

func TestManyMistakesAreCutShort(t *testing.T) {
	var data strings.Builder
	for range 30 {
		data.WriteString("apiVersion: v1\nkind: Pod\n---\n")
	}
	_, err := NodeGroups("pods.yaml", []byte(data.String()))
	lines := strings.Split(err.Error(), "\n")
	assert.Len(t, lines, 11)
	assert.Equal(t, "pods.yaml:2: kind: only NodeGroups are read here, not v1 Pod", lines[0])
	assert.Equal(t, "pods.yaml: and 20 more", lines[10])
}

func TestMistakesCanBeTakenApart(t *testing.T) {
	_, err := NodeGroups("groups.yaml", []byte(group("  maxNodes: 0\n")))
	var mistake *Error
	require.True(t, errors.As(err, &mistake))
	assert.Equal(t, Error{File: "groups.yaml", Line: 6, Field: "spec.maxNodes", Detail: "Invalid value: 0: spec.maxNodes in body should be greater than or equal to 1"}, *mistake)
}

func TestErrorsDoNotDependOnMapOrder(t *testing.T) {
	data := []byte(group("  {minNodes: a, maxNodes: b, priority: c, paused: d, limits: {cpu: 1.5, memory: 1.5}}\n"))
	_, first := NodeGroups("groups.yaml", data)
	require.Error(t, first)
	for range 20 {
		_, again := NodeGroups("groups.yaml", data)
		require.EqualError(t, again, first.Error())
	}
}
