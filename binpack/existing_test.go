package binpack

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// ownedBy makes a pod one of a DaemonSet.
func ownedBy(set string) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: set, UID: "ds", Controller: ptr.To(true)}}
	}
}

func TestRoomOfTodayIsUsedFirst(t *testing.T) {
	t.Run("what is free is enough", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "1", "1Gi"),
			simtest.Node("n", "4", "16Gi"), simtest.Pod("runs", "1", "1Gi", simtest.On("n")))...))
		assert.Empty(t, p.Add)
		require.Len(t, p.Existing, 1)
		assert.Equal(t, []string{"default/web-0", "default/web-1", "default/web-2"}, p.Existing[0].Pods)
		assert.Zero(t, p.LowerBound.PricePerHour)
		assert.Zero(t, p.LowerBound.Gap)
	})
	t.Run("machines for the rest", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(7, "web", "1", "1Gi"),
			simtest.Node("n", "4", "16Gi"), simtest.Pod("runs", "1", "1Gi", simtest.On("n")))...))
		assert.Len(t, p.Add, 1)
		assert.Equal(t, []int{3, 4}, perMachine(p, "web"))
	})
	t.Run("the pods that save most go there", func(t *testing.T) {
		// On the node the big pod saves a big machine, the small ones a small one.
		catalog := sells(t, offer("big", 8, 32, 0.4), offer("small", 2, 8, 0.1))
		p := scaleUp(t, request(t, catalog, append(pods(4, "small", "2", "1Gi"), simtest.Pod("big", "8", "1Gi"), simtest.Node("n", "8", "32Gi"))...))
		assert.InDelta(t, 0.4, p.PricePerHour.Added, 1e-9)
	})
	for name, change := range map[string]func(*v1.Node){
		"not a cordoned node":               simtest.Cordoned,
		"not a node with a taint":           simtest.Taint("maintenance:NoSchedule"),
		"not one that drives pods out":      simtest.Taint("maintenance:NoExecute"),
		"not one without the right label":   simtest.NodeLabel("kubernetes.io/os", "windows"),
		"not one with no pods left to give": simtest.Offers(v1.ResourcePods, "0"),
	} {
		t.Run(name, func(t *testing.T) {
			p := scaleUp(t, request(t, small(t), simtest.Pod("web", "1", "1Gi", simtest.Selects("kubernetes.io/os", "linux")),
				simtest.Node("n", "4", "16Gi", simtest.NodeLabel("kubernetes.io/os", "linux"), change)))
			assert.Len(t, p.Add, 1)
			assert.Empty(t, p.Existing)
		})
	}
	t.Run("a preferred taint does not keep pods out", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "1", "1Gi"), simtest.Node("n", "4", "16Gi", simtest.Taint("hot:PreferNoSchedule"))))
		assert.Empty(t, p.Add)
	})
	t.Run("a node that is overcommitted takes what asks for nothing there", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("memory", "", "1Gi"), simtest.Pod("cpu", "1", ""),
			simtest.Node("n", "4", "16Gi"), simtest.Pod("runs", "6", "1Gi", simtest.On("n"))))
		assert.Equal(t, "n", placeOf(p, "memory"))
		assert.Len(t, p.Add, 1)
	})
	t.Run("pods that ended hold no room, pods on unknown nodes neither", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "4", "1Gi"), simtest.Node("n", "4", "16Gi"),
			simtest.Pod("ended", "4", "1Gi", simtest.On("n"), func(pod *v1.Pod) { pod.Status.Phase = v1.PodSucceeded }),
			simtest.Pod("lost", "4", "1Gi", simtest.On("gone"))))
		assert.Equal(t, "n", placeOf(p, "web"))
	})
	t.Run("a DaemonSet pod that waits for its node gets it", func(t *testing.T) {
		objects := append(pods(4, "web", "1", "1Gi"), simtest.Node("n", "4", "16Gi"), daemonSet("agent", "1", "1Gi"),
			simtest.Pod("agent-n", "1", "1Gi", simtest.Priority(100), ownedBy("agent"), simtest.RequiresNodeNamed("n")))
		p := scaleUp(t, request(t, small(t), objects...))
		assert.Equal(t, "n", placeOf(p, "agent-n"))
		assert.Equal(t, []int{1, 3}, perMachine(p, "web"))
	})
	t.Run("a DaemonSet pod whose node is full is nobody's reason to buy", func(t *testing.T) {
		objects := list(simtest.Node("n", "4", "16Gi"), daemonSet("agent", "1", "1Gi"), simtest.Pod("runs", "4", "1Gi", simtest.On("n")),
			simtest.Pod("agent-n", "1", "1Gi", ownedBy("agent"), simtest.RequiresNodeNamed("n")))
		p := scaleUp(t, request(t, small(t), objects...))
		assert.Empty(t, p.Add)
		assert.Equal(t, []string{"agent-n"}, left(p))
		assert.Contains(t, p.Unschedulable[0].Summary, "1 Insufficient cpu")
	})
	t.Run("no catalogue is needed for that", func(t *testing.T) {
		r := request(t, sells(t), simtest.Pod("web", "1", "1Gi"), simtest.Pod("big", "8", "1Gi"), simtest.Node("n", "4", "16Gi"))
		p := scaleUp(t, r)
		assert.Equal(t, "n", placeOf(p, "web"))
		assert.Equal(t, []string{"big"}, left(p))
		assert.Equal(t, []string{"* ScaleUp: nothing can be bought: no NodeGroup admits an available offering"}, reasonsOf(t, p, "big"))
		assert.Equal(t, "0/1 nodes are available: 1 Insufficient cpu.", p.Unschedulable[0].Summary)
	})
}

