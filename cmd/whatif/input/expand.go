package input

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubernetes/pkg/controller"
	deploymentutil "k8s.io/kubernetes/pkg/controller/deployment/util"
	labelsutil "k8s.io/kubernetes/pkg/util/labels"
)

const (
	// maxCreatedPods bounds what one input may ask controllers to create.
	maxCreatedPods = 1_000_000
	// maxNameBase is where the API server cuts the name of an owner before it
	// appends a suffix for the pod.
	maxNameBase = 58
)

// expansion creates the pods that controllers would create for workloads.
type expansion struct {
	*assembly
	// owned are the pods that exist and will not end by themselves, by controller.
	owned map[objectKey][]*v1.Pod
	// taken are the names of all pods.
	taken map[types.NamespacedName]bool
	// onTop: what exists does not count, all pods of all workloads are new.
	onTop bool
	// replicas overrides the number of pods of each workload.
	replicas *int32
	created  int
}

// order in which workloads are expanded: those whose pod names are fixed first,
// so that the numbers of the others give way.
var order = []string{"DaemonSet", "StatefulSet", "ReplicaSet", "Deployment", "ReplicationController", "Job", "CronJob"}

// newExpansion knows the pods that are there.
func (a *assembly) newExpansion() *expansion {
	e := &expansion{
		assembly: a,
		owned:    make(map[objectKey][]*v1.Pod),
		taken:    make(map[types.NamespacedName]bool, len(a.objects.Pods)),
	}
	for _, pod := range a.objects.Pods {
		e.taken[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = true
	}
	for _, l := range a.pods {
		pod := l.obj.(*v1.Pod)
		if ref := metav1.GetControllerOfNoCopy(pod); ref != nil && pod.DeletionTimestamp == nil {
			key := objectKey{ref.Kind, pod.Namespace, ref.Name}
			e.owned[key] = append(e.owned[key], pod)
		}
	}
	return e
}

// expand appends the missing pods of all workloads to the objects.
func (e *expansion) expand() error {
	// By name, so that the names of pods do not depend on the order of files.
	slices.SortStableFunc(e.workloads, func(x, y *loaded) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, x.kind.gvk.Kind), slices.Index(order, y.kind.gvk.Kind)),
			cmp.Compare(x.obj.GetNamespace(), y.obj.GetNamespace()),
			cmp.Compare(x.obj.GetName(), y.obj.GetName()))
	})
	for _, l := range e.workloads {
		if err := e.workload(l); err != nil {
			return err
		}
	}
	return nil
}

func (e *expansion) workload(l *loaded) error {
	if job, ok := l.obj.(*batchv1.Job); ok {
		generateJobSelector(job)
	}
	if l.written {
		if err := l.refuse(validateWorkload(l.obj), ""); err != nil {
			return err
		}
	}
	if l.obj.GetDeletionTimestamp() != nil {
		return nil
	}
	if strings.HasPrefix(l.kind.apiVersion(), "apps/") && selectorOf(l.obj) == nil {
		return l.complain(&fieldError{"spec.selector", "missing"}, "")
	}
	switch obj := l.obj.(type) {
	case *appsv1.DaemonSet:
		return e.daemonSet(l, obj)
	case *appsv1.StatefulSet:
		return e.statefulSet(l, obj)
	case *appsv1.ReplicaSet:
		return e.replicaSet(l, obj)
	case *appsv1.Deployment:
		return e.deployment(l, obj)
	case *v1.ReplicationController:
		if obj.Spec.Template == nil {
			return nil
		}
		return e.create(l, creation{owner: obj, gvk: l.kind.gvk, template: obj.Spec.Template, prefix: "spec.template.",
			n: e.missing(*obj.Spec.Replicas, len(e.pods(obj, l.kind.gvk.Kind)))})
	case *batchv1.Job:
		return e.job(l, obj, "spec.template.")
	case *batchv1.CronJob:
		return e.cronJob(l, obj)
	}
	return nil
}

// selectorOf is the selector of a workload of apps/v1, nil without one.
func selectorOf(obj object) *metav1.LabelSelector {
	switch obj := obj.(type) {
	case *appsv1.DaemonSet:
		return obj.Spec.Selector
	case *appsv1.StatefulSet:
		return obj.Spec.Selector
	case *appsv1.ReplicaSet:
		return obj.Spec.Selector
	case *appsv1.Deployment:
		return obj.Spec.Selector
	}
	return nil
}

