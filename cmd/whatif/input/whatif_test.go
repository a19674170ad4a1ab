package input

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

const cluster = `
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {allocatable: {cpu: 4}}}
---
{apiVersion: v1, kind: Node, metadata: {name: n2}, spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}, status: {allocatable: {cpu: 4}}}
---
{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: n1}, spec: {drivers: []}}
---
{apiVersion: storage.k8s.io/v1, kind: VolumeAttachment, metadata: {name: a}, spec: {attacher: x, nodeName: n1, source: {persistentVolumeName: pv}}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: s}, spec: {driver: d, nodeName: n1, pool: {name: p, resourceSliceCount: 1}}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: pv}}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: gold}, value: 7}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, uid: db}, spec: {replicas: 2, serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: i}]}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db-0, uid: u1, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: db, controller: true}]}, spec: {nodeName: n1}, status: {phase: Running, podIP: 10.0.0.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db-1, uid: u2, deletionTimestamp: "2026-01-01T00:00:00Z", ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: db, controller: true}]}, spec: {nodeName: n1}, status: {phase: Running}}
---
{apiVersion: v1, kind: Pod, metadata: {name: leaving, uid: u3, deletionTimestamp: "2026-01-01T00:00:00Z"}, spec: {nodeName: n1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: agent, uid: u4, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: x, controller: true}]}, spec: {nodeName: n1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: etcd-n1, uid: u5, annotations: {kubernetes.io/config.mirror: h}}, spec: {nodeName: n1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: proxy-n1, uid: u6, ownerReferences: [{apiVersion: v1, kind: Node, name: n1, uid: x, controller: true}]}, spec: {nodeName: n1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: elsewhere, uid: u7}, spec: {nodeName: n2}}
---
{apiVersion: v1, kind: Pod, metadata: {name: waiting, uid: u8}, status: {nominatedNodeName: n1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: gpu, uid: u9}, spec: {nodeName: n1}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: alone}, spec: {}, status: {allocation: {}, reservedFor: [{resource: pods, name: gpu, uid: u9}]}}
---
{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {name: shared}, spec: {}, status: {allocation: {}, reservedFor: [{resource: pods, name: gpu, uid: u9}, {resource: pods, name: elsewhere, uid: u7}]}}
`

func TestRemoveNode(t *testing.T) {
	o := mustRead(t, cluster)
	before := *o
	beforePod := *podNamed(t, o, "default/db-0")

	evicted, err := RemoveNode(o, "n1")
	require.NoError(t, err)
	assert.Equal(t, 3, evicted)
	assert.Equal(t, []string{"default/db-0", "default/db-1", "default/elsewhere", "default/waiting", "default/gpu"}, podNames(o))
	for _, name := range []string{"default/db-0", "default/db-1", "default/gpu"} {
		pod := podNamed(t, o, name)
		assert.Empty(t, pod.Spec.NodeName)
		assert.Nil(t, pod.DeletionTimestamp)
		assert.Equal(t, v1.PodStatus{Phase: v1.PodPending}, pod.Status)
	}
	assert.Equal(t, "n2", podNamed(t, o, "default/elsewhere").Spec.NodeName)
	assert.Empty(t, podNamed(t, o, "default/waiting").Status.NominatedNodeName)
	require.Len(t, o.Nodes, 1)
	assert.Equal(t, "n2", o.Nodes[0].Name)
	assert.Empty(t, o.CSINodes)
	assert.Empty(t, o.VolumeAttachments)
	assert.Empty(t, o.ResourceSlices)
	assert.Len(t, o.PersistentVolumes, 1)
	assert.Nil(t, o.ResourceClaims[0].Status.Allocation, "nobody holds it any more")
	assert.NotNil(t, o.ResourceClaims[1].Status.Allocation)
	assert.Len(t, o.ResourceClaims[1].Status.ReservedFor, 1)

	t.Run("the objects that were there are unchanged", func(t *testing.T) {
		assert.Len(t, before.Nodes, 2)
		assert.Len(t, before.CSINodes, 1)
		assert.Equal(t, beforePod, *podNamed(t, &before, "default/db-0"))
		assert.Equal(t, "n1", podNamed(t, &before, "default/waiting").Status.NominatedNodeName)
		assert.NotNil(t, before.ResourceClaims[0].Status.Allocation)
	})
	_, err = RemoveNode(o, "n1")
	assert.EqualError(t, err, `no node "n1" in the cluster of 1 nodes`)
}

