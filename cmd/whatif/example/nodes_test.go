package example_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corehelpers "k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// nodeLabels are the labels of a machine of this kind, whenever it is bought.
func nodeLabels(name string, group *v1alpha1.NodeGroup, offering *offerings.Offering, place *offerings.Datacenter) map[string]string {
	set := map[string]string{
		"autoscaler.vpsie.com/nodegroup": group.Name,
		"kubernetes.io/hostname":         name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
		"node.kubernetes.io/instance-type": offering.Name, "beta.kubernetes.io/instance-type": offering.Name,
		"topology.kubernetes.io/zone": place.ID, "topology.kubernetes.io/region": place.Region, "region": place.ID,
	}
	maps.Copy(set, offering.Labels)
	for label, value := range group.Spec.Labels {
		set[label] = string(value)
	}
	return set
}

// A node of today must look as a new machine of its NodeGroup and offering
// will, or pods would fit the one and not the other.
func TestNodesAreWhatTheirNodeGroupWouldBuy(t *testing.T) {
	c := load(t)
	catalog := offerings.Sample()
	perGroup := map[string]int32{}
	for name, node := range c.nodes {
		group := c.groups[node.Labels["autoscaler.vpsie.com/nodegroup"]]
		require.NotNil(t, group, "%s: NodeGroup", name)
		perGroup[group.Name]++
		offering := catalog.Offering(node.Labels[v1.LabelInstanceTypeStable])
		require.NotNil(t, offering, "%s: offering", name)
		zone := node.Labels[v1.LabelTopologyZone]
		assert.Contains(t, offering.Datacenters, zone, name)
		assert.Contains(t, group.Spec.DatacenterIDs, zone, name)
		if len(group.Spec.OfferingIDs) > 0 {
			assert.Contains(t, group.Spec.OfferingIDs, offering.Name, name)
		}

		assert.Equal(t, nodeLabels(name, group, offering, catalog.Datacenter(zone)), node.Labels, name)

		var taints []v1.Taint
		for _, taint := range group.Spec.Taints {
			taints = append(taints, taint.CoreV1())
		}
		if node.Spec.Unschedulable {
			taints = append(taints, v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule})
		}
		assert.Equal(t, taints, node.Spec.Taints, name)

		assert.Equal(t, offering.Allocatable.MilliCPU, node.Status.Allocatable.Cpu().MilliValue(), "%s: cpu", name)
		assert.Equal(t, offering.Allocatable.MemoryBytes, node.Status.Allocatable.Memory().Value(), "%s: memory", name)
		assert.Equal(t, offering.Allocatable.EphemeralBytes, node.Status.Allocatable.StorageEphemeral().Value(), "%s: ephemeral storage", name)
		assert.Equal(t, offering.Allocatable.MaxPods, node.Status.Allocatable.Pods().Value(), "%s: pods", name)
		assert.Equal(t, offering.Capacity.MilliCPU, node.Status.Capacity.Cpu().MilliValue(), "%s: cpu sold", name)
		assert.Equal(t, offering.Capacity.MemoryBytes, node.Status.Capacity.Memory().Value(), "%s: memory sold", name)
		for resourceName, n := range offering.Allocatable.Extended {
			quantity := node.Status.Allocatable[v1.ResourceName(resourceName)]
			assert.Equal(t, n, quantity.Value(), "%s: %s", name, resourceName)
		}

		csiNode := c.csiNodes[name]
		if assert.NotNil(t, csiNode, name) {
			driver := csiNode.Spec.Drivers[0]
			assert.Equal(t, "vpsie.csi.vpsie.com", driver.Name)
			assert.Equal(t, []string{"region"}, driver.TopologyKeys)
			assert.EqualValues(t, 7, *driver.Allocatable.Count)
		}
	}
	assert.Equal(t, len(c.nodes), len(c.csiNodes), "CSINodes")
	for name, group := range c.groups {
		assert.GreaterOrEqual(t, perGroup[name], group.Spec.MinNodes, "NodeGroup %s is complete today", name)
		assert.Less(t, perGroup[name], group.Spec.MaxNodes, "NodeGroup %s may grow", name)
		for _, id := range group.Spec.OfferingIDs {
			assert.NotNil(t, catalog.Offering(id), "NodeGroup %s: offering %s", name, id)
		}
		for _, id := range group.Spec.DatacenterIDs {
			assert.NotNil(t, catalog.Datacenter(id), "NodeGroup %s: datacenter %s", name, id)
		}
	}
}

func TestRunningPodsFitTheirNodes(t *testing.T) {
	c := load(t)
	for name, node := range c.nodes {
		requested := v1.ResourceList{}
		ports := map[int32]string{}
		attached, pods := 0, 0
		for _, p := range c.running {
			if p.Spec.NodeName != name {
				continue
			}
			pods++
			for resourceName, quantity := range corehelpers.PodRequests(p, corehelpers.PodResourcesOptions{}) {
				sum := requested[resourceName]
				sum.Add(quantity)
				requested[resourceName] = sum
			}
			for _, volume := range p.Spec.Volumes {
				attached++
				claim := c.claims[p.Namespace+"/"+volume.PersistentVolumeClaim.ClaimName]
				affinity, err := nodeaffinity.NewNodeSelector(c.volumes[claim.Spec.VolumeName].Spec.NodeAffinity.Required)
				require.NoError(t, err)
				assert.True(t, affinity.Match(node), "%s: the volume of %s is elsewhere", key(p), claim.Name)
			}
			for _, container := range p.Spec.Containers {
				for _, port := range container.Ports {
					assert.Empty(t, ports[port.HostPort], "%s: host port %d of %s is taken", name, port.HostPort, key(p))
					ports[port.HostPort] = key(p)
				}
			}
			matches, err := nodeaffinity.GetRequiredNodeAffinity(p).Match(node)
			require.NoError(t, err)
			assert.True(t, matches, "%s does not select %s", key(p), name)
			_, untolerated := corev1.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, p.Spec.Tolerations,
				func(taint *v1.Taint) bool { return taint.Key != v1.TaintNodeUnschedulable }, false)
			assert.False(t, untolerated, "%s does not tolerate the taints of %s", key(p), name)
		}
		requested[v1.ResourcePods] = *resource.NewQuantity(int64(pods), resource.DecimalSI)
		for resourceName, sum := range requested {
			allocatable := node.Status.Allocatable[resourceName]
			assert.LessOrEqual(t, sum.Cmp(allocatable), 0, "%s: %s of %s %s are requested", name, &sum, &allocatable, resourceName)
		}
		assert.LessOrEqual(t, attached, 7, "%s: volumes", name)
	}
}

// What a plan would otherwise have to add on the nodes of today.
func TestEveryNodeRunsItsDaemonSets(t *testing.T) {
	c := load(t)
	for name, ds := range c.daemonSets {
		where := map[string]int{}
		for _, p := range c.running {
			if owner := metav1.GetControllerOf(p); owner.UID == ds.UID {
				where[p.Spec.NodeName]++
				template := &v1.Pod{Spec: ds.Spec.Template.Spec}
				options := corehelpers.PodResourcesOptions{}
				assert.Equal(t, corehelpers.PodRequests(template, options), corehelpers.PodRequests(p, options), key(p))
			}
		}
		for _, node := range c.nodes {
			template := &v1.Pod{Spec: ds.Spec.Template.Spec}
			matches, err := nodeaffinity.GetRequiredNodeAffinity(template).Match(node)
			require.NoError(t, err)
			want := 0
			if matches {
				want = 1
			}
			assert.Equal(t, want, where[node.Name], "pods of %s on %s", name, node.Name)
		}
	}
}
