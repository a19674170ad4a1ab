package observe

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lastApplied is kubectl's copy of an object within the object.
const lastApplied = v1.LastAppliedConfigAnnotation

// CacheOptions says what the manager's cache keeps of each kind: no pods that
// have ended, of events only those of pods that found no node, and of every object
// only what scheduling depends on. Objects from this cache must be written with
// patches: an update would take away what the cache left out.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: strip(func(client.Object) {}),
		ByObject: map[client.Object]cache.ByObject{
			&v1.Pod{}: {
				Field: fields.AndSelectors(
					fields.OneTermNotEqualSelector("status.phase", string(v1.PodSucceeded)),
					fields.OneTermNotEqualSelector("status.phase", string(v1.PodFailed)),
				),
				Transform: strip(stripPod),
			},
			&eventsv1.Event{}: {
				Field:     fields.OneTermEqualSelector("reason", failedScheduling),
				Transform: strip(stripEvent),
			},
			&appsv1.DaemonSet{}:   {Transform: strip(stripDaemonSet)},
			&appsv1.ReplicaSet{}:  {Transform: strip(stripReplicaSet)},
			&appsv1.StatefulSet{}: {Transform: strip(stripStatefulSet)},
		},
	}
}

// failedScheduling is the reason of kube-scheduler's event for a pod that found
// no node.
const failedScheduling = "FailedScheduling"

// strip makes a cache's transform that drops what nobody reads of any object,
// and then what more drops.
func strip[T client.Object](more func(T)) func(any) (any, error) {
	return func(object any) (any, error) {
		typed, ok := object.(T)
		if !ok {
			return nil, fmt.Errorf("cache: did not expect a %T", object)
		}
		typed.SetManagedFields(nil)
		if annotations := typed.GetAnnotations(); annotations[lastApplied] != "" {
			delete(annotations, lastApplied)
			typed.SetAnnotations(annotations)
		}
		more(typed)
		return typed, nil
	}
}

func stripPod(pod *v1.Pod) {
	stripSpec(&pod.Spec)
	for _, statuses := range [][]v1.ContainerStatus{
		pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses,
	} {
		for i := range statuses {
			// A pod's size may be that which its containers were resized to.
			statuses[i] = v1.ContainerStatus{
				Name: statuses[i].Name, AllocatedResources: statuses[i].AllocatedResources, Resources: statuses[i].Resources,
			}
		}
	}
}

// stripSpec drops what only a kubelet reads.
func stripSpec(spec *v1.PodSpec) {
	for _, containers := range [][]v1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			c := &containers[i]
			*c = v1.Container{
				Name: c.Name, Image: c.Image, Ports: c.Ports, Resources: c.Resources,
				ResizePolicy: c.ResizePolicy, RestartPolicy: c.RestartPolicy,
			}
		}
	}
	spec.EphemeralContainers = nil
	spec.DNSConfig, spec.HostAliases, spec.SecurityContext = nil, nil, nil
}

// stripDaemonSet also completes the template as the API server completes the
// pods that are made from it: requests follow from limits.
func stripDaemonSet(set *appsv1.DaemonSet) {
	stripSpec(&set.Spec.Template.Spec)
	pod := &v1.Pod{Spec: set.Spec.Template.Spec}
	corev1.SetObjectDefaults_Pod(pod)
	set.Spec.Template.Spec = pod.Spec
}

// Of ReplicaSets and StatefulSets plugins read the selectors.

func stripReplicaSet(set *appsv1.ReplicaSet) { set.Spec.Template = v1.PodTemplateSpec{} }

func stripStatefulSet(set *appsv1.StatefulSet) {
	set.Spec.Template, set.Spec.VolumeClaimTemplates = v1.PodTemplateSpec{}, nil
}

func stripEvent(event *eventsv1.Event) {
	*event = eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: event.Namespace, Name: event.Name, UID: event.UID, ResourceVersion: event.ResourceVersion,
		},
		Regarding: event.Regarding,
		Reason:    event.Reason,
	}
}
