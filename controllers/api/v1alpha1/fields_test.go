package v1alpha1_test

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// waiting is the design's fields that are not in the types yet. A field enters
// with the change that gives it an effect; whoever adds it to a type takes it
// off this list.
var waiting = map[string]map[string]string{
	"NodeGroup.spec": {
		"scaleDownPolicy": "removals come with the scale-down decision",
	},
	"VPSieNode.status": {
		"removal": "the scale-down verdict that the drainer re-checks; nothing decides on removals yet",
	},
}

var structs = map[string]reflect.Type{
	"NodeGroup":        reflect.TypeFor[v1alpha1.NodeGroup](),
	"NodeGroup.spec":   reflect.TypeFor[v1alpha1.NodeGroupSpec](),
	"VPSieNode.status": reflect.TypeFor[v1alpha1.VPSieNodeStatus](),
}

// fields maps the JSON names of a struct's fields to the fields.
func fields(t *testing.T, of reflect.Type) map[string]reflect.StructField {
	t.Helper()
	byName := map[string]reflect.StructField{}
	for i := range of.NumField() {
		f := of.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			byName[name] = f
		}
	}
	require.NotEmpty(t, byName)
	return byName
}

func TestWaitingFieldsAreNotInTheTypes(t *testing.T) {
	for path, list := range waiting {
		of, ok := structs[path]
		require.Truef(t, ok, "no type is known for %s", path)
		present := fields(t, of)
		for name, reason := range list {
			assert.NotEmptyf(t, reason, "%s.%s waits without a reason", path, name)
			assert.NotContainsf(t, present, name, "%s.%s is in the type and still on the list of waiting fields (%s): take it off with the change that gives it an effect", path, name, reason)
		}
	}
}

// A false that is dropped from JSON would come back as true.
func TestBooleansThatDefaultToTrueArePointers(t *testing.T) {
	properties := structural(t, loadCRD(t, manifests[0])).Properties["spec"].Properties
	checked := 0
	for name, f := range fields(t, structs["NodeGroup.spec"]) {
		if value, ok := properties[name].Default.Object.(bool); ok && value {
			checked++
			assert.Equalf(t, reflect.Pointer, f.Type.Kind(), "spec.%s defaults to true", name)
		}
	}
	assert.Equal(t, 1, checked)
}

func TestReferenceDocumentsEveryField(t *testing.T) {
	reference, err := os.ReadFile("../../../docs/nodegroup.md")
	require.NoError(t, err)
	for name := range fields(t, structs["NodeGroup.spec"]) {
		assert.Truef(t, bytes.Contains(reference, []byte("### `"+name+"`")), "docs/nodegroup.md has no section on spec.%s", name)
	}
	for name := range waiting["NodeGroup.spec"] {
		assert.Falsef(t, bytes.Contains(reference, []byte("### `"+name+"`")), "docs/nodegroup.md describes spec.%s, which has no effect yet", name)
	}
}
