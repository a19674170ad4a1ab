package snapshot

import (
	"reflect"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keepPart copies into to, a zero value, what is kept of from.
func keepPart(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Struct:
		if leaves[from.Type()] {
			to.Set(from)
			return
		}
		for _, i := range kept[from.Type()] {
			keepPart(to.Field(i), from.Field(i))
		}
		narrow(to.Addr().Interface())
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			keepPart(to.Elem(), from.Elem())
		}
	case reflect.Slice:
		if from.Len() > 0 {
			to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
			for i := range from.Len() {
				keepPart(to.Index(i), from.Index(i))
			}
		}
	case reflect.Map:
		if from.Len() > 0 {
			to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
			for entries := from.MapRange(); entries.Next(); {
				value := reflect.New(from.Type().Elem()).Elem()
				keepPart(value, entries.Value())
				to.SetMapIndex(entries.Key(), value)
			}
		}
	default:
		to.Set(from)
	}
}

// narrow drops elements of a part that was copied and are not read.
func narrow(part any) {
	switch p := part.(type) {
	case *metav1.ObjectMeta:
		for key := range p.Annotations {
			if !keptAnnotations[key] {
				delete(p.Annotations, key)
			}
		}
		if _, mirror := p.Annotations[v1.MirrorPodAnnotationKey]; mirror {
			p.Annotations[v1.MirrorPodAnnotationKey] = ""
		}
		if len(p.Annotations) == 0 {
			p.Annotations = nil
		}
	case *v1.Container:
		p.Ports = only(p.Ports, func(port v1.ContainerPort) bool { return port.HostPort > 0 })
		p.VolumeMounts = only(p.VolumeMounts, func(m v1.VolumeMount) bool { return len(m.BindMountOptions) > 0 })
	case *v1.PodStatus:
		p.Conditions = only(p.Conditions, func(c v1.PodCondition) bool { return keptConditions[c.Type] })
		p.ContainerStatuses = only(p.ContainerStatuses, hasResources)
		p.InitContainerStatuses = only(p.InitContainerStatuses, hasResources)
	}
}

func hasResources(s v1.ContainerStatus) bool {
	return s.AllocatedResources != nil || s.Resources != nil
}

// only is the elements that are wanted, nil without any.
func only[T any](list []T, wanted func(T) bool) []T {
	list = slices.DeleteFunc(list, func(element T) bool { return !wanted(element) })
	if len(list) == 0 {
		return nil
	}
	return list
}

// dropUnusedImages leaves the names of images on nodes that some pod wants: the
// rest, most of what a kubelet reports, draws no pod anywhere.
func (s *Snapshot) dropUnusedImages() {
	wanted := map[string]bool{}
	want := func(spec *v1.PodSpec) {
		for _, containers := range [][]v1.Container{spec.InitContainers, spec.Containers} {
			for i := range containers {
				wanted[imageName(containers[i].Image)] = true
			}
		}
	}
	for _, pod := range s.Objects.Pods {
		want(&pod.Spec)
	}
	for _, set := range s.Objects.DaemonSets {
		want(&set.Spec.Template.Spec)
	}
	for _, node := range s.Objects.Nodes {
		for i := range node.Status.Images {
			image := &node.Status.Images[i]
			image.Names = only(image.Names, func(name string) bool { return wanted[name] })
		}
		node.Status.Images = only(node.Status.Images, func(image v1.ContainerImage) bool { return len(image.Names) > 0 })
	}
}

// imageName is what ImageLocality compares: an image with a tag, by default
// "latest".
func imageName(image string) string {
	if strings.LastIndex(image, ":") <= strings.LastIndex(image, "/") {
		image += ":latest"
	}
	return image
}
