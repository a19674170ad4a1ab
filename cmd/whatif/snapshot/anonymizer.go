package snapshot

import (
	"reflect"
	"strings"

	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/volume"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// anonymizer walks over objects and replaces every text of type string, unless
// a rule here says what else it is. Texts of other types are words of the API
// (a phase, an effect, an operator), and stay.
type anonymizer struct {
	*pseudonyms
	// namespace of the object that is being walked over.
	namespace string
}

type rule func(a *anonymizer, text string) string

var (
	stays   rule = func(_ *anonymizer, text string) string { return text }
	isLabel rule = func(a *anonymizer, text string) string { return a.label(text) }
	isPath  rule = func(a *anonymizer, text string) string { return a.path(text) }
	isImage rule = func(a *anonymizer, text string) string { return a.image(text) }
	isClaim rule = func(a *anonymizer, text string) string { return a.claim(a.namespace, text) }
	// isEBS has a form that its plugin checks.
	isEBS rule = func(a *anonymizer, text string) string { return "vol-" + a.name(text) }
)

// field is a field of a struct type.
type field struct {
	of   reflect.Type
	name string
}

func of[T any](name string) field { return field{reflect.TypeFor[T](), name} }

// rules for fields, lists of texts included, that hold no plain name.
var rules = map[field]rule{
	of[metav1.TypeMeta]("Kind"):          stays,
	of[metav1.TypeMeta]("APIVersion"):    stays,
	of[v1.ObjectReference]("Kind"):       stays,
	of[v1.ObjectReference]("APIVersion"): stays,
	of[metav1.Condition]("Type"):         stays,
	of[v1.PodCondition]("Reason"):        stays,

	// A scheduler's configuration names its schedulers.
	of[v1.PodSpec]("SchedulerName"):                           stays,
	of[v1.VolumeMount]("BindMountOptions"):                    stays,
	of[v1.NodeStatus]("DeclaredFeatures"):                     stays,
	of[v1.NodePodPreemptionPolicy]("DisableResizePreemption"): stays,
	of[v1.PodSchedulingGate]("Name"):                          isLabel,
	of[v1.Container]("Image"):                                 isImage,
	of[v1.ContainerImage]("Names"):                            isImage,
	of[v1.TopologySpreadConstraint]("TopologyKey"):            isLabel,
	of[v1.TopologySpreadConstraint]("MatchLabelKeys"):         isLabel,
	of[v1.PodAffinityTerm]("TopologyKey"):                     isLabel,
	of[v1.PodAffinityTerm]("MatchLabelKeys"):                  isLabel,
	of[v1.PodAffinityTerm]("MismatchLabelKeys"):               isLabel,

	// Drivers are software; who wrote it is no secret, and templates name VPSie's.
	of[storagev1.StorageClass]("Provisioner"):      stays,
	of[storagev1.CSINodeDriver]("Name"):            stays,
	of[storagev1.CSINodeDriver]("TopologyKeys"):    isLabel,
	of[storagev1.VolumeAttachmentSpec]("Attacher"): stays,
	of[v1.CSIPersistentVolumeSource]("Driver"):     stays,

	of[v1.PersistentVolumeClaimVolumeSource]("ClaimName"): isClaim,
	of[v1.AWSElasticBlockStoreVolumeSource]("VolumeID"):   isEBS,

	// Resources are known by name to catalogues and to a scheduler's configuration.
	of[v1.ContainerExtendedResourceRequest]("ResourceName"): stays,
	of[resourcev1.DeviceClassSpec]("ExtendedResourceName"):  stays,

	// Devices are described by vendors, and expressions refer to the descriptions.
	of[resourcev1.ResourceSliceSpec]("Driver"):                               stays,
	of[resourcev1.DeviceTaintSelector]("Driver"):                             stays,
	of[resourcev1.DeviceRequestAllocationResult]("Driver"):                   stays,
	of[resourcev1.AllocatedDeviceStatus]("Driver"):                           stays,
	of[resourcev1.DeviceAttribute]("StringValue"):                            stays,
	of[resourcev1.DeviceAttribute]("StringValues"):                           stays,
	of[resourcev1.DeviceAttribute]("VersionValue"):                           stays,
	of[resourcev1.DeviceAttribute]("VersionValues"):                          stays,
	of[resourcev1.Device]("BindingConditions"):                               stays,
	of[resourcev1.Device]("BindingFailureConditions"):                        stays,
	of[resourcev1.DeviceRequestAllocationResult]("BindingConditions"):        stays,
	of[resourcev1.DeviceRequestAllocationResult]("BindingFailureConditions"): stays,
	of[resourcev1.CELDeviceSelector]("Expression"):                           stays,
	of[resourcev1.DeviceDerivedAttribute]("Expression"):                      stays,
	of[resourcev1.DeviceRequestAllocationResult]("Request"):                  isPath,
	of[resourcev1.DeviceConstraint]("Requests"):                              isPath,
	of[resourcev1.ResourceClaimConsumerReference]("APIGroup"):                stays,
	of[resourcev1.ResourceClaimConsumerReference]("Resource"):                stays,

	of[schedulingv1beta1.TopologyConstraint]("Key"): isLabel,

	// What a catalogue sells.
	of[v1alpha1.NodeGroupSpec]("DatacenterIDs"):         stays,
	of[v1alpha1.NodeGroupSpec]("OfferingIDs"):           stays,
	of[v1alpha1.NodeGroupSpec]("PreferredInstanceType"): stays,
}

func (a *anonymizer) object(o object) {
	a.namespace = o.GetNamespace()
	name, created := o.GetName(), o.GetCreationTimestamp()
	a.part(reflect.ValueOf(o).Elem())
	switch o.(type) {
	case *v1.Pod:
		o.SetCreationTimestamp(created) // made up by queueByTime
	case *storagev1.CSIDriver:
		o.SetName(name)
	case *v1.PersistentVolumeClaim:
		o.SetName(a.claim(a.namespace, name))
	}
}

// part replaces the names in v, which can be set.
func (a *anonymizer) part(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			a.part(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			a.part(v.Index(i))
		}
	case reflect.Map:
		a.entries(v)
	case reflect.String:
		a.text(v, nil)
	case reflect.Struct:
		if at, ok := v.Addr().Interface().(*metav1.Time); ok && !at.IsZero() {
			// That something happened counts, when does not.
			*at = metav1.NewTime(pseudoEpoch)
		}
		if leaves[v.Type()] || a.known(v.Addr().Interface()) {
			return
		}
		for i := range v.NumField() {
			if r := rules[field{v.Type(), v.Type().Field(i).Name}]; r != nil {
				a.texts(v.Field(i), r)
			} else {
				a.part(v.Field(i))
			}
		}
	}
}

