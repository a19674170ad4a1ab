package input

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

func podNamed(t testing.TB, objects *simulator.Objects, name string) *v1.Pod {
	i := slices.IndexFunc(objects.Pods, func(pod *v1.Pod) bool { return keyOf(pod) == name })
	require.GreaterOrEqual(t, i, 0, "no pod %s among %v", name, podNames(objects))
	return objects.Pods[i]
}

func requirement(key string, operator metav1.LabelSelectorOperator, value string) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: []string{value}}
}

func TestAManifestBecomesWhatControllersWouldMakeOfIt(t *testing.T) {
	objects, notes, err := Files([]string{"testdata/shop.yaml"}, Options{})
	require.NoError(t, err)
	assert.Equal(t, []string{"ignored 1 × v1 ConfigMap: scheduling does not read it"}, notes.Lines())

	require.Len(t, objects.ReplicaSets, 1)
	set := objects.ReplicaSets[0]
	hash := set.Labels["pod-template-hash"]
	require.NotEmpty(t, hash)
	assert.Equal(t, "web-"+hash, set.Name)
	assert.Equal(t, hash, set.Spec.Selector.MatchLabels["pod-template-hash"])
	web := "shop/web-" + hash
	assert.Equal(t, []string{
		"shop/debug", "shop/db-1", "shop/db-2", web + "-0", web + "-1", web + "-2", "shop/resize-0", "shop/resize-1", "shop/report-0-0", "shop/report-0-1",
	}, podNames(objects))
	uids := map[types.UID]bool{}
	for _, pod := range objects.Pods {
		assert.NotEmpty(t, pod.UID)
		uids[pod.UID] = true
		assert.Equal(t, v1.PodPending, pod.Status.Phase)
		assert.Equal(t, v1.DefaultSchedulerName, pod.Spec.SchedulerName)
	}
	assert.Len(t, uids, len(objects.Pods))

	t.Run("Deployment", func(t *testing.T) {
		pod := podNamed(t, objects, web+"-1")
		assert.Equal(t, map[string]string{"app": "web", "pod-template-hash": hash}, pod.Labels)
		assert.True(t, metav1.IsControlledBy(pod, set))
		assert.Equal(t, "ReplicaSet", pod.OwnerReferences[0].Kind)
		assert.Equal(t, "500m", pod.Spec.Containers[0].Resources.Requests.Cpu().String(), "requests default to limits")
		assert.Equal(t, int32(1000), *pod.Spec.Priority)
		assert.Equal(t, v1.PreemptNever, *pod.Spec.PreemptionPolicy)
		seconds := int64(300)
		assert.Equal(t, []v1.Toleration{
			{Key: v1.TaintNodeNotReady, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &seconds},
			{Key: v1.TaintNodeUnreachable, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute, TolerationSeconds: &seconds},
		}, pod.Spec.Tolerations)
		merged := []metav1.LabelSelectorRequirement{requirement("pod-template-hash", metav1.LabelSelectorOpIn, hash)}
		assert.Equal(t, merged, pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchExpressions)
		assert.Equal(t, merged, pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].LabelSelector.MatchExpressions)
		assert.Empty(t, set.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector.MatchExpressions, "only pods get it")
	})
	t.Run("StatefulSet", func(t *testing.T) {
		pod := podNamed(t, objects, "shop/db-2")
		assert.Equal(t, "db-2", pod.Labels["statefulset.kubernetes.io/pod-name"])
		assert.Equal(t, "2", pod.Labels["apps.kubernetes.io/pod-index"])
		assert.True(t, strings.HasPrefix(pod.Labels["controller-revision-hash"], "db-"))
		assert.Equal(t, "db-2", pod.Spec.Hostname)
		assert.Equal(t, "db", pod.Spec.Subdomain)
		require.Len(t, pod.Spec.Volumes, 2)
		assert.Equal(t, "data-db-2", pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName)
		assert.Equal(t, "scratch", pod.Spec.Volumes[1].Name)
		assert.Equal(t, "data-db-1", podNamed(t, objects, "shop/db-1").Spec.Volumes[0].PersistentVolumeClaim.ClaimName)
	})
	t.Run("claims have the default class", func(t *testing.T) {
		var names []string
		for _, claim := range objects.PersistentVolumeClaims {
			names = append(names, claim.Name)
			assert.Equal(t, "fast", *claim.Spec.StorageClassName)
			assert.Equal(t, v1.ClaimPending, claim.Status.Phase)
			assert.NotEmpty(t, claim.UID)
		}
		assert.Equal(t, []string{"data-db-1", "data-db-2", "debug-scratch"}, names)
		assert.Equal(t, map[string]string{"app": "db"}, objects.PersistentVolumeClaims[0].Labels)
		assert.True(t, metav1.IsControlledBy(objects.PersistentVolumeClaims[2], podNamed(t, objects, "shop/debug")))
	})
	t.Run("Job, indexed", func(t *testing.T) {
		pod := podNamed(t, objects, "shop/resize-1")
		assert.Equal(t, "1", pod.Labels["batch.kubernetes.io/job-completion-index"])
		assert.Equal(t, "1", pod.Annotations["batch.kubernetes.io/job-completion-index"])
		assert.Equal(t, "resize", pod.Labels["batch.kubernetes.io/job-name"])
		assert.NotEmpty(t, pod.Labels["batch.kubernetes.io/controller-uid"])
		assert.Equal(t, "resize-1", pod.Spec.Hostname)
	})
	t.Run("CronJob", func(t *testing.T) {
		pod := podNamed(t, objects, "shop/report-0-1")
		assert.Equal(t, "Job", pod.OwnerReferences[0].Kind)
		assert.Equal(t, "report-0", pod.OwnerReferences[0].Name)
		assert.Equal(t, "report-0", pod.Labels["job-name"])
	})
	t.Run("DaemonSet", func(t *testing.T) {
		spec := objects.DaemonSets[0].Spec.Template.Spec
		assert.Equal(t, int32(2000001000), *spec.Priority)
		assert.Equal(t, "64Mi", spec.Containers[0].Resources.Requests.Memory().String())
		assert.Empty(t, spec.Tolerations, "its controller adds others")
	})
	t.Run("bare pod", func(t *testing.T) {
		pod := podNamed(t, objects, "shop/debug")
		assert.Len(t, pod.Spec.SchedulingGates, 1)
		assert.Equal(t, int32(0), *pod.Spec.Priority)
		assert.Equal(t, v1.PreemptLowerPriority, *pod.Spec.PreemptionPolicy)
	})
}

