package example_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// simulate makes the cluster as kube-scheduler would find it, and the pending
// pods of each workload.
func (c *cluster) simulate(t *testing.T) (*simulator.Cluster, map[string][]*v1.Pod) {
	t.Helper()
	objects := simulator.Objects{
		Nodes: values(c.nodes), Pods: slices.Clone(c.running), Namespaces: values(c.namespaces), Services: values(c.services),
		DaemonSets: values(c.daemonSets), PersistentVolumes: values(c.volumes), PersistentVolumeClaims: values(c.claims),
		StorageClasses: values(c.storageClasses), CSINodes: values(c.csiNodes), CSIDrivers: values(c.drivers),
		PriorityClasses: values(c.priorityClasses), PodDisruptionBudgets: c.budgets,
	}
	for _, p := range objects.Pods {
		corev1.SetObjectDefaults_Pod(p)
	}
	byWorkload := map[string][]*v1.Pod{}
	for _, name := range sortedKeys(c.workloads) {
		w := c.workloads[name]
		for i := range w.pods {
			pod, claims := c.podOf(w, i)
			for _, claim := range claims {
				if c.claims[key(claim)] == nil {
					objects.PersistentVolumeClaims = append(objects.PersistentVolumeClaims, claim)
				}
			}
			objects.Pods = append(objects.Pods, pod)
			byWorkload[name] = append(byWorkload[name], pod)
		}
	}
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	simulated, err := simulator.New(t.Context(), objects, config)
	require.NoError(t, err)
	return simulated, byWorkload
}

// podOf is the i-th pod of a workload and the claims that come with it.
func (c *cluster) podOf(w workload, i int) (*v1.Pod, []*v1.PersistentVolumeClaim) {
	pod := &v1.Pod{ObjectMeta: *w.pod.ObjectMeta.DeepCopy(), Spec: *w.pod.Spec.DeepCopy()}
	pod.Namespace, pod.Name = w.object.GetNamespace(), fmt.Sprintf("%s-%d", w.object.GetName(), i)
	pod.UID = types.UID(key(pod))
	class := c.priorityClasses[cmp.Or(pod.Spec.PriorityClassName, "standard")]
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = &class.Value, class.PreemptionPolicy
	var claims []*v1.PersistentVolumeClaim
	for _, template := range w.claims {
		claim := template.DeepCopy()
		claim.Namespace, claim.Name = pod.Namespace, template.Name+"-"+pod.Name
		claim.UID = types.UID(key(claim))
		className := c.className(claim.Spec)
		claim.Spec.StorageClassName = &className
		claims = append(claims, claim)
		pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: template.Name, VolumeSource: v1.VolumeSource{
			PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}})
	}
	corev1.SetObjectDefaults_Pod(pod)
	return pod, claims
}

// machine is one thing that a NodeGroup may buy.
type machine struct {
	group    *v1alpha1.NodeGroup
	offering *offerings.Offering
	place    *offerings.Datacenter
}

// machines lists what can be bought, largest first: few machines are enough.
func (c *cluster) machines(catalog *offerings.Catalog) []machine {
	sells := map[string]func(o *offerings.Offering) bool{
		"general": func(o *offerings.Offering) bool { return o.Category != "gpu" && o.Capacity.MemoryBytes > 3<<30 },
		"db":      func(o *offerings.Offering) bool { return o.Category == "memory" },
		"gpu":     func(o *offerings.Offering) bool { return o.Category == "gpu" },
		"edge":    func(o *offerings.Offering) bool { return o.Name == "std-2c4g" },
	}
	var all []machine
	for _, name := range sortedKeys(c.groups) {
		group := c.groups[name]
		for i := range catalog.Offerings {
			for j := range catalog.Datacenters {
				m := machine{group, &catalog.Offerings[i], &catalog.Datacenters[j]}
				if sells[name](m.offering) && m.offering.AvailableIn(m.place.ID) && slices.Contains(group.Spec.DatacenterIDs, m.place.ID) {
					all = append(all, m)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b machine) int {
		return cmp.Compare(b.offering.Allocatable.MilliCPU, a.offering.Allocatable.MilliCPU)
	})
	return all
}

func (c *cluster) spec(m machine, name string) simulator.NodeSpec {
	room := m.offering.Allocatable
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: nodeLabels(name, m.group, m.offering, m.place)},
		Status: v1.NodeStatus{Allocatable: v1.ResourceList{
			v1.ResourceCPU:              *resource.NewMilliQuantity(room.MilliCPU, resource.DecimalSI),
			v1.ResourceMemory:           *resource.NewQuantity(room.MemoryBytes, resource.BinarySI),
			v1.ResourceEphemeralStorage: *resource.NewQuantity(room.EphemeralBytes, resource.BinarySI),
			v1.ResourcePods:             *resource.NewQuantity(room.MaxPods, resource.DecimalSI),
		}},
	}
	for extended, n := range room.Extended {
		node.Status.Allocatable[v1.ResourceName(extended)] = *resource.NewQuantity(n, resource.DecimalSI)
	}
	for _, taint := range m.group.Spec.Taints {
		node.Spec.Taints = append(node.Spec.Taints, taint.CoreV1())
	}
	return simulator.NodeSpec{
		Node:    node,
		CSINode: simulator.AttachLimit(name, "vpsie.csi.vpsie.com", 7, "region"),
		Pods:    simulator.DaemonPods(node, values(c.daemonSets)),
	}
}