// pods are the owner's pods.
func (e *expansion) pods(owner object, kindName string) []*v1.Pod {
	var found []*v1.Pod
	for _, pod := range e.owned[objectKey{kindName, owner.GetNamespace(), owner.GetName()}] {
		if e.sameOwner(metav1.GetControllerOfNoCopy(pod), owner, kindName) {
			found = append(found, pod)
		}
	}
	return found
}

// sameOwner compares by name, and by UID where both are of an API server: a
// workload deleted and created again does not own its predecessor's pods.
func (e *expansion) sameOwner(ref *metav1.OwnerReference, owner object, kindName string) bool {
	if ref == nil || ref.Kind != kindName || ref.Name != owner.GetName() {
		return false
	}
	written := owner.GetUID() == uidOf(kindName, owner.GetNamespace(), owner.GetName())
	return written || ref.UID == "" || ref.UID == owner.GetUID()
}

func (e *expansion) missing(desired int32, existing int) int {
	switch {
	case e.replicas != nil:
		return int(*e.replicas)
	case e.onTop:
		existing = 0
	}
	return max(0, int(desired)-existing)
}

// daemonSet completes the template: a simulator makes the pods from it, node by
// node, and no API server will complete those.
func (a *assembly) daemonSet(l *loaded, set *appsv1.DaemonSet) error {
	asked := set.Spec.Template.Spec.Priority
	if err := a.admission.template(&set.Spec.Template); err != nil {
		return l.complain(err, "spec.template.")
	}
	if l.written {
		if err := a.admission.created(&set.Spec.Template.Spec, asked); err != nil {
			return l.complain(err, "spec.template.")
		}
	}
	return nil
}

func (e *expansion) replicaSet(l *loaded, set *appsv1.ReplicaSet) error {
	if ref := metav1.GetControllerOfNoCopy(set); ref != nil && ref.Kind == "Deployment" {
		if _, ours := e.seen[objectKey{"Deployment", set.Namespace, ref.Name}]; ours {
			return nil // the Deployment counts for all its ReplicaSets
		}
	}
	return e.create(l, creation{owner: set, gvk: l.kind.gvk, template: &set.Spec.Template, prefix: "spec.template.",
		n: e.missing(*set.Spec.Replicas, len(e.pods(set, "ReplicaSet")))})
}

// deployment creates what its ReplicaSets, old and new together, do not have yet.
func (e *expansion) deployment(l *loaded, d *appsv1.Deployment) error {
	var current *appsv1.ReplicaSet
	var revision int64
	existing := 0
	for _, set := range e.objects.ReplicaSets {
		if e.onTop {
			break // they are of the template before the one that is added
		}
		if set.Namespace != d.Namespace || !e.sameOwner(metav1.GetControllerOfNoCopy(set), d, "Deployment") {
			continue
		}
		existing += len(e.pods(set, "ReplicaSet"))
		// An error leaves revision 0: a ReplicaSet without the annotation.
		if r, _ := deploymentutil.Revision(set); current == nil || r > revision || r == revision && set.Name < current.Name {
			current, revision = set, r
		}
	}
	if current == nil {
		if d.Spec.Paused && !e.onTop {
			e.notes.remark("Deployment %s is paused and has no ReplicaSet: no pods", keyOf(d))
			return nil
		}
		hash, pods, err := e.unseenReplicaSets(d)
		if err != nil {
			return l.complain(&fieldError{"spec.selector", err.Error()}, "")
		}
		existing += pods
		current = newReplicaSet(d, hash)
		upsert(&e.objects.ReplicaSets, []*appsv1.ReplicaSet{current})
	}
	return e.create(l, creation{owner: current, gvk: appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
		template: &current.Spec.Template, prefix: "spec.template.", n: e.missing(*d.Spec.Replicas, existing)})
}

