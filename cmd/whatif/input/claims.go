package input

import (
	"cmp"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
)

const (
	defaultClassAnnotation     = "storageclass.kubernetes.io/is-default-class"
	betaDefaultClassAnnotation = "storageclass.beta.kubernetes.io/is-default-class"
	// podClaimAnnotation names the entry in the pod that a generated claim is for.
	podClaimAnnotation = "resource.kubernetes.io/pod-claim-name"
)

// addClaim appends a new PersistentVolumeClaim, complete but for its class.
func (a *assembly) addClaim(claim *v1.PersistentVolumeClaim) {
	claim.SetGroupVersionKind(v1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"))
	claim.UID = uidOf("PersistentVolumeClaim", claim.Namespace, claim.Name)
	corev1.SetObjectDefaults_PersistentVolumeClaim(claim)
	a.objects.PersistentVolumeClaims = append(a.objects.PersistentVolumeClaims, claim)
}

// claims creates what controllers create for pods that are there: the claims of
// ephemeral volumes and of resource claim templates; and gives each claim without
// a class the default one.
func (a *assembly) claims() {
	a.ephemeralVolumes()
	a.defaultStorageClass()
	a.resourceClaims()
}

func (a *assembly) ephemeralVolumes() {
	var existing map[types.NamespacedName]bool
	for _, pod := range a.objects.Pods {
		for i := range pod.Spec.Volumes {
			volume := &pod.Spec.Volumes[i]
			if volume.Ephemeral == nil || volume.Ephemeral.VolumeClaimTemplate == nil {
				continue
			}
			if existing == nil {
				existing = make(map[types.NamespacedName]bool)
				for _, claim := range a.objects.PersistentVolumeClaims {
					existing[types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}] = true
				}
			}
			key := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name + "-" + volume.Name}
			if existing[key] {
				continue
			}
			existing[key] = true
			template := volume.Ephemeral.VolumeClaimTemplate
			a.addClaim(&v1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: key.Namespace, Name: key.Name, Labels: template.Labels, Annotations: template.Annotations,
					OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pod, v1.SchemeGroupVersion.WithKind("Pod"))},
				},
				Spec: *template.Spec.DeepCopy(),
			})
		}
	}
}

// defaultStorageClass does what the admission plugin of that name does, and the
// volume controller later for claims that came before the class.
func (a *assembly) defaultStorageClass() {
	var defaults []*storagev1.StorageClass
	for _, class := range a.objects.StorageClasses {
		if class.Annotations[defaultClassAnnotation] == "true" || class.Annotations[betaDefaultClassAnnotation] == "true" {
			defaults = append(defaults, class)
		}
	}
	if len(defaults) == 0 {
		return
	}
	// Of several the newest, then the first by name.
	class := slices.MinFunc(defaults, func(x, y *storagev1.StorageClass) int {
		return cmp.Or(y.CreationTimestamp.Compare(x.CreationTimestamp.Time), cmp.Compare(x.Name, y.Name))
	})
	for i, claim := range a.objects.PersistentVolumeClaims {
		_, beta := claim.Annotations[v1.BetaStorageClassAnnotation]
		if claim.Spec.StorageClassName != nil || claim.Spec.VolumeName != "" || beta {
			continue
		}
		claim = claim.DeepCopy()
		claim.Spec.StorageClassName = &class.Name
		a.objects.PersistentVolumeClaims[i] = claim
	}
}

// resourceClaims creates the claim of each entry that names a template, and
// notes it in the pod's status, without which the scheduler would hold the pod.
func (a *assembly) resourceClaims() {
	templates := make(map[types.NamespacedName]*resourcev1.ResourceClaimTemplate, len(a.objects.ResourceClaimTemplates))
	for _, template := range a.objects.ResourceClaimTemplates {
		templates[types.NamespacedName{Namespace: template.Namespace, Name: template.Name}] = template
	}
	if len(templates) == 0 {
		return
	}
	existing := make(map[types.NamespacedName]*resourcev1.ResourceClaim)
	for _, claim := range a.objects.ResourceClaims {
		existing[types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}] = claim
	}
	for i, pod := range a.objects.Pods {
		statuses := slices.Clone(pod.Status.ResourceClaimStatuses)
		for _, entry := range pod.Spec.ResourceClaims {
			if entry.ResourceClaimTemplateName == nil || slices.ContainsFunc(statuses, func(s v1.PodResourceClaimStatus) bool { return s.Name == entry.Name }) {
				continue
			}
			template := templates[types.NamespacedName{Namespace: pod.Namespace, Name: *entry.ResourceClaimTemplateName}]
			if template == nil {
				continue // the scheduler says so
			}
			claim := claimFor(pod, entry.Name, template, existing)
			key := types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}
			if existing[key] == nil {
				existing[key] = claim
				a.objects.ResourceClaims = append(a.objects.ResourceClaims, claim)
			}
			statuses = append(statuses, v1.PodResourceClaimStatus{Name: entry.Name, ResourceClaimName: &claim.Name})
		}
		if len(statuses) > len(pod.Status.ResourceClaimStatuses) {
			changed := *pod
			changed.Status.ResourceClaimStatuses = statuses
			a.objects.Pods[i] = &changed
		}
	}
}

// claimFor is the pod's claim for an entry: the one that is there, or a new one
// under a name that is free.
func claimFor(pod *v1.Pod, entry string, template *resourcev1.ResourceClaimTemplate, existing map[types.NamespacedName]*resourcev1.ResourceClaim) *resourcev1.ResourceClaim {
	base := pod.Name + "-" + entry
	for n, name := 0, base; ; n, name = n+1, fmt.Sprintf("%s-%d", base, n) {
		claim := existing[types.NamespacedName{Namespace: pod.Namespace, Name: name}]
		if claim == nil {
			claim = &resourcev1.ResourceClaim{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: pod.Namespace, Name: name, UID: uidOf("ResourceClaim", pod.Namespace, name), Labels: template.Spec.Labels,
					Annotations:     map[string]string{podClaimAnnotation: entry},
					OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pod, v1.SchemeGroupVersion.WithKind("Pod"))},
				},
				Spec: *template.Spec.Spec.DeepCopy(),
			}
			for key, value := range template.Spec.Annotations {
				claim.Annotations[key] = value
			}
			claim.SetGroupVersionKind(resourcev1.SchemeGroupVersion.WithKind("ResourceClaim"))
			return claim
		}
		if claim.Annotations[podClaimAnnotation] == entry && metav1.IsControlledBy(claim, pod) {
			return claim
		}
	}
}
