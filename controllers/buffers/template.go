package buffers

import (
	"context"
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	resourcehelper "k8s.io/component-helpers/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// scalables are the kinds whose pods are known from the object alone.
var scalables = map[schema.GroupKind]bool{
	{Group: "apps", Kind: "Deployment"}:  true,
	{Group: "apps", Kind: "StatefulSet"}: true,
	{Group: "apps", Kind: "ReplicaSet"}:  true,
}

// template is the pods' spec and, of something that scales, how many there are.
func (b *Buffers) template(ctx context.Context, namespace string, s *spec) (corev1.PodSpec, int32, error) {
	switch {
	case namespace == "":
		return corev1.PodSpec{}, 0, mistake("it is in no namespace, and so is nothing that it could refer to")
	case s.PodTemplateRef != nil && s.ScalableRef == nil:
		var template corev1.PodTemplate
		err := b.options.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: s.PodTemplateRef.Name}, &template)
		return template.Template.Spec, 0, missing(err, "PodTemplate", s.PodTemplateRef.Name)
	case s.ScalableRef != nil && s.PodTemplateRef == nil:
		ref := s.ScalableRef
		kind := schema.GroupKind{Group: ref.APIGroup, Kind: ref.Kind}
		if !scalables[kind] {
			return corev1.PodSpec{}, 0, mistake(fmt.Sprintf("it refers to a %s, whose pods are not known", kind))
		}
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(kind.WithVersion("v1"))
		if err := b.options.Reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ref.Name}, object); err != nil {
			return corev1.PodSpec{}, 0, missing(err, ref.Kind, ref.Name)
		}
		var scalable struct {
			Spec struct {
				Replicas *int32                 `json:"replicas"`
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &scalable); err != nil {
			return corev1.PodSpec{}, 0, mistake(err.Error())
		}
		replicas := int32(1)
		if scalable.Spec.Replicas != nil {
			replicas = *scalable.Spec.Replicas
		}
		return scalable.Spec.Template.Spec, replicas, nil
	}
	return corev1.PodSpec{}, 0, mistake("exactly one of podTemplateRef and scalableRef is needed")
}

// missing tells an object that is not there from one that cannot be read.
func missing(err error, kind, name string) error {
	if apierrors.IsNotFound(err) {
		return mistake(fmt.Sprintf("there is no %s %s", kind, name))
	}
	if err != nil {
		return fmt.Errorf("get %s %s of a CapacityBuffer: %w", kind, name, err)
	}
	return nil
}

// count is how many copies the buffer asks for: the greater of replicas and of
// the percentage of what runs, at least one of the latter; without either, as
// many as fit in limits; never more than fit in limits.
func (s *spec) count(template corev1.PodSpec, scale int32) (int64, error) {
	stated := s.Replicas != nil || s.Percentage != nil
	if !stated && len(s.Limits) == 0 {
		return 0, mistake("it has neither replicas nor percentage nor limits")
	}
	var wanted int64
	if s.Replicas != nil {
		wanted = int64(*s.Replicas)
	} else if !stated {
		wanted = math.MaxInt64
	}
	if s.Percentage != nil && s.ScalableRef != nil && *s.Percentage > 0 {
		part := (int64(scale)*int64(*s.Percentage) + 99) / 100
		wanted = max(wanted, part, 1)
	}
	requests := resourcehelper.PodRequests(&corev1.Pod{Spec: template}, resourcehelper.PodResourcesOptions{})
	bounded := false
	for name, limit := range s.Limits {
		request, ok := requests[name]
		if !ok || request.Sign() <= 0 {
			continue
		}
		bounded = true
		wanted = min(wanted, limit.MilliValue()/max(1, request.MilliValue()))
	}
	if !stated && !bounded {
		return 0, mistake("its pods request nothing of what it limits")
	}
	if wanted > maxCopies {
		return 0, mistake(fmt.Sprintf("it asks for %d copies, more than %d", wanted, maxCopies))
	}
	return max(0, wanted), nil
}
