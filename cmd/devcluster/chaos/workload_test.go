package chaos

import (
	"fmt"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Pools: a NodeGroup and a Deployment each, of the same name, for each other alone.
const (
	general  = "general"
	scripted = "scripted" // its machines join by a script
	batch    = "batch"    // deleted and made again
)

// Offerings of the pools.
const (
	small     = "std-2c4g"
	dedicated = "ded-2c8g"
)

var pools = []string{general, scripted, batch}

// nodeGroup has two offerings, so that there is something left to buy when one is
// sold out. Of a pool's pods a machine of either takes one.
func nodeGroup(pool string) *v1alpha1.NodeGroup {
	group := &v1alpha1.NodeGroup{
		ObjectMeta: metav1.ObjectMeta{Name: pool},
		Spec: v1alpha1.NodeGroupSpec{
			MaxNodes:      100,
			OSImageID:     "image-ubuntu-2404",
			OfferingIDs:   []string{small, dedicated},
			DatacenterIDs: []string{"ams1", "fra1"},
			Labels:        map[string]v1alpha1.LabelValue{"pool": v1alpha1.LabelValue(pool)},
		},
	}
	if pool == scripted {
		group.Spec.Bootstrap = v1alpha1.Bootstrap{
			Mode: v1alpha1.BootstrapScript, Template: &v1alpha1.TemplateReference{ConfigMap: "join", Key: "script"},
		}
	}
	return group
}

func podTemplate(app string, selector map[string]string, cpu, memory string) corev1.PodTemplateSpec {
	grace := int64(1)
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			NodeSelector:                  selector,
			TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "main", Image: "registry.example/main:1",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
				}},
			}},
		},
	}
}

// settleIn creates the pools without pods, and a DaemonSet on all machines.
func (w *world) settleIn() {
	w.Helper()
	selector := func(app string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	}
	w.create(&appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent", Namespace: metav1.NamespaceDefault},
		Spec:       appsv1.DaemonSetSpec{Selector: selector("agent"), Template: podTemplate("agent", nil, "50m", "50Mi")},
	})
	for _, pool := range pools {
		w.create(nodeGroup(pool), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: pool, Namespace: metav1.NamespaceDefault},
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32), Selector: selector(pool),
				Template: podTemplate(pool, map[string]string{"pool": pool}, "1200m", "1500Mi"),
			},
		})
	}
}

// scale sets the number of a pool's pods.
func (w *world) scale(pool string, replicas int) {
	w.Helper()
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: pool, Namespace: metav1.NamespaceDefault}}
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	require.NoError(w, w.client.Patch(w.Context(), deployment, client.RawPatch(types.MergePatchType, patch)))
}

// wanted is how many pods the Deployments want together.
func (w *world) wanted() int {
	w.Helper()
	var list appsv1.DeploymentList
	require.NoError(w, w.client.List(w.Context(), &list, client.InNamespace(metav1.NamespaceDefault)))
	sum := 0
	for i := range list.Items {
		sum += int(*list.Items[i].Spec.Replicas)
	}
	return sum
}

// remove deletes an object that may be gone already.
func (w *world) remove(object client.Object) {
	w.Helper()
	if err := w.client.Delete(w.Context(), object); !apierrors.IsNotFound(err) {
		require.NoError(w, err)
	}
}

// restore makes a NodeGroup again that was deleted, and says whether it could: it
// may not be gone yet.
func (w *world) restore(pool string) bool {
	w.Helper()
	err := w.client.Create(w.Context(), nodeGroup(pool))
	if apierrors.IsAlreadyExists(err) {
		var there v1alpha1.NodeGroup
		err = w.client.Get(w.Context(), types.NamespacedName{Name: pool}, &there)
		if err == nil {
			return there.DeletionTimestamp == nil
		}
		if apierrors.IsNotFound(err) {
			return false
		}
	}
	require.NoError(w, err)
	return true
}