func TestPodsDoNotDependOnTheOrderOfDocuments(t *testing.T) {
	data, err := os.ReadFile("testdata/shop.yaml")
	require.NoError(t, err)
	documents := strings.Split(string(data), "\n---\n")
	identities := func(objects *simulator.Objects) []string {
		var all []string
		for _, pod := range objects.Pods {
			all = append(all, fmt.Sprint(keyOf(pod), pod.UID, pod.Labels))
		}
		return all
	}
	want := identities(mustRead(t, strings.Join(documents, "\n---\n")))
	slices.Reverse(documents)
	assert.Equal(t, want, identities(mustRead(t, strings.Join(documents, "\n---\n"))))
}

// deployment, replicaSet and so on are objects as a cluster stores them.
const template = `selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}`

func owned(name, kind, owner, more string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, uid: uid-%s, ownerReferences: [{apiVersion: x/v1, kind: %s, name: %s, uid: uid-%s, controller: true}]%s}, spec: {containers: [{name: c, image: i}]}}", name, name, kind, owner, owner, more)
}

func TestOnlyMissingPodsAreCreated(t *testing.T) {
	replicaSet := func(name, revision string) string {
		return fmt.Sprintf(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: %s, uid: uid-%s, annotations: {deployment.kubernetes.io/revision: "%s"}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: uid-web, controller: true}]}, spec: {replicas: 5, %s}}`, name, name, revision, template)
	}
	deployment := `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, uid: uid-web}, spec: {replicas: 4, ` + template + `}}`
	terminating := `, deletionTimestamp: "2026-01-01T00:00:00Z"`
	job := func(spec, status string) string {
		return `{apiVersion: batch/v1, kind: Job, metadata: {name: j, uid: uid-j}, spec: {` + spec + ` template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}, status: {` + status + `}}`
	}
	for _, c := range []struct {
		name    string
		objects []string
		want    []string
	}{
		{"Deployment with an old and a new ReplicaSet", []string{deployment, replicaSet("web-1", "1"), replicaSet("web-2", "2"),
			owned("a", "ReplicaSet", "web-1", ""), owned("b", "ReplicaSet", "web-2", "")}, []string{"a", "b", "web-2-0", "web-2-1"}},
		{"Deployment whose pod is being deleted", []string{deployment, replicaSet("web-2", "2"),
			owned("a", "ReplicaSet", "web-2", terminating), owned("b", "ReplicaSet", "web-2", "")}, []string{"b", "web-2-0", "web-2-1", "web-2-2"}},
		{"Deployment with too many pods", []string{strings.Replace(deployment, "replicas: 4", "replicas: 1", 1), replicaSet("web-2", "2"),
			owned("a", "ReplicaSet", "web-2", ""), owned("b", "ReplicaSet", "web-2", "")}, []string{"a", "b"}},
		{"Deployment and pods without their ReplicaSet", []string{deployment,
			owned("a", "ReplicaSet", "web-abc", ", labels: {app: web, pod-template-hash: abc}"), owned("b", "ReplicaSet", "web-abc", ", labels: {app: web, pod-template-hash: abc}"),
			owned("c", "ReplicaSet", "web-old", ", labels: {app: web, pod-template-hash: old}"), owned("x", "ReplicaSet", "other-old", ", labels: {app: web, pod-template-hash: old}")},
			[]string{"a", "b", "c", "x", "web-abc-0"}},
		{"Deployment being deleted", []string{strings.Replace(deployment, "uid-web", "uid-web"+terminating, 1)}, nil},
		{"paused Deployment", []string{strings.Replace(deployment, "replicas: 4", "replicas: 4, paused: true", 1)}, nil},
		{"ReplicaSet without its Deployment", []string{replicaSet("web-2", "2"), owned("a", "ReplicaSet", "web-2", "")}, []string{"a", "web-2-0", "web-2-1", "web-2-2", "web-2-3"}},
		{"ReplicaSet whose predecessor of that name had pods", []string{replicaSet("web-2", "2"), strings.ReplaceAll(owned("a", "ReplicaSet", "web-2", ""), "uid: uid-web-2", "uid: before")},
			[]string{"a", "web-2-0", "web-2-1", "web-2-2", "web-2-3", "web-2-4"}},
		{"ReplicaSet with a pod whose name it would give", []string{replicaSet("web", "1"), owned("web-1", "Job", "j", "")}, []string{"web-1", "web-0", "web-2", "web-3", "web-4", "web-5"}},
		{"StatefulSet with a hole", []string{`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web, uid: uid-web}, spec: {replicas: 3, ` + template + `}, status: {updateRevision: web-77}}`,
			owned("web-1", "StatefulSet", "web", "")}, []string{"web-1", "web-0", "web-2"}},
		{"ReplicationController", []string{`{apiVersion: v1, kind: ReplicationController, metadata: {name: rc, uid: uid-rc}, spec: {replicas: 2, selector: {app: web}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}}`,
			owned("a", "ReplicationController", "rc", "")}, []string{"a", "rc-0"}},
		{"ReplicationController without a template", []string{`{apiVersion: v1, kind: ReplicationController, metadata: {name: rc, uid: uid-rc}, spec: {replicas: 2}}`}, nil},
		{"Job near its end", []string{job("parallelism: 4, completions: 10,", "succeeded: 8"), owned("a", "Job", "j", "")}, []string{"a", "j-0"}},
		{"Job at full parallelism", []string{job("parallelism: 1, completions: 10,", ""), owned("a", "Job", "j", "")}, []string{"a"}},
		{"Job with a work queue", []string{job("parallelism: 3,", ""), owned("a", "Job", "j", "")}, []string{"a", "j-0", "j-1"}},
		{"Job with a work queue that is empty", []string{job("parallelism: 3,", "succeeded: 1"), owned("a", "Job", "j", "")}, []string{"a"}},
		{"Job suspended", []string{job("suspend: true,", "")}, nil},
		{"Job complete", []string{job("", `conditions: [{type: Complete, status: "True"}]`)}, nil},
		{"Job still suspended by condition, not finished", []string{job("", `conditions: [{type: Suspended, status: "True"}, {type: Failed, status: "False"}]`)}, []string{"j-0"}},
		{"Job of another controller", []string{job("managedBy: kueue.x-k8s.io/multikueue,", "")}, nil},
		{"Job with indexes", []string{job("completionMode: Indexed, parallelism: 3, completions: 8,", `succeeded: 4, completedIndexes: "0,2-4"`),
			owned("a", "Job", "j", `, annotations: {batch.kubernetes.io/job-completion-index: "1"}`), owned("j-5", "Node", "node", "")}, []string{"a", "j-5", "j-5-0", "j-6"}},
		{"CronJob that runs", []string{`{apiVersion: batch/v1, kind: CronJob, metadata: {name: cj, uid: uid-cj}, spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}`,
			strings.Replace(job("parallelism: 2,", ""), "uid: uid-j", "uid: uid-j, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: cj, uid: uid-cj, controller: true}]", 1)}, []string{"j-0", "j-1"}},
		{"CronJob suspended", []string{`{apiVersion: batch/v1, kind: CronJob, metadata: {name: cj, uid: uid-cj}, spec: {suspend: true, schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}`}, nil},
		{"CronJob whose first name is taken", []string{`{apiVersion: batch/v1, kind: CronJob, metadata: {name: cj, uid: uid-cj}, spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}`,
			strings.ReplaceAll(job("suspend: true,", ""), "name: j,", "name: cj-0,")}, []string{"cj-1-0"}},
		{"names too long to append to", []string{strings.ReplaceAll(`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: NAME, uid: uid-web}, spec: {replicas: 1, `+template+`}}`, "NAME", strings.Repeat("n", 70))},
			[]string{strings.Repeat("n", 58) + "-0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			objects := mustRead(t, strings.Join(c.objects, "\n---\n"))
			var got []string
			for _, pod := range objects.Pods {
				got = append(got, pod.Name)
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestRefusedWorkloads(t *testing.T) {
	deployment := "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: c\n        image: i\n"
	for _, c := range []struct{ name, content, want string }{
		{"selector that misses the template", strings.Replace(deployment, "matchLabels: {app: web}", "matchLabels: {app: wep}", 1),
			`in.yaml:8:16: Deployment default/web: spec.template.metadata.labels: Invalid value: {"app":"web"}: ` + "`selector` does not match template `labels`"},
		{"negative replicas", strings.Replace(deployment, "spec:\n  sel", "spec:\n  replicas: -1\n  sel", 1),
			`in.yaml:6: Deployment default/web: spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"a billion replicas", strings.Replace(deployment, "spec:\n  sel", "spec:\n  replicas: 1000000000\n  sel", 1),
			`in.yaml:5: Deployment default/web: spec: 1000000000 pods more: more than 1000000 in one input`},
		{"unknown priority class", deployment + "      priorityClassName: gold\n",
			`in.yaml:13: Deployment default/web: spec.template.spec.priorityClassName: no PriorityClass "gold" in the input`},
		{"a priority of its own", deployment + "      priority: 7\n",
			`in.yaml:13: Deployment default/web: spec.template.spec.priority: must not be 7: the PriorityClass "" gives 0`},
		{"requests above limits", deployment + "        resources:\n          requests: {cpu: 2}\n          limits: {cpu: 1}\n",
			`in.yaml:14: Deployment default/web: spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`},
		{"no containers and a bad name", "apiVersion: v1\nkind: Pod\nmetadata: {name: Web}\nspec: {}\n",
			`in.yaml:3:12: Pod default/Web: metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*') (and 1 more)`},
		{"a pod's own preemption policy", strings.TrimSpace(onePod) + "\n  preemptionPolicy: Never\n",
			`in.yaml:7: Pod default/web: spec.preemptionPolicy: must not be Never: the PriorityClass "" gives PreemptLowerPriority`},
		{"second pod of a spec with a bad label", onePod + "---\n" + strings.Replace(onePod, "{name: web}", "{name: two, labels: {a: b c}}", 1),
			`in.yaml:10:23: Pod default/two: metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`},
		{"DaemonSet of an unknown class", strings.Replace(deployment, "Deployment", "DaemonSet", 1) + "      priorityClassName: gold\n",
			`in.yaml:13: DaemonSet default/web: spec.template.spec.priorityClassName: no PriorityClass "gold" in the input`},
		{"DaemonSet with a priority of its own", strings.Replace(deployment, "Deployment", "DaemonSet", 1) + "      priorityClassName: system-node-critical\n      priority: 3\n",
			`in.yaml:14: DaemonSet default/web: spec.template.spec.priority: must not be 3: the PriorityClass "system-node-critical" gives 2000001000`},
		{"StatefulSet whose name makes no label", strings.Replace(strings.Replace(deployment, "Deployment", "StatefulSet", 1), "name: web", "name: "+strings.Repeat("w", 63), 1),
			`in.yaml:8:16: StatefulSet default/` + strings.Repeat("w", 63) + `: spec.template.metadata.labels: Invalid value: "` + strings.Repeat("w", 63) + `-0": must be no more than 63 bytes (and 2 more)`},
		{"ReplicaSet", strings.Replace(strings.Replace(deployment, "Deployment", "ReplicaSet", 1), "{app: web}}", "{}}", 1),
			`in.yaml:6: ReplicaSet default/web: spec.selector: Invalid value: {}: empty selector is invalid for deployment`},
		{"ReplicationController", "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: rc}\nspec:\n  replicas: -2\n",
			`in.yaml:5: ReplicationController default/rc: spec.replicas: Invalid value: -2: must be greater than or equal to 0 (and 2 more)`},
		{"Job that restarts always", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n    spec:\n      containers: [{name: c, image: i}]\n",
			`in.yaml:6: Job default/j: spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`},
		{"CronJob without a schedule", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          containers: [{name: c, image: i}]\n",
			`in.yaml:4: CronJob default/j: spec.schedule: Required value`},
		{"stored Deployment without a selector", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, uid: u}\n",
			`in.yaml:1: Deployment default/d: spec.selector: missing`},
		{"stored Deployment with an odd selector", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, uid: u}\nspec:\n  selector: {matchExpressions: [{key: a, operator: Like}]}\n",
			`in.yaml:5: Deployment default/d: spec.selector: "Like" is not a valid label selector operator`},
		{"stored Job with odd indexes", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, uid: u}\nspec: {completions: 2, completionMode: Indexed}\nstatus:\n  completedIndexes: 1-x\n",
			`in.yaml:6: Job default/j: status.completedIndexes: "1-x" is not a list of indexes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := fromText(t, "in.yaml", c.content)
			assert.EqualError(t, err, c.want)
		})
	}
}

func TestPriorityAdmission(t *testing.T) {
	classes := `
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: low}, value: 5, globalDefault: true}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: lower}, value: 3, globalDefault: true, preemptionPolicy: Never}
---
`
	pod := func(name, more string) string {
		return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: %s, uid: %s}, spec: {%s}}\n---\n", name, name, more)
	}
	objects := mustRead(t, classes+pod("default", "")+pod("named", "priorityClassName: low")+pod("stored", "priority: 9, priorityClassName: gone")+
		pod("system", "priorityClassName: system-cluster-critical"))
	var got []string
	for _, p := range objects.Pods {
		got = append(got, fmt.Sprint(p.Name, " ", p.Spec.PriorityClassName, " ", *p.Spec.Priority, " ", *p.Spec.PreemptionPolicy))
	}
	assert.Equal(t, []string{
		"default lower 3 Never", "named low 5 PreemptLowerPriority", "stored gone 9 PreemptLowerPriority",
		"system system-cluster-critical 2000000000 PreemptLowerPriority",
	}, got)
}

func TestDefaultsOfAPod(t *testing.T) {
	t.Run("tolerations that are there already are kept", func(t *testing.T) {
		objects := mustRead(t, onePod+"  tolerations:\n  - {operator: Exists, effect: NoSchedule}\n  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 5}\n")
		tolerations := objects.Pods[0].Spec.Tolerations
		require.Len(t, tolerations, 3)
		assert.Equal(t, v1.TaintNodeUnreachable, tolerations[2].Key)
	})
	t.Run("a toleration of everything is enough", func(t *testing.T) {
		objects := mustRead(t, onePod+"  tolerations:\n  - {operator: Exists}\n")
		assert.Len(t, objects.Pods[0].Spec.Tolerations, 1)
	})
	t.Run("pod-level requests come from pod-level limits and containers", func(t *testing.T) {
		objects := mustRead(t, strings.Replace(onePod, "image: nginx", "image: nginx, resources: {requests: {cpu: 100m}}", 1)+"  resources: {limits: {cpu: 1, memory: 1Gi}}\n")
		requests := objects.Pods[0].Spec.Resources.Requests
		assert.Equal(t, "100m", requests.Cpu().String())
		assert.Equal(t, "1Gi", requests.Memory().String())
	})
	t.Run("label keys are merged once, into a copy", func(t *testing.T) {
		spec := `{containers: [{name: c, image: i}], affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: zone, labelSelector: {}, mismatchLabelKeys: [tenant]}}],
 requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, matchLabelKeys: [tenant]}]}},
 topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [tenant], labelSelector: {matchExpressions: [{key: tenant, operator: In, values: [a]}]}}]}`
		objects := mustRead(t, "{apiVersion: v1, kind: Pod, metadata: {name: a, uid: a, labels: {tenant: a}}, spec: "+spec+"}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: b, uid: b, labels: {tenant: b}}, spec: "+spec+"}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: c, uid: c}, spec: "+spec+"}")
		inA := requirement("tenant", metav1.LabelSelectorOpIn, "a")
		for i, want := range [][]metav1.LabelSelectorRequirement{{inA}, {inA, requirement("tenant", metav1.LabelSelectorOpIn, "b")}, {inA}} {
			assert.Equal(t, want, objects.Pods[i].Spec.TopologySpreadConstraints[0].LabelSelector.MatchExpressions)
		}
		affinity := objects.Pods[1].Spec.Affinity.PodAffinity
		assert.Equal(t, []metav1.LabelSelectorRequirement{requirement("tenant", metav1.LabelSelectorOpNotIn, "b")},
			affinity.PreferredDuringSchedulingIgnoredDuringExecution[0].PodAffinityTerm.LabelSelector.MatchExpressions)
		assert.Nil(t, affinity.RequiredDuringSchedulingIgnoredDuringExecution[0].LabelSelector, "a nil selector matches nothing, with keys as well")
	})
}

func TestResourceClaimsOfTemplates(t *testing.T) {
	pod := func(name, status string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: " + name + ", uid: " + name + "}, spec: {resourceClaims: [{name: gpu, resourceClaimTemplateName: one}, {name: own, resourceClaimName: mine}, {name: none, resourceClaimTemplateName: missing}]}, status: {" + status + "}}\n---\n"
	}
	objects := mustRead(t, `{apiVersion: resource.k8s.io/v1, kind: ResourceClaimTemplate, metadata: {name: one}, spec: {metadata: {labels: {l: v}, annotations: {a: b}}, spec: {devices: {requests: [{name: r, exactly: {deviceClassName: gpu}}]}}}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: taken-gpu}, spec: {}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: made-gpu, annotations: {resource.kubernetes.io/pod-claim-name: gpu}, ownerReferences: [{apiVersion: v1, kind: Pod, name: made, uid: made, controller: true}]}, spec: {}}