func TestCordon(t *testing.T) {
	o := mustRead(t, cluster)
	node := o.Nodes[0]
	for _, name := range []string{"n1", "n2"} {
		require.NoError(t, Cordon(o, name))
	}
	for _, node := range o.Nodes {
		assert.True(t, node.Spec.Unschedulable)
		assert.Equal(t, []v1.Taint{{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}}, node.Spec.Taints)
	}
	assert.False(t, node.Spec.Unschedulable, "the node that was there is unchanged")
	assert.EqualError(t, Cordon(o, "n3"), `no node "n3" in the cluster of 2 nodes`)
}

// add adds a file of that content.
func add(t testing.TB, o *simulator.Objects, content string, replicas int32) (*Notes, error) {
	path := filepath.Join(t.TempDir(), "add.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	var opts AddOptions
	if replicas != 0 {
		opts.Replicas = &replicas
	}
	notes, err := Add(o, []string{path}, opts)
	return notes, shortened(err, path)
}

func TestAdd(t *testing.T) {
	const spec = `containers: [{name: c, image: i}]`
	const deployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2, paused: true, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {priorityClassName: gold, ` + spec + `}}}}`
	const job = `{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {suspend: true, completions: 3, parallelism: 2, template: {spec: {restartPolicy: Never, ` + spec + `}}}}`
	const indexed = `{apiVersion: batch/v1, kind: Job, metadata: {name: j, uid: j}, spec: {completionMode: Indexed, completions: 3, parallelism: 2, template: {spec: {restartPolicy: Never, ` + spec + `}}}, status: {succeeded: 1, completedIndexes: "0"}}`
	const cron = `{apiVersion: batch/v1, kind: CronJob, metadata: {name: cj}, spec: {suspend: true, schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, ` + spec + `}}}}}}`
	const queue = `{apiVersion: batch/v1, kind: Job, metadata: {name: j, uid: j}, spec: {parallelism: 2, template: {spec: {restartPolicy: Never, ` + spec + `}}}, status: {succeeded: 1}}`
	const sts = `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {replicas: 2, serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {` + spec + `}}}}`
	const rs = `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r, uid: r}, spec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {` + spec + `}}}}`
	const pod = `{apiVersion: v1, kind: Pod, metadata: {name: solo}, spec: {nodeName: n1, ` + spec + `}}`
	for _, c := range []struct {
		name, content string
		replicas      int32
		want          []string
	}{
		{"Deployment, though paused", deployment, 0, []string{"web-HASH-0", "web-HASH-1"}},
		{"Deployment with replicas", deployment, 3, []string{"web-HASH-0", "web-HASH-1", "web-HASH-2"}},
		{"Job, though suspended", job, 0, []string{"j-0", "j-1"}},
		{"Job with replicas", job, 4, []string{"j-0", "j-1", "j-2", "j-3"}},
		{"Job with indexes, as if it had not run", indexed, 0, []string{"j-0", "j-1"}},
		{"Job with indexes and replicas", indexed, 4, []string{"j-0", "j-1", "j-2", "j-3"}},
		{"Job with a work queue, as if it had not run", queue, 0, []string{"j-0", "j-1"}},
		{"CronJob, though suspended", cron, 2, []string{"cj-0-0", "cj-0-1"}},
		{"StatefulSet beyond the ordinals there are", sts, 0, []string{"db-2", "db-3"}},
		{"StatefulSet with replicas", sts, 1, []string{"db-2"}},
		{"a pod, pending", pod, 0, []string{"solo"}},
		{"copies of a pod", pod, 2, []string{"solo-0", "solo-1"}},
		{"a ReplicaSet with the pods it has where it is from", rs + "\n---\n" + owned("r-x", "ReplicaSet", "r", ""), 2, []string{"r-0", "r-1"}},
		{"a DaemonSet alone adds no pods here", strings.Replace(rs, "kind: ReplicaSet, metadata: {name: r, uid: r}, spec: {replicas: 1, ", "kind: DaemonSet, metadata: {name: r, uid: r}, spec: {", 1), 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := mustRead(t, cluster)
			before := len(o.Pods)
			notes, err := add(t, o, c.content, c.replicas)
			require.NoError(t, err)
			var got []string
			for _, pod := range o.Pods[before:] {
				name := pod.Name
				if hash := pod.Labels["pod-template-hash"]; hash != "" {
					name = strings.Replace(name, hash, "HASH", 1)
					assert.Equal(t, int32(7), *pod.Spec.Priority, "the cluster's PriorityClass")
				}
				got = append(got, name)
				assert.Empty(t, pod.Spec.NodeName)
				assert.Equal(t, v1.PodPending, pod.Status.Phase)
			}
			assert.Equal(t, c.want, got)
			if c.want == nil {
				assert.Equal(t, []string{"no pods added: the files ask for none"}, notes.Lines())
			}
		})
	}
}

func TestAddTwiceFindsFreeNames(t *testing.T) {
	o := mustRead(t, cluster)
	content := `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: new}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}`
	for range 2 {
		_, err := add(t, o, content, 0)
		require.NoError(t, err)
	}
	assert.Len(t, o.ReplicaSets, 1)
	assert.True(t, strings.HasSuffix(o.Pods[len(o.Pods)-1].Name, "-1"))
	assert.Equal(t, "new", o.Namespaces[len(o.Namespaces)-1].Name)
}

func TestAddReplacesWhatIsNeitherPodNorNode(t *testing.T) {
	o := mustRead(t, cluster)
	before := *o
	_, err := add(t, o, `{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: gold}, value: 8}
