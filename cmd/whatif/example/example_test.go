package example_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/apis/core/validation"
)

func TestIsTheSizeThatTheReadmePromises(t *testing.T) {
	c := load(t)
	pending := 0
	for _, w := range c.workloads {
		pending += w.pods
	}
	assert.Equal(t, 11, len(c.nodes), "nodes")
	assert.Equal(t, 6, len(c.daemonSets), "DaemonSets")
	assert.Equal(t, 44, len(c.workloads), "workloads with pending pods")
	assert.Equal(t, 414, pending, "pending pods")
	assert.Equal(t, 81, len(c.running), "running pods")
	assert.Equal(t, 4, len(c.groups), "NodeGroups")
}

// The point of the example: it has at least one of everything that makes
// scheduling more than adding up CPU and memory.
func TestShowsWhatAClusterHas(t *testing.T) {
	c := load(t)
	shown := map[string]int{}
	for _, w := range c.workloads {
		if w.mistake() != "" {
			continue
		}
		for feature := range features(w) {
			shown[feature]++
		}
	}
	for _, feature := range []string{
		"Deployment", "StatefulSet", "Job", "CronJob", "Pod",
		"spread topology.kubernetes.io/zone DoNotSchedule", "spread kubernetes.io/hostname DoNotSchedule",
		"spread topology.kubernetes.io/zone ScheduleAnyway", "spread kubernetes.io/hostname ScheduleAnyway", "minDomains",
		"affinity kubernetes.io/hostname", "affinity topology.kubernetes.io/zone", "preferred affinity",
		"anti-affinity kubernetes.io/hostname", "anti-affinity topology.kubernetes.io/zone", "preferred anti-affinity",
		"node affinity In", "node affinity NotIn", "node affinity Gt",
		"node selector", "toleration dedicated", "toleration nvidia.com/gpu",
		"1 GPU", "2 GPU", "4 GPU", "host port", "init container", "native sidecar",
		"1 volume", "2 volumes", "3 volumes", "scheduling gate", "other scheduler",
		"priority revenue", "priority stateful", "priority batch", "default priority",
	} {
		assert.Positive(t, shown[feature], feature)
	}
}

func features(w workload) map[string]bool {
	f := map[string]bool{w.kind: true}
	spec := w.pod.Spec
	for _, s := range spec.TopologySpreadConstraints {
		f["spread "+s.TopologyKey+" "+string(s.WhenUnsatisfiable)] = true
		f["minDomains"] = f["minDomains"] || s.MinDomains != nil
	}
	if a := spec.Affinity; a != nil {
		if a.PodAffinity != nil {
			for _, term := range a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
				f["affinity "+term.TopologyKey] = true
			}
			f["preferred affinity"] = a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution != nil
		}
		if a.PodAntiAffinity != nil {
			for _, term := range a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
				f["anti-affinity "+term.TopologyKey] = true
			}
			f["preferred anti-affinity"] = a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution != nil
		}
		if a.NodeAffinity != nil {
			var terms []v1.NodeSelectorTerm
			if required := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
				terms = required.NodeSelectorTerms
			}
			for _, p := range a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
				terms = append(terms, p.Preference)
			}
			for _, term := range terms {
				for _, e := range term.MatchExpressions {
					f["node affinity "+string(e.Operator)] = true
				}
			}
		}
	}
	f["node selector"] = len(spec.NodeSelector) > 0
	for _, toleration := range spec.Tolerations {
		f["toleration "+toleration.Key] = true
	}
	for _, container := range spec.Containers {
		if gpus, ok := container.Resources.Limits["nvidia.com/gpu"]; ok {
			f[gpus.String()+" GPU"] = true
		}
		for _, port := range container.Ports {
			f["host port"] = f["host port"] || port.HostPort != 0
		}
	}
	for _, container := range spec.InitContainers {
		if container.RestartPolicy != nil {
			f["native sidecar"] = true
		} else {
			f["init container"] = true
		}
	}
	f[map[int]string{0: "no volume", 1: "1 volume", 2: "2 volumes", 3: "3 volumes"}[len(w.claims)]] = true
	f["scheduling gate"] = len(spec.SchedulingGates) > 0
	f["other scheduler"] = spec.SchedulerName != ""
	if spec.PriorityClassName == "" {
		f["default priority"] = true
	} else {
		f["priority "+spec.PriorityClassName] = true
	}
	maps.DeleteFunc(f, func(_ string, shown bool) bool { return !shown })
	return f
}

func TestTheAPIServerWouldTakeEveryPod(t *testing.T) {
	c := load(t)
	check := func(name string, template v1.PodTemplateSpec, volumes []v1.PersistentVolumeClaim) {
		for _, claim := range volumes {
			template.Spec.Volumes = append(template.Spec.Volumes, v1.Volume{Name: claim.Name,
				VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}})
		}
		pod := &v1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
		corev1.SetObjectDefaults_Pod(pod)
		internal := &core.Pod{}
		require.NoError(t, corev1.Convert_v1_Pod_To_core_Pod(pod, internal, nil), name)
		assert.Empty(t, validation.ValidatePodSpec(&internal.Spec, &internal.ObjectMeta, nil, validation.PodValidationOptions{}), name)
		for _, container := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
			assert.True(t, strings.HasPrefix(container.Image, "registry.example.com/"), "%s: image %s", name, container.Image)
		}
	}
	for name, w := range c.workloads {
		check(name, w.pod, w.claims)
	}
	for name, ds := range c.daemonSets {
		assertHas(t, c.namespaces, ds.Namespace, name)
		assertHas(t, c.priorityClasses, ds.Spec.Template.Spec.PriorityClassName, name)
		check(name, ds.Spec.Template, nil)
	}
	for _, p := range c.running {
		check(key(p), v1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec}, nil)
	}
}
