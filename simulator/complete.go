package simulator

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/utils/ptr"
)

// complete adds what the control plane would have made of the objects before
// kube-scheduler saw a pod: a UID for each pod and claim, the namespaces that
// pods live in, the PersistentVolumeClaims of ephemeral volumes and the
// ResourceClaims of templates. What exists already is kept as it is.
func complete(objects Objects) Objects {
	c := completer{
		claims:    map[string]bool{},
		devices:   map[string]bool{},
		templates: map[string]*resourcev1.ResourceClaimTemplate{},
	}
	namespaces := map[string]bool{}
	for _, namespace := range objects.Namespaces {
		namespaces[namespace.Name] = true
	}
	objects.PersistentVolumeClaims = withUIDs(objects.PersistentVolumeClaims)
	for _, claim := range objects.PersistentVolumeClaims {
		c.claims[claim.Namespace+"/"+claim.Name] = true
	}
	objects.ResourceClaims = withClaimUIDs(objects.ResourceClaims)
	for _, claim := range objects.ResourceClaims {
		c.devices[claim.Namespace+"/"+claim.Name] = true
	}
	for _, template := range objects.ResourceClaimTemplates {
		c.templates[template.Namespace+"/"+template.Name] = template
	}
	pods := make([]*v1.Pod, len(objects.Pods))
	for i, pod := range objects.Pods {
		pods[i] = c.pod(pod)
		if !namespaces[pod.Namespace] {
			namespaces[pod.Namespace] = true
			objects.Namespaces = append(objects.Namespaces[:len(objects.Namespaces):len(objects.Namespaces)], &v1.Namespace{
				ObjectMeta: metav1.ObjectMeta{Name: pod.Namespace, Labels: map[string]string{v1.LabelMetadataName: pod.Namespace}},
			})
		}
	}
	objects.Pods = pods
	objects.PersistentVolumeClaims = append(objects.PersistentVolumeClaims, c.newClaims...)
	objects.ResourceClaims = append(objects.ResourceClaims, c.newDevices...)
	return objects
}

type completer struct {
	claims, devices map[string]bool
	templates       map[string]*resourcev1.ResourceClaimTemplate
	newClaims       []*v1.PersistentVolumeClaim
	newDevices      []*resourcev1.ResourceClaim
}

func syntheticUID(kind, namespace, name string) types.UID {
	return types.UID(strings.Join([]string{kind, namespace, name}, "/"))
}

func (c *completer) pod(pod *v1.Pod) *v1.Pod {
	if pod.UID == "" {
		named := *pod
		named.UID = syntheticUID("pod", pod.Namespace, pod.Name)
		pod = &named
	}
	for i := range pod.Spec.Volumes {
		c.ephemeralClaim(pod, &pod.Spec.Volumes[i])
	}
	var statuses []v1.PodResourceClaimStatus
	for i := range pod.Spec.ResourceClaims {
		if status := c.templateClaim(pod, &pod.Spec.ResourceClaims[i]); status != nil {
			statuses = append(statuses, *status)
		}
	}
	if len(statuses) > 0 {
		claimed := *pod
		claimed.Status.ResourceClaimStatuses = append(append([]v1.PodResourceClaimStatus(nil), pod.Status.ResourceClaimStatuses...), statuses...)
		pod = &claimed
	}
	return pod
}

func owner(pod *v1.Pod) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID, Controller: ptr.To(true)}}
}

func (c *completer) ephemeralClaim(pod *v1.Pod, volume *v1.Volume) {
	if volume.Ephemeral == nil || volume.Ephemeral.VolumeClaimTemplate == nil {
		return
	}
	name := ephemeral.VolumeClaimName(pod, volume)
	if c.claims[pod.Namespace+"/"+name] {
		return
	}
	c.claims[pod.Namespace+"/"+name] = true
	template := volume.Ephemeral.VolumeClaimTemplate
	c.newClaims = append(c.newClaims, &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: pod.Namespace, UID: syntheticUID("pvc", pod.Namespace, name), ResourceVersion: "1",
			Labels: template.Labels, Annotations: template.Annotations, OwnerReferences: owner(pod),
		},
		Spec:   template.Spec,
		Status: v1.PersistentVolumeClaimStatus{Phase: v1.ClaimPending},
	})
}

func (c *completer) templateClaim(pod *v1.Pod, claim *v1.PodResourceClaim) *v1.PodResourceClaimStatus {
	if claim.ResourceClaimTemplateName == nil {
		return nil
	}
	for _, status := range pod.Status.ResourceClaimStatuses {
		if status.Name == claim.Name {
			return nil
		}
	}
	template := c.templates[pod.Namespace+"/"+*claim.ResourceClaimTemplateName]
	if template == nil {
		return nil
	}
	name := fmt.Sprintf("%s-%s", pod.Name, claim.Name)
	if !c.devices[pod.Namespace+"/"+name] {
		c.devices[pod.Namespace+"/"+name] = true
		c.newDevices = append(c.newDevices, &resourcev1.ResourceClaim{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: pod.Namespace, UID: syntheticUID("claim", pod.Namespace, name),
				Labels: template.Spec.Labels, OwnerReferences: owner(pod),
				Annotations: map[string]string{resourcev1.PodResourceClaimAnnotation: claim.Name},
			},
			Spec: template.Spec.Spec,
		})
	}
	return &v1.PodResourceClaimStatus{Name: claim.Name, ResourceClaimName: &name}
}

// withUIDs fills in what every stored claim has: a UID, by which volumes refer
// to it, and a phase.
func withUIDs(claims []*v1.PersistentVolumeClaim) []*v1.PersistentVolumeClaim {
	filled := make([]*v1.PersistentVolumeClaim, len(claims))
	for i, claim := range claims {
		if claim.UID == "" || claim.Status.Phase == "" {
			claim = claim.DeepCopy()
			if claim.UID == "" {
				claim.UID = syntheticUID("pvc", claim.Namespace, claim.Name)
			}
			if claim.Status.Phase == "" {
				claim.Status.Phase = v1.ClaimPending
			}
		}
		filled[i] = claim
	}
	return filled
}

func withClaimUIDs(claims []*resourcev1.ResourceClaim) []*resourcev1.ResourceClaim {
	filled := make([]*resourcev1.ResourceClaim, len(claims))
	for i, claim := range claims {
		if claim.UID == "" {
			claim = claim.DeepCopy()
			claim.UID = syntheticUID("claim", claim.Namespace, claim.Name)
		}
		filled[i] = claim
	}
	return filled
}