---
{apiVersion: v1, kind: Node, metadata: {name: n3}, status: {allocatable: {cpu: 1}}}
`, 0)
	require.NoError(t, err)
	require.Len(t, o.PriorityClasses, 1)
	assert.Equal(t, int32(8), o.PriorityClasses[0].Value)
	assert.Equal(t, int32(7), before.PriorityClasses[0].Value)
	assert.Len(t, o.Nodes, 3)
	assert.Len(t, before.Nodes, 2)
}

func TestRefusedAdditions(t *testing.T) {
	for _, c := range []struct {
		name, content string
		replicas      int32
		want          string
	}{
		{"a node that is there", "{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {allocatable: {cpu: 1}}}", 0, `add.yaml:1: Node n1: in the cluster already`},
		{"pods that are there, the first by line", "{apiVersion: v1, kind: Pod, metadata: {name: gpu}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: db-0}}", 0, `add.yaml:1: Pod default/gpu: in the cluster already`},
		{"a pod that the API server would refuse", "{apiVersion: v1, kind: Pod, metadata: {name: p}}", 3, `add.yaml:1: Pod default/p: spec.containers: Required value`},
		{"a pod of an unknown class", "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {priorityClassName: silver}}", 0, `add.yaml:1:57: Pod default/p: spec.priorityClassName: no PriorityClass "silver" in the input`},
		{"a workload that the API server would refuse", "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d}}", 0, "add.yaml:1: DaemonSet default/d: spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels` (and 1 more)"},
		{"nothing that matters", "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}", 0, `nothing to add: no Kubernetes objects that matter to scheduling in add.yaml`},
		{"no replicas", onePod, -1, `-1 replicas: must be from 1 to 1000000`},
		{"twice the same", onePod + "---\n" + onePod, 0, `add.yaml:8: Pod default/web: there already (add.yaml:1)`},
		{"not YAML", "{", 0, `add.yaml:1:2: truncated JSON: it ends where a closing bracket should follow`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := mustRead(t, cluster)
			before := *o
			_, err := add(t, o, c.content, c.replicas)
			require.Error(t, err)
			assert.Equal(t, c.want, strings.Split(err.Error(), ": must consist")[0])
			assert.Equal(t, before, *o, "unchanged on error")
		})
	}
}
