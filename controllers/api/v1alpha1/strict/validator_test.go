package strict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/crds"
)

func TestABrokenManifestIsAnErrorNotAPermissiveValidator(t *testing.T) {
	data, err := crds.Files.ReadFile(crds.NodeGroups)
	require.NoError(t, err)
	manifest := string(data)
	for name, broken := range map[string]string{
		"not YAML":        "a: [",
		"unknown field":   "unknown: 1\n" + manifest,
		"no such version": strings.Replace(manifest, "name: v1alpha1", "name: v1", 1),
		"no CRD at all":   "{}",
		"not structural":  strings.Replace(manifest, "openAPIV3Schema:\n", "openAPIV3Schema:\n        dependencies: {a: [b]}\n", 1),
	} {
		require.Falsef(t, manifest == broken, "%s changes nothing", name)
		_, err := newValidator([]byte(broken))
		assert.Error(t, err, name)
	}
}

// The rules come from the manifest: with one taken out, what it refused passes.
func TestRulesComeFromTheManifest(t *testing.T) {
	data, err := crds.Files.ReadFile(crds.NodeGroups)
	require.NoError(t, err)
	object := func() map[string]any {
		return map[string]any{
			"apiVersion": "autoscaler.vpsie.com/v1alpha1",
			"kind":       "NodeGroup",
			"metadata":   map[string]any{"name": "general"},
			"spec":       map[string]any{"minNodes": int64(2), "maxNodes": int64(1)},
		}
	}
	v, err := newValidator(data)
	require.NoError(t, err)
	_, mistakes := v.nodeGroup(object())
	assert.Equal(t, []mistake{{"spec.minNodes", "Invalid value: minNodes must not exceed maxNodes"}}, mistakes)

	without := strings.Replace(string(data), "rule: self.minNodes <= self.maxNodes", `rule: "true"`, 1)
	require.False(t, without == string(data))
	v, err = newValidator([]byte(without))
	require.NoError(t, err)
	group, mistakes := v.nodeGroup(object())
	assert.Empty(t, mistakes)
	assert.EqualValues(t, 2, group.Spec.MinNodes)
}
