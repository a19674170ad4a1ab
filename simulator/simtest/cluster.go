package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Objects sorts API objects into the simulator's lists. A kind that it does not
// know fails the test.
func Objects(t testing.TB, objects ...runtime.Object) simulator.Objects {
	t.Helper()
	var o simulator.Objects
	for _, object := range objects {
		switch object := object.(type) {
		case *v1.Node:
			o.Nodes = append(o.Nodes, object)
		case *v1.Pod:
			o.Pods = append(o.Pods, object)
		case *v1.Namespace:
			o.Namespaces = append(o.Namespaces, object)
		case *v1.Service:
			o.Services = append(o.Services, object)
		case *v1.PersistentVolume:
			o.PersistentVolumes = append(o.PersistentVolumes, object)
		case *v1.PersistentVolumeClaim:
			o.PersistentVolumeClaims = append(o.PersistentVolumeClaims, object)
		case *storagev1.StorageClass:
			o.StorageClasses = append(o.StorageClasses, object)
		case *storagev1.CSINode:
			o.CSINodes = append(o.CSINodes, object)
		case *storagev1.CSIDriver:
			o.CSIDrivers = append(o.CSIDrivers, object)
		case *storagev1.CSIStorageCapacity:
			o.CSIStorageCapacities = append(o.CSIStorageCapacities, object)
		case *storagev1.VolumeAttachment:
			o.VolumeAttachments = append(o.VolumeAttachments, object)
		case *resourcev1.ResourceSlice:
			o.ResourceSlices = append(o.ResourceSlices, object)
		case *resourcev1.ResourceClaim:
			o.ResourceClaims = append(o.ResourceClaims, object)
		case *resourcev1.ResourceClaimTemplate:
			o.ResourceClaimTemplates = append(o.ResourceClaimTemplates, object)
		case *resourcev1.DeviceClass:
			o.DeviceClasses = append(o.DeviceClasses, object)
		case *resourcev1.DeviceTaintRule:
			o.DeviceTaintRules = append(o.DeviceTaintRules, object)
		case *appsv1.DaemonSet:
			o.DaemonSets = append(o.DaemonSets, object)
		case *policyv1.PodDisruptionBudget:
			o.PodDisruptionBudgets = append(o.PodDisruptionBudgets, object)
		default:
			require.Failf(t, "simtest", "no list for %T", object)
		}
	}
	return o
}

// Cluster is a simulated cluster of the objects under kube-scheduler's default
// configuration.
func Cluster(t testing.TB, objects ...runtime.Object) *simulator.Cluster {
	t.Helper()
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	return Configured(t, config, objects...)
}

// Configured is Cluster under another configuration.
func Configured(t testing.TB, config *simulator.SchedulerConfig, objects ...runtime.Object) *simulator.Cluster {
	t.Helper()
	c, err := simulator.New(t.Context(), Objects(t, objects...), config)
	require.NoError(t, err)
	return c
}

// Config parses a KubeSchedulerConfiguration's fields, without its header.
func Config(t testing.TB, fields string) *simulator.SchedulerConfig {
	t.Helper()
	config, err := simulator.ParseSchedulerConfig([]byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n" + fields))
	require.NoError(t, err)
	return config
}

// Pending finds a pending pod of the cluster by name, completed as the
// simulator completed it.
func Pending(t testing.TB, c *simulator.Cluster, name string) *v1.Pod {
	t.Helper()
	for _, pod := range c.Pending() {
		if pod.Name == name {
			return pod
		}
	}
	require.Failf(t, "simtest", "no pending pod %s", name)
	return nil
}

// Fits names the nodes that all of the scheduler's filters let the pod onto, in
// the cluster's order.
func Fits(t testing.TB, c *simulator.Cluster, pod *v1.Pod) []string {
	t.Helper()
	cycle, err := c.Cycle(pod)
	require.NoError(t, err)
	var fits []string
	for _, node := range c.NodeNames() {
		if cycle.Filter(node).IsSuccess() {
			fits = append(fits, node)
		}
	}
	return fits
}

// Place lets the pod through PreFilter and Filter onto a node and fails the
// test if they refuse it.
func Place(t testing.TB, c *simulator.Cluster, pod *v1.Pod, node string) {
	t.Helper()
	cycle, err := c.Cycle(pod)
	require.NoError(t, err)
	if status := cycle.Filter(node); !status.IsSuccess() {
		require.Failf(t, "simtest", "%s on %s: %s: %s", pod.Name, node, status.Plugin(), status.Message())
	}
	require.NoError(t, cycle.Place(node))
}

// Refusal is what kube-scheduler's first refusing plugin says of the pod on a
// node, "Plugin: message"; "" when the pod fits.
func Refusal(t testing.TB, c *simulator.Cluster, pod *v1.Pod, node string) string {
	t.Helper()
	cycle, err := c.Cycle(pod)
	require.NoError(t, err)
	status := cycle.Filter(node)
	if status.IsSuccess() {
		return ""
	}
	return status.Plugin() + ": " + status.Message()
}

// Summary is the scheduler's FailedScheduling message for the pod.
func Summary(t testing.TB, c *simulator.Cluster, pod *v1.Pod) string {
	t.Helper()
	summary, err := c.Summary(pod)
	require.NoError(t, err)
	return summary
}

// Reasons lists all plugins that refuse the pod on a node, each as "Plugin: message".
func Reasons(t testing.TB, c *simulator.Cluster, pod *v1.Pod, node string) []string {
	t.Helper()
	probe, err := c.Probe(pod)
	require.NoError(t, err)
	var lines []string
	for _, reason := range probe.Reasons(node) {
		lines = append(lines, reason.Plugin+": "+reason.Message)
	}
	return lines
}