// A buyer without any cleverness, asking the real plugins, serves every pod
// but those that are meant to stay pending: so a plan that leaves another pod
// unserved is at fault, not the example.
func TestEveryPodButTheMistakesCanBeServed(t *testing.T) {
	c := load(t)
	simulated, byWorkload := c.simulate(t)
	workloadOf := map[types.UID]string{}
	for name, pods := range byWorkload {
		for _, pod := range pods {
			workloadOf[pod.UID] = name
		}
	}
	machines := c.machines(offerings.Sample())
	nodes := map[string]int32{}
	for _, node := range c.nodes {
		nodes[node.Labels["autoscaler.vpsie.com/nodegroup"]]++
	}
	unserved := map[string]int{}
	for _, pod := range simulated.Pending() {
		if gate, _ := simulated.Gated(pod); gate == "" && pod.Spec.SchedulerName == v1.DefaultSchedulerName {
			if place(t, simulated, pod) {
				continue
			}
			if group := c.buy(t, simulated, pod, machines, sum(nodes)); group != "" {
				nodes[group]++
				continue
			}
		}
		unserved[workloadOf[pod.UID]]++
	}

	want := map[string]int{"data/report-builder": 3, "data/backfill-2019": 1}
	for name, w := range c.workloads {
		if w.mistake() != "" {
			want[name] = w.pods
		}
	}
	assert.Equal(t, want, unserved)
	for name, n := range nodes {
		assert.LessOrEqual(t, n, c.groups[name].Spec.MaxNodes, "nodes of NodeGroup %s", name)
	}
}

// place puts a pod onto the first node that takes it.
func place(t *testing.T, simulated *simulator.Cluster, pod *v1.Pod) bool {
	t.Helper()
	cycle, err := simulated.Cycle(pod)
	require.NoError(t, err, key(pod))
	if cycle.Refused() != nil {
		return false
	}
	for _, node := range simulated.NodeNames() {
		if cycle.Filter(node).IsSuccess() {
			require.NoError(t, cycle.Place(node), key(pod))
			return true
		}
	}
	return false
}

// buy adds the first machine that takes the pod, and returns its group.
func (c *cluster) buy(t *testing.T, simulated *simulator.Cluster, pod *v1.Pod, machines []machine, serial int32) string {
	t.Helper()
	for _, m := range machines {
		simulated.Fork()
		require.NoError(t, simulated.AddNode(c.spec(m, fmt.Sprintf("vpsie-%s-%d", m.group.Name, serial))))
		if place(t, simulated, pod) {
			simulated.Commit()
			return m.group.Name
		}
		simulated.Revert()
	}
	return ""
}

// The table in the documentation quotes kube-scheduler.
func TestTheDocumentationQuotesTheScheduler(t *testing.T) {
	c := load(t)
	simulated, byWorkload := c.simulate(t)
	text, err := os.ReadFile("../../../docs/example-cluster.md")
	require.NoError(t, err)
	for name, w := range c.workloads {
		if w.mistake() == "" {
			continue
		}
		summary, err := simulated.Summary(byWorkload[name][0])
		require.NoError(t, err, name)
		assert.Contains(t, string(text), fmt.Sprintf("| `%s` | %s | `%s` |", name, w.mistake(), summary))
	}
}

func sum(counts map[string]int32) (total int32) {
	for _, n := range counts {
		total += n
	}
	return total
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// values lists a map's values by key.
func values[V any](m map[string]V) []V {
	all := make([]V, 0, len(m))
	for _, k := range sortedKeys(m) {
		all = append(all, m[k])
	}
	return all
}
