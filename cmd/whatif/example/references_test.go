package example_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// className resolves a claim's class as the API server does when none is named.
func (c *cluster) className(claim v1.PersistentVolumeClaimSpec) string {
	if claim.StorageClassName != nil {
		return *claim.StorageClassName
	}
	for name, class := range c.storageClasses {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return name
		}
	}
	return ""
}

func TestStorageClassesWaitForTheNode(t *testing.T) {
	c := load(t)
	defaults := 0
	for name, class := range c.storageClasses {
		assertHas(t, c.drivers, class.Provisioner, "StorageClass %s", name)
		assert.Equal(t, storagev1.VolumeBindingWaitForFirstConsumer, *class.VolumeBindingMode, "StorageClass %s", name)
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			defaults++
		}
	}
	assert.Equal(t, 1, defaults, "default StorageClasses")
}

func TestPendingPodsReferToWhatExists(t *testing.T) {
	c := load(t)
	for name, w := range c.workloads {
		namespace := w.object.GetNamespace()
		assertHas(t, c.namespaces, namespace, name)
		if class := w.pod.Spec.PriorityClassName; class != "" {
			assertHas(t, c.priorityClasses, class, name)
		}
		if w.selector != nil {
			own, err := metav1.LabelSelectorAsSelector(w.selector)
			require.NoError(t, err, name)
			assert.True(t, own.Matches(labels.Set(w.pod.Labels)), "%s does not select its own pods", name)
		}
		for _, claim := range w.claims {
			assertHas(t, c.storageClasses, c.className(claim.Spec), "%s: claim template %s", name, claim.Name)
		}
		if w.kind == "StatefulSet" {
			assertHas(t, c.services, namespace+"/"+w.service, name)
		}
	}
}

func TestRunningPodsReferToWhatExists(t *testing.T) {
	c := load(t)
	for _, p := range c.running {
		assertHas(t, c.namespaces, p.Namespace, key(p))
		assertHas(t, c.nodes, p.Spec.NodeName, key(p))
		if assertHas(t, c.priorityClasses, p.Spec.PriorityClassName, key(p)) {
			class := c.priorityClasses[p.Spec.PriorityClassName]
			assert.Equal(t, class.Value, *p.Spec.Priority, key(p))
			assert.Equal(t, class.PreemptionPolicy, p.Spec.PreemptionPolicy, key(p))
		}
		owner := metav1.GetControllerOf(p)
		require.NotNil(t, owner, key(p))
		if owner.Kind == "DaemonSet" {
			if assertHas(t, c.daemonSets, p.Namespace+"/"+owner.Name, key(p)) {
				assert.Equal(t, c.daemonSets[p.Namespace+"/"+owner.Name].UID, owner.UID, key(p))
			}
			continue
		}
		_, expanded := c.workloads[p.Namespace+"/"+owner.Name]
		assert.False(t, expanded, "%s runs already and would be made a second time from its owner %s", key(p), owner.Name)
	}
}

func TestEveryClaimIsBoundAndUsedOnce(t *testing.T) {
	c := load(t)
	users := map[string][]string{}
	for _, p := range c.running {
		for _, volume := range p.Spec.Volumes {
			claim := p.Namespace + "/" + volume.PersistentVolumeClaim.ClaimName
			assertHas(t, c.claims, claim, key(p))
			users[claim] = append(users[claim], key(p))
		}
	}
	for name, w := range c.workloads {
		for _, claim := range w.claims {
			for i := range w.pods {
				id := fmt.Sprintf("%s/%s-%s-%d", w.object.GetNamespace(), claim.Name, w.object.GetName(), i)
				users[id] = append(users[id], name)
			}
		}
	}
	for name, claim := range c.claims {
		assert.Len(t, users[name], 1, name)
		if !assertHas(t, c.volumes, claim.Spec.VolumeName, name) {
			continue
		}
		pv := c.volumes[claim.Spec.VolumeName]
		assert.Equal(t, name, pv.Spec.ClaimRef.Namespace+"/"+pv.Spec.ClaimRef.Name)
		assert.Equal(t, claim.UID, pv.Spec.ClaimRef.UID, name)
		assert.Equal(t, "yes", claim.Annotations["pv.kubernetes.io/bind-completed"], name)
		assert.Equal(t, pv.Spec.StorageClassName, c.className(claim.Spec), name)
		assertHas(t, c.storageClasses, pv.Spec.StorageClassName, name)
		assertHas(t, c.drivers, pv.Spec.CSI.Driver, name)
	}
	assert.Equal(t, len(c.claims), len(c.volumes), "each claim has a volume of its own")
}

func TestSelectorsSelectSomebody(t *testing.T) {
	c := load(t)
	for _, budget := range c.budgets {
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		require.NoError(t, err)
		assert.NotEmpty(t, c.matching(budget.Namespace, selector), "PodDisruptionBudget %s protects nobody", key(budget))
	}
	for name, service := range c.services {
		assert.NotEmpty(t, c.matching(service.Namespace, labels.SelectorFromSet(service.Spec.Selector)), "Service %s selects nobody", name)
	}
}

// matching lists the pods, running or pending, that a selector sees.
func (c *cluster) matching(namespace string, selector labels.Selector) []string {
	var names []string
	for _, p := range c.running {
		if p.Namespace == namespace && selector.Matches(labels.Set(p.Labels)) {
			names = append(names, key(p))
		}
	}
	for name, w := range c.workloads {
		if w.object.GetNamespace() == namespace && selector.Matches(labels.Set(w.pod.Labels)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