// unseenReplicaSets counts the pods of ReplicaSets that are not in the input (a
// dump of Deployments and pods only) and returns the hash to go on with: that of
// most of these pods, else the one that the Deployment controller would compute.
func (e *expansion) unseenReplicaSets(d *appsv1.Deployment) (hash string, pods int, err error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return "", 0, err
	}
	count := map[string]int{}
	for key, owned := range e.owned {
		if key.kind != "ReplicaSet" || key.namespace != d.Namespace {
			continue
		}
		for _, pod := range owned {
			h := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
			if h != "" && key.name == d.Name+"-"+h && selector.Matches(labels.Set(pod.Labels)) {
				count[h]++
				pods++
			}
		}
	}
	for _, h := range slices.Sorted(maps.Keys(count)) {
		if count[h] > count[hash] {
			hash = h
		}
	}
	if hash == "" {
		hash = controller.ComputeHash(&d.Spec.Template, d.Status.CollisionCount)
	}
	return hash, pods, nil
}

// newReplicaSet is what the Deployment controller would create.
func newReplicaSet(d *appsv1.Deployment, hash string) *appsv1.ReplicaSet {
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-" + hash, Namespace: d.Namespace,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
			Labels:          labelsutil.CloneAndAddLabel(d.Spec.Template.Labels, appsv1.DefaultDeploymentUniqueLabelKey, hash),
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: d.Spec.Replicas,
			Selector: labelsutil.CloneSelectorAndAddLabel(d.Spec.Selector, appsv1.DefaultDeploymentUniqueLabelKey, hash),
			Template: *d.Spec.Template.DeepCopy(),
		},
	}
	set.Spec.Template.Labels = labelsutil.CloneAndAddLabel(d.Spec.Template.Labels, appsv1.DefaultDeploymentUniqueLabelKey, hash)
	set.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	set.UID = uidOf("ReplicaSet", set.Namespace, set.Name)
	return set
}

// creation is an order for n pods of one template.
type creation struct {
	owner    object
	gvk      schema.GroupVersionKind
	template *v1.PodTemplateSpec
	// prefix leads from the object in the file to the template.
	prefix string
	n      int
	// name of the i-th pod; nil for the owner's name and a number.
	name func(i int) string
	// finish changes the i-th pod, which has its name, before it is admitted for good.
	finish func(i int, pod *v1.Pod)
}

// create makes the pods, complete and validated, and appends them to the objects.
func (e *expansion) create(l *loaded, c creation) error {
	if e.created += c.n; e.created > maxCreatedPods {
		return l.complain(&fieldError{"spec", fmt.Sprintf("%d pods more: more than %d in one input", c.n, maxCreatedPods)}, "")
	}
	if c.n == 0 && !l.written {
		return nil
	}
	first, err := controller.GetPodFromTemplate(c.template, c.owner, metav1.NewControllerRef(c.owner, c.gvk))
	if err != nil {
		return l.complain(err, "")
	}
	asked := first.Spec.Priority
	if err := e.admission.spec(&first.Spec); err != nil {
		return l.complain(err, c.prefix)
	}
	if l.written {
		if err := e.admission.created(&first.Spec, asked); err != nil {
			return l.complain(err, c.prefix)
		}
	}
	first.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	first.Namespace, first.GenerateName = c.owner.GetNamespace(), ""
	next := 0
	for i := range c.n {
		pod := &v1.Pod{TypeMeta: first.TypeMeta, ObjectMeta: *first.ObjectMeta.DeepCopy(), Spec: first.Spec}
		if c.name != nil {
			pod.Name = c.name(i)
		} else {
			pod.Name, next = e.freeName(pod.Namespace, c.owner.GetName(), next)
		}
		if c.finish != nil {
			c.finish(i, pod)
		}
		mergeLabelKeys(pod)
		if i == 0 && l.written {
			if err := l.refuse(validatePod(pod), c.prefix); err != nil {
				return err
			}
		}
		e.append(pod)
	}
	return nil
}

// append adds a pod that is complete but for its identity.
func (e *expansion) append(pod *v1.Pod) {
	pod.UID = uidOf("Pod", pod.Namespace, pod.Name)
	completePod(pod)
	e.taken[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = true
	e.objects.Pods = append(e.objects.Pods, pod)
}

// freeName is base-n with the first n from next on that no pod has, and where to
// go on looking.
func (e *expansion) freeName(namespace, base string, next int) (string, int) {
	if len(base) > maxNameBase {
		base = base[:maxNameBase]
	}
	for ; ; next++ {
		name := fmt.Sprintf("%s-%d", base, next)
		if !e.taken[types.NamespacedName{Namespace: namespace, Name: name}] {
			return name, next + 1
		}
	}
}
