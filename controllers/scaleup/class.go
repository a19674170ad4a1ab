package scaleup

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/utils/ptr"
)

// classOf is equal for pods that are the same to kube-scheduler and to a plan:
// one controller made them of one template, they request the same and claim the
// same. A pod without a controller has no equal.
func classOf(pod *v1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return string(pod.UID)
	}
	labels := maps.Clone(pod.Labels)
	for _, name := range []string{appsv1.StatefulSetPodNameLabel, appsv1.PodIndexLabel, batchv1.JobCompletionIndexAnnotation} {
		delete(labels, name)
	}
	var claims []string
	for i := range pod.Spec.Volumes {
		switch volume := &pod.Spec.Volumes[i]; {
		case volume.PersistentVolumeClaim != nil:
			claims = append(claims, volume.PersistentVolumeClaim.ClaimName)
		case volume.Ephemeral != nil:
			claims = append(claims, pod.Name+"-"+volume.Name)
		}
	}
	for i := range pod.Spec.ResourceClaims {
		claims = append(claims, ptr.Deref(pod.Spec.ResourceClaims[i].ResourceClaimName, ""))
	}
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	var sizes []string
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		quantity := requests[name]
		sizes = append(sizes, fmt.Sprintf("%s=%s", name, quantity.String()))
	}
	return fmt.Sprintf("%s %v %q %q %d", owner.UID, labels, sizes, claims, ptr.Deref(pod.Spec.Priority, 0))
}
