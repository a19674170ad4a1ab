package v1alpha1_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

func TestAddToSchemeKnowsEveryKind(t *testing.T) {
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	for _, kind := range []string{"NodeGroup", "NodeGroupList", "VPSieNode", "VPSieNodeList"} {
		object, err := scheme.New(v1alpha1.GroupVersion.WithKind(kind))
		require.NoError(t, err)
		assert.Equal(t, object, object.DeepCopyObject(), kind)
	}
}

func TestDeepCopySharesNothing(t *testing.T) {
	mixed, cpu := false, resource.MustParse("4")
	original := &v1alpha1.NodeGroup{Spec: v1alpha1.NodeGroupSpec{
		MaxNodes:            3,
		DatacenterIDs:       []string{"ams1"},
		OfferingIDs:         []string{"std-2c4g"},
		Requirements:        []v1alpha1.Requirement{{Key: "cpu", Operator: corev1.NodeSelectorOpIn, Values: []string{"2"}}},
		AllowMixedInstances: &mixed,
		Labels:              map[string]v1alpha1.LabelValue{"team": "shop"},
		Taints:              []v1alpha1.Taint{{Key: "a", Effect: corev1.TaintEffectNoSchedule}},
		StartupTaints:       []v1alpha1.Taint{{Key: "b", Effect: corev1.TaintEffectNoSchedule}},
		Limits:              &v1alpha1.Limits{CPU: &cpu, Memory: &cpu, PricePerHour: &cpu},
	}}
	before, err := json.Marshal(original)
	require.NoError(t, err)

	changed := original.DeepCopy()
	assert.Equal(t, original, changed)
	changed.Spec.DatacenterIDs[0], changed.Spec.OfferingIDs[0] = "x", "x"
	changed.Spec.Requirements[0].Values[0] = "x"
	*changed.Spec.AllowMixedInstances = true
	changed.Spec.Labels["team"] = "x"
	changed.Spec.Taints[0].Key, changed.Spec.StartupTaints[0].Key = "x", "x"
	changed.Spec.Limits.CPU.Add(cpu)
	changed.Spec.Limits.Memory.Add(cpu)
	changed.Spec.Limits.PricePerHour.Add(cpu)

	after, err := json.Marshal(original)
	require.NoError(t, err)
	assert.JSONEq(t, string(before), string(after))
}

func TestDeepCopyOfListsSharesNoItem(t *testing.T) {
	groups := &v1alpha1.NodeGroupList{Items: []v1alpha1.NodeGroup{{Spec: v1alpha1.NodeGroupSpec{DatacenterIDs: []string{"ams1"}}}}}
	nodes := &v1alpha1.VPSieNodeList{Items: []v1alpha1.VPSieNode{{
		Spec:   v1alpha1.VPSieNodeSpec{NodeGroup: "general"},
		Status: v1alpha1.VPSieNodeStatus{Phase: v1alpha1.PhaseReady},
	}}}
	groupsCopy, nodesCopy := groups.DeepCopy(), nodes.DeepCopy()
	assert.Equal(t, groups, groupsCopy)
	assert.Equal(t, nodes, nodesCopy)
	groupsCopy.Items[0].Spec.DatacenterIDs[0] = "x"
	nodesCopy.Items[0].Status.Phase = v1alpha1.PhaseFailed
	assert.Equal(t, "ams1", groups.Items[0].Spec.DatacenterIDs[0])
	assert.Equal(t, v1alpha1.PhaseReady, nodes.Items[0].Status.Phase)
}

func TestExplicitFalseSurvivesJSON(t *testing.T) {
	mixed := false
	data, err := json.Marshal(v1alpha1.NodeGroupSpec{AllowMixedInstances: &mixed})
	require.NoError(t, err)
	assert.Contains(t, string(data), `"allowMixedInstances":false`)
}

func TestLabelsOnANode(t *testing.T) {
	spec := v1alpha1.NodeGroupSpec{Labels: map[string]v1alpha1.LabelValue{"team": "shop", "empty": ""}}
	assert.Equal(t, map[string]string{"team": "shop", "empty": ""}, spec.NodeLabels())
	assert.NotNil(t, (&v1alpha1.NodeGroupSpec{}).NodeLabels())
}

func TestTaintOnANode(t *testing.T) {
	taint := v1alpha1.Taint{Key: "nvidia.com/gpu", Value: "present", Effect: corev1.TaintEffectNoSchedule}
	assert.Equal(t, corev1.Taint{Key: "nvidia.com/gpu", Value: "present", Effect: corev1.TaintEffectNoSchedule}, taint.CoreV1())
}

func TestRequirementMatches(t *testing.T) {
	sold := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("4"),
		corev1.ResourceMemory: resource.MustParse("16Gi"),
		"nvidia.com/gpu":      resource.MustParse("2"),
		"example.com/none":    resource.MustParse("0"),
	}
	labels := map[string]string{
		"topology.kubernetes.io/zone": "ams1",
		"generation":                  "7",
		"empty":                       "",
		"huge":                        "1e99999999",
	}
	for _, tc := range []struct {
		key      string
		operator corev1.NodeSelectorOperator
		values   []string
		want     bool
	}{
		{"topology.kubernetes.io/zone", "In", []string{"fra1", "ams1"}, true},
		{"topology.kubernetes.io/zone", "In", []string{"fra1"}, false},
		{"topology.kubernetes.io/zone", "NotIn", []string{"fra1"}, true},
		{"topology.kubernetes.io/zone", "NotIn", []string{"ams1"}, false},
		{"absent", "In", []string{""}, false},
		{"absent", "NotIn", []string{"a"}, true},
		{"empty", "In", []string{""}, true},
		{"empty", "Exists", nil, true},
		{"empty", "DoesNotExist", nil, false},
		{"absent", "Exists", nil, false},
		{"absent", "DoesNotExist", nil, true},
		{"generation", "Gt", []string{"6"}, true},
		{"generation", "Gt", []string{"7"}, false},
		{"generation", "Lt", []string{"8"}, true},
		{"generation", "Lt", []string{"7"}, false},
		{"absent", "Gt", []string{"0"}, false},
		{"absent", "Lt", []string{"9"}, false},
		{"topology.kubernetes.io/zone", "Gt", []string{"1"}, false},
		{"cpu", "In", []string{"4000m"}, true},
		{"cpu", "In", []string{"four"}, false},
		{"cpu", "NotIn", []string{"4.0", "8"}, false},
		{"cpu", "Gt", []string{"3"}, true},
		{"cpu", "Lt", []string{"4"}, false},
		{"cpu", "Gt", []string{"three"}, false},
		{"cpu", "Gt", []string{"1", "2"}, false},
		{"cpu", "Gt", []string{"1.2.3"}, false},
		{"cpu", "Gt", []string{"-1"}, true},
		{"cpu", "In", []string{"1e99999999"}, false},
		{"huge", "Gt", []string{"1"}, false},
		{"memory", "Gt", []string{"15Gi"}, true},
		{"memory", "Lt", []string{"17G"}, false},
		{"nvidia.com/gpu", "Exists", nil, true},
		{"example.com/none", "Exists", nil, false},
		{"example.com/none", "DoesNotExist", nil, true},
		{"example.com/none", "Lt", []string{"1"}, false},
		{"cpu", "AtLeast", []string{"1"}, false},
	} {
		r := v1alpha1.Requirement{Key: tc.key, Operator: tc.operator, Values: tc.values}
		assert.Equalf(t, tc.want, r.Matches(sold, labels), "%s %s %v", tc.key, tc.operator, tc.values)
	}
}