// texts applies a rule to a text, to what a pointer points to, or to a list.
func (a *anonymizer) texts(v reflect.Value, r rule) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			a.texts(v.Elem(), r)
		}
	case reflect.Slice:
		for i := range v.Len() {
			a.texts(v.Index(i), r)
		}
	case reflect.String:
		a.text(v, r)
	}
}

var (
	plainText = reflect.TypeFor[string]()
	uidType   = reflect.TypeFor[types.UID]()
)

func (a *anonymizer) text(v reflect.Value, r rule) {
	switch text := v.String(); {
	case r != nil:
		v.SetString(r(a, text))
	case v.Type() == uidType:
		v.SetString(string(a.uid(types.UID(text))))
	case v.Type() == plainText:
		v.SetString(a.name(text))
	}
}

// entries replaces the keys and the values of a map. A map of texts is of labels.
func (a *anonymizer) entries(v reflect.Value) {
	if v.IsNil() {
		return
	}
	renamed := reflect.MakeMapWithSize(v.Type(), v.Len())
	for old := v.MapRange(); old.Next(); {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.Set(old.Key())
		value.Set(old.Value())
		if value.Kind() == reflect.String {
			key.SetString(a.label(old.Key().String()))
			value.SetString(a.value(old.Key().String(), value.String()))
		} else {
			a.text(key, nil)
			a.part(value)
		}
		renamed.SetMapIndex(key, value)
	}
	v.Set(renamed)
}

