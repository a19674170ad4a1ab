package example_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// Each mistake stays one whatever is added to the cluster, the NodeGroups or
// the catalogue; and there are no others of these kinds by accident.
func TestMistakesAreMistakes(t *testing.T) {
	c := load(t)
	catalog := offerings.Sample()

	wrong := map[string]func(w workload) bool{
		"nodeSelector with a typo in its key": func(w workload) bool {
			for label := range w.pod.Spec.NodeSelector {
				if !c.knowsLabel(label) {
					return true
				}
			}
			return false
		},
		"architecture that nobody sells": func(w workload) bool {
			arch, asked := w.pod.Spec.NodeSelector[v1.LabelArchStable]
			return asked && arch != "amd64"
		},
		"required affinity to a label that no pod has": func(w workload) bool {
			if w.pod.Spec.Affinity == nil || w.pod.Spec.Affinity.PodAffinity == nil {
				return false
			}
			for _, term := range w.pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
				selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
				require.NoError(t, err)
				if len(c.matching(w.object.GetNamespace(), selector)) == 0 {
					return true
				}
			}
			return false
		},
		"PersistentVolumeClaim that does not exist": func(w workload) bool {
			for _, volume := range w.pod.Spec.Volumes {
				if volume.PersistentVolumeClaim != nil &&
					c.claims[w.object.GetNamespace()+"/"+volume.PersistentVolumeClaim.ClaimName] == nil {
					return true
				}
			}
			return false
		},
		"more memory than any machine for sale has": func(w workload) bool {
			largest := int64(0)
			for _, o := range catalog.Offerings {
				largest = max(largest, o.Allocatable.MemoryBytes)
			}
			for _, node := range c.nodes {
				largest = max(largest, node.Status.Allocatable.Memory().Value())
			}
			return w.pod.Spec.Containers[0].Resources.Requests.Memory().Value() > largest
		},
		"extended resource that nobody sells": func(w workload) bool {
			for name := range w.pod.Spec.Containers[0].Resources.Limits {
				if name == v1.ResourceMemory || name == v1.ResourceEphemeralStorage {
					continue
				}
				sold := false
				for _, o := range catalog.Offerings {
					sold = sold || o.Allocatable.Extended[string(name)] > 0
				}
				if !sold {
					return true
				}
			}
			return false
		},
		"toleration missing for the nodes it selects": func(w workload) bool {
			pool, asked := w.pod.Spec.NodeSelector["tulip.example/pool"]
			if !asked {
				return false
			}
			var taints []v1.Taint
			for _, taint := range c.groups[pool].Spec.Taints {
				taints = append(taints, taint.CoreV1())
			}
			_, untolerated := corev1.FindMatchingUntoleratedTaint(klog.Background(), taints, w.pod.Spec.Tolerations, nil, false)
			return untolerated
		},
	}

	found := map[string]string{}
	for name, w := range c.workloads {
		if w.mistake() != "" {
			assert.Empty(t, found[w.mistake()], "two mistakes of one kind")
			found[w.mistake()] = name
		}
		for kind, is := range wrong {
			assert.Equal(t, w.mistake() == kind, is(w), "%s: %s", name, kind)
		}
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(wrong)), slices.Collect(maps.Keys(found)))
}

// knowsLabel says whether any node, NodeGroup or offering carries a label.
func (c *cluster) knowsLabel(label string) bool {
	for _, node := range c.nodes {
		if _, has := node.Labels[label]; has {
			return true
		}
	}
	for _, group := range c.groups {
		if _, has := group.Spec.Labels[label]; has {
			return true
		}
	}
	return false
}