---
`+pod("fresh", "")+pod("taken", "")+pod("made", "")+pod("noted", "resourceClaimStatuses: [{name: gpu, resourceClaimName: x}]"))
	got := map[string]string{}
	for _, p := range objects.Pods {
		require.Len(t, p.Status.ResourceClaimStatuses, 1)
		got[p.Name] = *p.Status.ResourceClaimStatuses[0].ResourceClaimName
	}
	assert.Equal(t, map[string]string{"fresh": "fresh-gpu", "taken": "taken-gpu-0", "made": "made-gpu", "noted": "x"}, got)
	require.Len(t, objects.ResourceClaims, 4)
	claim := objects.ResourceClaims[2]
	assert.Equal(t, "fresh-gpu", claim.Name)
	assert.Equal(t, map[string]string{"l": "v"}, claim.Labels)
	assert.Equal(t, map[string]string{"a": "b", "resource.kubernetes.io/pod-claim-name": "gpu"}, claim.Annotations)
	assert.Equal(t, int64(1), claim.Spec.Devices.Requests[0].Exactly.Count, "the template's defaults")
	assert.True(t, metav1.IsControlledBy(claim, objects.Pods[0]))
}

func TestDefaultStorageClass(t *testing.T) {
	class := func(name, created, annotation string) string {
		return fmt.Sprintf("{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: p, metadata: {name: %s, creationTimestamp: %s, annotations: {%s: \"true\"}}}\n---\n", name, created, annotation)
	}
	claim := func(name, spec string) string {
		return "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: " + name + "}, spec: {" + spec + "}}\n---\n"
	}
	objects := mustRead(t, class("old", "2025-01-01T00:00:00Z", defaultClassAnnotation)+class("new-b", "2026-01-01T00:00:00Z", defaultClassAnnotation)+
		class("new-a", "2026-01-01T00:00:00Z", betaDefaultClassAnnotation)+class("newest", "2027-01-01T00:00:00Z", "unrelated")+
		claim("plain", "")+claim("named", "storageClassName: old")+claim("static", `storageClassName: ""`)+claim("bound", "volumeName: pv"))
	got := map[string]string{}
	for _, c := range objects.PersistentVolumeClaims {
		got[c.Name] = "none"
		if c.Spec.StorageClassName != nil {
			got[c.Name] = *c.Spec.StorageClassName
		}
	}
	assert.Equal(t, map[string]string{"plain": "new-a", "named": "old", "static": "", "bound": "none"}, got)
	assert.NotNil(t, objects.StorageClasses[0].VolumeBindingMode, "defaulted: the scheduler refuses a class without it")
}
