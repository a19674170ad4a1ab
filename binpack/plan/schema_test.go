package plan_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

func compile(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(plan.Schema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("plan.json", document))
	schema, err := compiler.Compile("plan.json")
	require.NoError(t, err)
	return schema
}

func validate(t testing.TB, schema *jsonschema.Schema, document []byte) error {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err)
	return schema.Validate(instance)
}

func TestSchemaAcceptsGoodPlans(t *testing.T) {
	schema := compile(t)
	for name, p := range map[string]*plan.Plan{"every field": good(), "nothing to do": empty()} {
		document, err := json.Marshal(p)
		require.NoError(t, err)
		assert.NoError(t, validate(t, schema, document), name)
	}
}

func TestSchemaRefuses(t *testing.T) {
	tests := []struct{ situation, old, new string }{
		{"an unknown field", `"kind":"Plan"`, `"kind":"Plan","color":"red"`},
		{"an unknown field of a machine", `"zone":"ams1"`, `"zone":"ams1","rack":1`},
		{"a missing field", `"kind":"Plan",`, ``},
		{"a list that is null", `"pods":[]`, `"pods":null`},
		{"a price in quotes", `"before":1`, `"before":"1"`},
		{"a negative price", `"before":1`, `"before":-1`},
		{"another version", `"autoscaler.vpsie.com/v1alpha1"`, `"autoscaler.vpsie.com/v1"`},
		{"a pod without a namespace", `"b/huge"`, `"huge"`},
		{"an unknown placement", `"nominated"`, `"hoped"`},
		{"an ID of another form", `"id":"plan-`, `"id":"`},
		{"half a pod", `"classes":2`, `"classes":2.5`},
		{"no reasons", `"reasons":[{"template":"*","plugin":"NodeResourcesFit","message":"Insufficient cpu"},{"template":"small/open/*","plugin":"NodeAffinity","message":"no"}]`, `"reasons":[]`},
	}
	schema := compile(t)
	document, err := json.Marshal(good())
	require.NoError(t, err)
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			broken := strings.Replace(string(document), tc.old, tc.new, 1)
			require.NotEqual(t, string(document), broken)
			assert.Error(t, validate(t, schema, []byte(broken)))
		})
	}
}

// The schema and the Go types say the same, and the schema describes each field.
func TestSchemaCoversEveryField(t *testing.T) {
	var root map[string]any
	require.NoError(t, json.Unmarshal(plan.Schema(), &root))
	w := &walk{t: t, definitions: root["$defs"].(map[string]any), used: map[string]bool{}}
	w.object("Plan", root, reflect.TypeFor[plan.Plan]())
	assert.ElementsMatch(t, slices.Collect(maps.Keys(w.definitions)), slices.Collect(maps.Keys(w.used)), "definitions that are used")
}

type walk struct {
	t           *testing.T
	definitions map[string]any
	used        map[string]bool
}

// resolve follows a reference.
func (w *walk) resolve(path string, schema map[string]any) map[string]any {
	reference, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	name := strings.TrimPrefix(reference, "#/$defs/")
	require.Contains(w.t, w.definitions, name, path)
	w.used[name] = true
	return w.definitions[name].(map[string]any)
}

func (w *walk) object(path string, schema map[string]any, of reflect.Type) {
	assert.NotEmpty(w.t, schema["description"], "%s has no description", path)
	assert.Equal(w.t, false, schema["additionalProperties"], path)
	properties := schema["properties"].(map[string]any)
	var names, required []string
	for _, name := range schema["required"].([]any) {
		required = append(required, name.(string))
	}
	for i := range of.NumField() {
		name := of.Field(i).Tag.Get("json")
		names = append(names, name)
		if assert.Contains(w.t, properties, name, path) {
			w.value(path+"."+name, properties[name].(map[string]any), of.Field(i).Type)
		}
	}
	assert.ElementsMatch(w.t, names, slices.Collect(maps.Keys(properties)), path)
	assert.ElementsMatch(w.t, names, required, path)
}

func (w *walk) value(path string, schema map[string]any, of reflect.Type) {
	assert.NotEmpty(w.t, schema["description"], "%s has no description", path)
	schema = w.resolve(path, schema)
	switch of.Kind() {
	case reflect.Struct:
		w.object(path, schema, of)
	case reflect.Slice:
		assert.Equal(w.t, "array", schema["type"], path)
		items := schema["items"].(map[string]any)
		if of.Elem().Kind() == reflect.Struct {
			w.object(path, w.resolve(path, items), of.Elem())
		} else {
			assert.Equal(w.t, "string", w.resolve(path, items)["type"], path)
		}
	case reflect.String:
		if schema["enum"] == nil && schema["const"] == nil {
			assert.Equal(w.t, "string", schema["type"], path)
		}
	default:
		want := map[reflect.Kind]string{reflect.Float64: "number", reflect.Int: "integer", reflect.Bool: "boolean"}
		assert.Equal(w.t, want[of.Kind()], schema["type"], path)
	}
}