// known replaces the names of a part whose fields depend on each other.
func (a *anonymizer) known(part any) bool {
	switch p := part.(type) {
	case *metav1.ObjectMeta:
		a.meta(p)
	case *v1.ObjectReference:
		a.reference(p)
	case *metav1.OwnerReference:
		a.owner(p)
	case *metav1.LabelSelectorRequirement:
		a.values(p.Key, p.Values)
		p.Key = a.label(p.Key)
	case *v1.NodeSelectorTerm:
		a.nodeSelectorTerm(p)
	case *v1.TopologySelectorLabelRequirement:
		a.values(p.Key, p.Values)
		p.Key = a.label(p.Key)
	case *v1alpha1.Requirement:
		a.values(p.Key, p.Values)
		p.Key = a.label(p.Key)
	case *v1.Taint:
		p.Key, p.Value = a.label(p.Key), a.value(p.Key, p.Value)
	case *v1alpha1.Taint:
		p.Key, p.Value = a.label(p.Key), a.value(p.Key, p.Value)
	case *v1.Toleration:
		p.Key, p.Value = a.label(p.Key), a.value(p.Key, p.Value)
	case *resourcev1.DeviceTaint:
		p.Key, p.Value = a.label(p.Key), a.value(p.Key, p.Value)
	case *resourcev1.DeviceToleration:
		p.Key, p.Value = a.label(p.Key), a.value(p.Key, p.Value)
	case *v1.ContainerPort:
		p.HostIP = a.hostIP(p.HostIP)
	default:
		return false
	}
	return true
}

func (a *anonymizer) meta(m *metav1.ObjectMeta) {
	m.Name, m.Namespace, m.UID = a.name(m.Name), a.name(m.Namespace), a.uid(m.UID)
	m.CreationTimestamp = metav1.Time{}
	a.part(reflect.ValueOf(&m.DeletionTimestamp).Elem())
	a.part(reflect.ValueOf(&m.Labels).Elem())
	a.part(reflect.ValueOf(&m.OwnerReferences).Elem())
	for key, value := range m.Annotations {
		switch key {
		case v1.BetaStorageClassAnnotation, volume.AnnSelectedNode, resourcev1.PodResourceClaimAnnotation:
			m.Annotations[key] = a.name(value)
		}
	}
}

func (a *anonymizer) reference(r *v1.ObjectReference) {
	r.Name, r.Namespace, r.UID = a.claim(r.Namespace, r.Name), a.name(r.Namespace), a.uid(r.UID)
}

// owner keeps what the kinds of Kubernetes itself are called; those that somebody
// else defined are names.
func (a *anonymizer) owner(r *metav1.OwnerReference) {
	r.Name, r.UID = a.name(r.Name), a.uid(r.UID)
	switch group, _, qualified := strings.Cut(r.APIVersion, "/"); {
	case r.APIVersion == "v1":
	case qualified && (group == "apps" || group == "batch" || within(group, openDomains)):
	default:
		r.APIVersion, r.Kind = a.path(r.APIVersion), a.name(r.Kind)
	}
}

// nodeSelectorTerm: fields of nodes, unlike labels, have keys of Kubernetes' own
// and names as values.
func (a *anonymizer) nodeSelectorTerm(term *v1.NodeSelectorTerm) {
	for i := range term.MatchExpressions {
		r := &term.MatchExpressions[i]
		a.values(r.Key, r.Values)
		r.Key = a.label(r.Key)
	}
	for i := range term.MatchFields {
		for j, value := range term.MatchFields[i].Values {
			term.MatchFields[i].Values[j] = a.name(value)
		}
	}
}

// hostIP keeps the addresses that mean all of a machine's, or the machine itself.
func (a *anonymizer) hostIP(ip string) string {
	switch ip {
	case "0.0.0.0", "::", "127.0.0.1", "::1":
		return ip
	}
	return a.name(ip)
}
