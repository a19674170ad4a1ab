package v1alpha1_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/crds"
)

var manifests = []string{crds.NodeGroups, crds.VPSieNodes}

func loadCRD(t *testing.T, file string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	manifest, err := crds.Files.ReadFile(file)
	require.NoError(t, err)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	require.NoError(t, yaml.UnmarshalStrict(manifest, crd))
	return crd
}

func structural(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) *schema.Structural {
	t.Helper()
	require.Len(t, crd.Spec.Versions, 1)
	props := &apiextensions.JSONSchemaProps{}
	require.NoError(t, apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, props, nil))
	s, err := schema.NewStructural(props)
	require.NoError(t, err)
	return s
}

// The API server's own validation of a CRD: structural schema, defaults, names,
// printer columns, CEL rules that compile and stay inside the cost budget.
func TestAPIServerAcceptsTheCRDs(t *testing.T) {
	for _, file := range manifests {
		t.Run(file, func(t *testing.T) {
			crd := loadCRD(t, file)
			apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
			apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
			crd.Status.StoredVersions = []string{"v1alpha1"}
			internal := &apiextensions.CustomResourceDefinition{}
			require.NoError(t, apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil))
			assert.Empty(t, crdvalidation.ValidateCustomResourceDefinition(context.Background(), internal))
			assert.Empty(t, schema.ValidateStructural(field.NewPath("schema"), structural(t, crd)))
		})
	}
}

func TestCRDsAreClusterScopedWithStatusAndShortNames(t *testing.T) {
	for file, short := range map[string]string{crds.NodeGroups: "ng", crds.VPSieNodes: "vn"} {
		crd := loadCRD(t, file)
		assert.Equal(t, apiextensionsv1.ClusterScoped, crd.Spec.Scope)
		assert.Equal(t, []string{short}, crd.Spec.Names.ShortNames)
		assert.Equal(t, []string{"vpsie"}, crd.Spec.Names.Categories)
		assert.NotNil(t, crd.Spec.Versions[0].Subresources.Status)
	}
}

// byType is the filter of a column that shows one condition.
var byType = regexp.MustCompile(`\[\?\(@\.type=="(Ready|Error)"\)\]`)

// A column whose path names no field prints nothing, for ever and without an error.
func TestPrinterColumnsShowExistingFields(t *testing.T) {
	for _, file := range manifests {
		crd := loadCRD(t, file)
		root := structural(t, crd)
		columns := crd.Spec.Versions[0].AdditionalPrinterColumns
		require.NotEmpty(t, columns)
		for _, column := range columns {
			if column.JSONPath == ".metadata.creationTimestamp" {
				continue
			}
			at := root
			for _, name := range strings.Split(strings.TrimPrefix(byType.ReplaceAllString(column.JSONPath, "[]"), "."), ".") {
				name, ofList := strings.CutSuffix(name, "[]")
				next, ok := at.Properties[name]
				require.Truef(t, ok, "%s: column %s shows %s, which does not exist", file, column.Name, column.JSONPath)
				at = &next
				if ofList {
					require.NotNilf(t, at.Items, "%s: column %s: %s is no list", file, column.Name, name)
					at = at.Items
				}
			}
		}
	}
}

// oldestKubernetes is the oldest minor version that the rules may need.
var oldestKubernetes = version.MajorMinor(1, 29)

func TestRulesCompileOnTheOldestSupportedKubernetes(t *testing.T) {
	environments := environment.MustBaseEnvSet(oldestKubernetes)
	for _, file := range manifests {
		rules := 0
		var walk func(path string, s *schema.Structural, root bool)
		walk = func(path string, s *schema.Structural, root bool) {
			results, err := cel.Compile(s, model.SchemaDeclType(s, root), celconfig.PerCallLimit, environments, cel.NewExpressionsEnvLoader())
			require.NoError(t, err, path)
			for i, result := range results {
				rules++
				assert.Nilf(t, result.Error, "%s: %s: %s", file, path, s.XValidations[i].Rule)
				assert.Nilf(t, result.MessageExpressionError, "%s: %s: %s", file, path, s.XValidations[i].MessageExpression)
			}
			for name, property := range s.Properties {
				walk(path+"."+name, &property, false)
			}
			if s.Items != nil {
				walk(path+"[]", s.Items, false)
			}
		}
		walk("", structural(t, loadCRD(t, file)), true)
		assert.NotZero(t, rules, file)
	}
}

func TestVPSieNodeRules(t *testing.T) {
	s := structural(t, loadCRD(t, crds.VPSieNodes))
	rules := cel.NewValidator(s, true, celconfig.PerCallLimit)
	machine := func(change func(spec map[string]any)) map[string]any {
		spec := map[string]any{"nodeGroup": "general", "offering": "std-2c4g", "datacenter": "ams1", "hostname": "vpsie-general-7f3k2", "planID": "plan-0123456789abcdef"}
		if change != nil {
			change(spec)
		}
		return map[string]any{
			"apiVersion": "autoscaler.vpsie.com/v1alpha1", "kind": "VPSieNode",
			"metadata": map[string]any{"name": "vpsie-general-7f3k2"},
			"spec":     spec, "status": map[string]any{"phase": "Pending"},
		}
	}
	for name, tc := range map[string]struct {
		change func(spec map[string]any)
		update bool
		want   string
	}{
		"as written":              {},
		"written again unchanged": {update: true},
		"offering changed later": {
			change: func(spec map[string]any) { spec["offering"] = "std-4c8g" }, update: true,
			want: "spec: Invalid value: a VPSieNode is one machine: of its spec only pods can change",
		},
		"hostname of another group": {
			change: func(spec map[string]any) { spec["hostname"] = "vpsie-gpu-7f3k2" },
			want:   "spec.hostname: Invalid value: hostname must be vpsie-<nodeGroup>-<suffix>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var old any
			if tc.update {
				old = machine(nil)
			}
			errs, _ := rules.Validate(context.Background(), nil, s, machine(tc.change), old, celconfig.RuntimeCELCostBudget)
			if tc.want == "" {
				assert.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			assert.Equal(t, tc.want, errs[0].Error())
		})
	}
}