func TestHostPorts(t *testing.T) {
	t.Run("one pod per machine", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(3, "web", "1", "1Gi", simtest.HostPort(80))...))
		assert.Equal(t, []int{1, 1, 1}, perMachine(p, "web"))
	})
	t.Run("different ports share", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(2, "web", "1", "1Gi", simtest.HostPort(80)), pods(2, "dns", "1", "1Gi", simtest.HostPort(53))...)...))
		assert.Len(t, p.Add, 2)
	})
	t.Run("different protocols share", func(t *testing.T) {
		udp := func(pod *v1.Pod) { pod.Spec.Containers[0].Ports[0].Protocol = v1.ProtocolUDP }
		p := scaleUp(t, request(t, small(t), simtest.Pod("tcp", "1", "1Gi", simtest.HostPort(53)), simtest.Pod("udp", "1", "1Gi", simtest.HostPort(53), udp)))
		assert.Len(t, p.Add, 1)
	})
	t.Run("different addresses may be kept apart, the any address must be", func(t *testing.T) {
		at := func(ip string) func(*v1.Pod) {
			return func(pod *v1.Pod) { pod.Spec.Containers[0].Ports[0].HostIP = ip }
		}
		p := scaleUp(t, request(t, small(t), simtest.Pod("one", "1", "1Gi", simtest.HostPort(80), at("10.0.0.1")), simtest.Pod("all", "1", "1Gi", simtest.HostPort(80))))
		assert.Len(t, p.Add, 2)
	})
	t.Run("not beside who has it on a node of today", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "1", "1Gi", simtest.HostPort(80)), simtest.Node("n", "4", "16Gi"),
			simtest.Pod("runs", "1", "1Gi", simtest.HostPort(80), simtest.On("n"))))
		assert.Len(t, p.Add, 1)
	})
	t.Run("of a DaemonSet on every new machine", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("web", "1", "1Gi", simtest.HostPort(80)), daemonSet("proxy", "1", "1Gi", simtest.HostPort(80))))
		assert.Equal(t, []string{"* NodePorts: node(s) didn't have free ports for the requested pod ports"}, reasonsOf(t, p, "web"))
	})
	t.Run("of a sidecar", func(t *testing.T) {
		sidecar := func(pod *v1.Pod) {
			pod.Spec.InitContainers = []v1.Container{{Name: "s", RestartPolicy: ptr.To(v1.ContainerRestartPolicyAlways),
				Ports: []v1.ContainerPort{{ContainerPort: 80, HostPort: 80, Protocol: v1.ProtocolTCP}}}}
		}
		p := scaleUp(t, request(t, small(t), pods(2, "web", "1", "1Gi", sidecar)...))
		assert.Len(t, p.Add, 2)
	})
}

// csiNode lets a driver attach at most count volumes to a node of today.
func csiNode(node, driver string, count int32) *storagev1.CSINode {
	return simulator.AttachLimit(node, driver, count, "region")
}

func TestAttachLimitOfANodeOfToday(t *testing.T) {
	objects := list(simtest.StorageClass("fast", CSIDriver), simtest.Node("n", "4", "16Gi"), csiNode("n", CSIDriver, 3))
	for _, name := range []string{"one", "two"} {
		volume := simtest.PV("pv-"+name, "fast", host, "n", func(v *v1.PersistentVolume) {
			v.Spec.Local, v.Spec.NodeAffinity = nil, nil
			v.Spec.CSI = &v1.CSIPersistentVolumeSource{Driver: CSIDriver, VolumeHandle: name}
			v.Spec.ClaimRef = &v1.ObjectReference{Namespace: "default", Name: name, UID: "pvc/" + "x"}
		})
		claim := simtest.PVC(name, "fast", simtest.BoundTo("pv-"+name))
		volume.Spec.ClaimRef.UID = claim.UID
		objects = append(objects, volume, claim, simtest.Pod("runs-"+name, "100m", "1Gi", simtest.Mounts(name), simtest.On("n")))
	}
	objects = append(objects, simtest.PVC("new-0", "fast"), simtest.PVC("new-1", "fast"),
		simtest.Pod("web-0", "100m", "1Gi", simtest.Mounts("new-0")), simtest.Pod("web-1", "100m", "1Gi", simtest.Mounts("new-1")))
	p := scaleUp(t, request(t, small(t), objects...))
	assert.Equal(t, []int{1, 1}, perMachine(p, "web"), "one more volume fits the node, the other needs a machine")
	assert.Len(t, p.Add, 1)
	assert.Len(t, p.Existing, 1)
}
