package strict

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/crds"
)

// validator is what the API server makes of a CRD's schema.
type validator struct {
	structural *schema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

// nodeGroupValidator compiles the NodeGroup CRD, once.
var nodeGroupValidator = sync.OnceValues(func() (*validator, error) {
	manifest, err := crds.Files.ReadFile(crds.NodeGroups)
	if err != nil {
		return nil, err
	}
	return newValidator(manifest)
})

func newValidator(manifest []byte) (*validator, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(manifest, &crd); err != nil {
		return nil, err
	}
	for _, version := range crd.Spec.Versions {
		if version.Name != v1alpha1.GroupVersion.Version || version.Schema == nil {
			continue
		}
		var props apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &props, nil); err != nil {
			return nil, err
		}
		structural, err := schema.NewStructural(&props)
		if err != nil {
			return nil, err
		}
		openAPI, _, err := validation.NewSchemaValidator(&props)
		if err != nil {
			return nil, err
		}
		return &validator{structural, openAPI, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
	}
	return nil, fmt.Errorf("%q has no schema for version %s", crd.Name, v1alpha1.GroupVersion.Version)
}

// mistake is what is wrong with one field.
type mistake struct {
	field, detail string
}

// nodeGroup takes an object through the steps of a create request and returns
// the typed NodeGroup, or the mistakes of the first step that found any: what
// later steps say about a broken object is noise. The object is changed.
func (v *validator) nodeGroup(object map[string]any) (*v1alpha1.NodeGroup, []mistake) {
	meta, mistakes := v.prune(object)
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	// The status is not the creator's to write: a create request drops it unread.
	delete(object, "status")
	defaulting.Default(object, v.structural)
	if errs := v.validate(object, meta); len(errs) > 0 {
		return nil, toMistakes(errs)
	}
	var group v1alpha1.NodeGroup
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &group); err != nil {
		return nil, []mistake{{"", err.Error()}}
	}
	return &group, nil
}

// prune finds the fields that the schema does not know and drops the nulls
// that stand for an absent field.
func (v *validator) prune(object map[string]any) (*metav1.ObjectMeta, []mistake) {
	meta, found, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return nil, []mistake{metadataMistake(err)}
	}
	if !found || meta.Name == "" {
		return nil, []mistake{{"metadata.name", "Required value: a NodeGroup in a file has a name"}}
	}
	unknown = append(unknown, pruning.PruneWithOptions(object, v.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, v.structural)
	var mistakes []mistake
	for _, path := range unknown {
		mistakes = append(mistakes, mistake{path, "unknown field"})
	}
	return meta, mistakes
}

// validate is the API server's validation of a new object.
func (v *validator) validate(object map[string]any, meta *metav1.ObjectMeta) field.ErrorList {
	errs := metavalidation.ValidateObjectMeta(meta, false, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	errs = append(errs, withoutEchoes(validation.ValidateCustomResource(nil, object, v.openAPI))...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, v.structural, object)...)
	if len(errs) > 0 {
		return errs
	}
	errs, _ = v.rules.Validate(context.Background(), nil, v.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return errs
}

// withoutEchoes keeps one error of each field. The OpenAPI validator reports a
// value of the wrong type once per schema that it tried (an integer or a
// string), and once more without naming a field.
func withoutEchoes(errs field.ErrorList) field.ErrorList {
	seen := map[string]bool{}
	var named field.ErrorList
	for _, err := range errs {
		if err.Field != noField && !seen[err.Field] {
			seen[err.Field] = true
			named = append(named, err)
		}
	}
	if len(named) == 0 {
		return errs
	}
	return named
}

// noField is how a field error prints a nil path: the object as a whole.
const noField = "<nil>"

func toMistakes(errs field.ErrorList) []mistake {
	mistakes := make([]mistake, 0, len(errs))
	for _, err := range errs {
		m := mistake{field: err.Field, detail: err.ErrorBody()}
		if m.field == noField {
			m.field = ""
		}
		mistakes = append(mistakes, m)
	}
	return mistakes
}

// metadataMistake words the error of decoding metadata, which is not a field
// error because the API server decodes before it validates.
func metadataMistake(err error) mistake {
	var typeError *json.UnmarshalTypeError
	if !errors.As(err, &typeError) {
		return mistake{"metadata", err.Error()}
	}
	wanted := typeError.Type.Kind().String()
	switch typeError.Type.Kind() {
	case reflect.Struct, reflect.Map:
		wanted = "object"
	case reflect.Slice:
		wanted = "array"
	case reflect.Int64:
		wanted = "integer"
	}
	path := strings.TrimSuffix("metadata."+typeError.Field, ".")
	return mistake{path, fmt.Sprintf("must be of type %s, not %s", wanted, typeError.Value)}
}
