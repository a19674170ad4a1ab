package binpack

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// statefulSet is n pods with a claim each, as the controller names them.
func statefulSet(n int, name, class string, change ...func(*v1.Pod)) []runtime.Object {
	var objects []runtime.Object
	for i := range n {
		pod := fmt.Sprintf("%s-%d", name, i)
		objects = append(objects, simtest.PVC("data-"+pod, class), simtest.Pod(pod, "100m", "64Mi", append(change, simtest.Mounts("data-"+pod),
			simtest.Label("apps.kubernetes.io/pod-index", fmt.Sprint(i)), simtest.Label("statefulset.kubernetes.io/pod-name", pod))...))
	}
	return objects
}

func TestVolumesThatWaitForTheirPod(t *testing.T) {
	class := simtest.StorageClass("fast", CSIDriver)
	t.Run("eight need two machines of seven", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(statefulSet(8, "db", "fast"), class)...))
		assert.Len(t, p.Add, 2)
		assert.Equal(t, 1, p.Stats.Classes, "the pods of a StatefulSet are one class")
	})
	t.Run("seven need one", func(t *testing.T) {
		assert.Len(t, scaleUp(t, request(t, small(t), append(statefulSet(7, "db", "fast"), class)...)).Add, 1)
	})
	t.Run("ephemeral ones count too", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(8, "job", "100m", "64Mi", simtest.MountsEphemeral("scratch", "fast")), class)...))
		assert.Len(t, p.Add, 2)
		assert.Equal(t, 1, p.Stats.Classes)
	})
	t.Run("a driver without a limit has none", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(statefulSet(20, "db", "nfs"), simtest.StorageClass("nfs", "nfs.example.com"))...))
		assert.Len(t, p.Add, 1)
	})
	t.Run("a class for one zone", func(t *testing.T) {
		topology := func(class *storagev1.StorageClass) {
			class.AllowedTopologies = []v1.TopologySelectorTerm{{MatchLabelExpressions: []v1.TopologySelectorLabelRequirement{{Key: "region", Values: []string{"b"}}}}}
		}
		p := scaleUp(t, request(t, small(t), append(statefulSet(2, "db", "zonal"), simtest.StorageClass("zonal", CSIDriver, topology))...))
		assert.Equal(t, map[string]int{"b": 2}, zonesOf(p, "db"))
	})
	t.Run("with a zone spread", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(statefulSet(6, "db", "fast", appOf("db"), simtest.Spread(zone, 1, "db")), class)...))
		evenly(t, zonesOf(p, "db"), 2, 2, 2)
	})
	t.Run("two sizes are two classes", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), class, simtest.PVC("a", "fast"), simtest.PVC("b", "fast", simtest.Size("2Gi")),
			simtest.Pod("a", "1", "1Gi", simtest.Mounts("a")), simtest.Pod("b", "1", "1Gi", simtest.Mounts("b"))))
		assert.Equal(t, 2, p.Stats.Classes)
	})
}

func TestVolumesThatExist(t *testing.T) {
	t.Run("a bound one pins its pod to its zone", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.StorageClass("fast", CSIDriver), simtest.PV("pv", "fast", zone, "c"),
			simtest.PVC("data", "fast", simtest.BoundTo("pv")), simtest.Pod("db", "1", "1Gi", simtest.Mounts("data")), simtest.Pod("web", "1", "1Gi")))
		assert.Equal(t, "c", zoneOfPod(p, "db"))
		assert.Len(t, p.Add, 1, "the other pod goes along")
	})
	t.Run("a bound one whose zone nobody sells", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.StorageClass("fast", CSIDriver), simtest.PV("pv", "fast", zone, "gone"),
			simtest.PVC("data", "fast", simtest.BoundTo("pv")), simtest.Pod("db", "1", "1Gi", simtest.Mounts("data"))))
		require.Equal(t, []string{"db"}, left(p))
		assert.Equal(t, []string{"* VolumeBinding: node(s) didn't match PersistentVolume's node affinity"}, reasonsOf(t, p, "db"))
	})
	t.Run("a stock of one is taken by one pod", func(t *testing.T) {
		// Both claims could bind it; without a provisioner the other pod waits.
		local := simtest.StorageClass("local", "kubernetes.io/no-provisioner")
		p := scaleUp(t, request(t, small(t), append(statefulSet(2, "db", "local"), local, simtest.PV("pv", "local", zone, "b"))...))
		assert.Equal(t, map[string]int{"b": 1}, zonesOf(p, "db"))
		assert.Len(t, p.Unschedulable, 1)
	})
	t.Run("an unbound claim of a class that binds at once", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(statefulSet(1, "db", "now"), simtest.StorageClass("now", CSIDriver, simtest.Immediately))...))
		assert.Equal(t, []string{"* VolumeBinding: pod has unbound immediate PersistentVolumeClaims", "* VolumeZone: PersistentVolume had no name"}, reasonsOf(t, p, "db-0"))
	})
	t.Run("a claim that does not exist", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), simtest.Pod("db", "1", "1Gi", simtest.Mounts("missing")), simtest.Pod("web", "1", "1Gi")))
		assert.Equal(t, []string{"db"}, left(p))
		assert.Contains(t, p.Unschedulable[0].Summary, `persistentvolumeclaim "missing" not found`)
	})
	t.Run("bound ones count against the attach limit", func(t *testing.T) {
		objects := list(simtest.StorageClass("fast", CSIDriver))
		for i := range 8 {
			name := fmt.Sprint("v", i)
			claim := simtest.PVC(name, "fast", simtest.BoundTo(name))
			objects = append(objects, claim, simtest.PV(name, "fast", zone, "a", func(v *v1.PersistentVolume) {
				v.Spec.Local = nil
				v.Spec.CSI = &v1.CSIPersistentVolumeSource{Driver: CSIDriver, VolumeHandle: name}
				v.Spec.ClaimRef = &v1.ObjectReference{Namespace: "default", Name: name, UID: claim.UID}
			}), simtest.Pod("db-"+name, "100m", "64Mi", simtest.Mounts(name)))
		}
		p := scaleUp(t, request(t, small(t), objects...))
		assert.Len(t, p.Add, 2)
		assert.Equal(t, 1, p.Stats.Classes)
	})
}

func TestVolumesThatPodsShare(t *testing.T) {
	class := simtest.StorageClass("fast", CSIDriver)
	t.Run("put them into one datacenter", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3, "web", "3", "1Gi", simtest.Mounts("shared")), class, simtest.PVC("shared", "fast", simtest.Mode(v1.ReadWriteMany)))...))
		evenly(t, zonesOf(p, "web"), 3)
		assert.Empty(t, p.Unschedulable)
	})
	t.Run("ReadWriteOncePod is for one pod", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(2, "web", "1", "1Gi", simtest.Mounts("shared")), class, simtest.PVC("shared", "fast", simtest.Mode(v1.ReadWriteOncePod)))...))
		assert.Equal(t, []string{"web-1"}, left(p))
		assert.Len(t, p.Add, 1)
	})
	t.Run("ReadWriteOncePod that a running pod has", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), class, simtest.PVC("shared", "fast", simtest.Mode(v1.ReadWriteOncePod)), simtest.Node("n", "4", "16Gi"),
			simtest.Pod("runs", "1", "1Gi", simtest.On("n"), simtest.Mounts("shared")), simtest.Pod("web", "1", "1Gi", simtest.Mounts("shared"))))
		assert.Equal(t, []string{"web"}, left(p))
	})
	t.Run("one disk attached by name", func(t *testing.T) {
		disk := func(pod *v1.Pod) {
			pod.Spec.Volumes = []v1.Volume{{Name: "d", VolumeSource: v1.VolumeSource{RBD: &v1.RBDVolumeSource{CephMonitors: []string{"m"}, RBDImage: "i", RBDPool: "p"}}}}
		}
		p := scaleUp(t, request(t, small(t), pods(2, "web", "1", "1Gi", disk)...))
		assert.Equal(t, []int{1, 1}, perMachine(p, "web"), "VolumeRestrictions keeps them apart")
	})
}

func TestDevices(t *testing.T) {
	// The templates' devices carry the driver that vendors name after their domain.
	deviceClass := simtest.DeviceClass("gpu")
	deviceClass.Spec.Selectors[0].CEL.Expression = `device.driver == "gpu.nvidia.com"`
	catalog := sells(t, offer("plain", 4, 16, 0.1), offer("gpu", 8, 32, 1, withGPUs(2)))

	t.Run("of a machine are used up", func(t *testing.T) {
		p := scaleUp(t, request(t, catalog, append(pods(5, "train", "100m", "64Mi", simtest.UsesTemplate("one")), deviceClass, simtest.DeviceTemplate("one", "gpu", 1))...))
		assert.Equal(t, map[string]int{"gpu": 3}, bought(p))
		assert.Equal(t, []int{1, 2, 2}, perMachine(p, "train"))
	})
	t.Run("more than any machine has", func(t *testing.T) {
		p := scaleUp(t, request(t, catalog, simtest.Pod("train", "1", "1Gi", simtest.UsesTemplate("three")), deviceClass, simtest.DeviceTemplate("three", "gpu", 3)))
		assert.Equal(t, []string{"* DynamicResources: cannot allocate all claims"}, reasonsOf(t, p, "train"))
		assert.Empty(t, p.Add)
	})
	t.Run("that pods share", func(t *testing.T) {
		p := scaleUp(t, request(t, catalog, append(pods(3, "train", "100m", "64Mi", simtest.UsesClaim("mine")), deviceClass, simtest.DeviceClaim("mine", "gpu", 2))...))
		assert.Equal(t, map[string]int{"gpu": 1}, bought(p))
		assert.Equal(t, []int{3}, perMachine(p, "train"))
	})
	t.Run("of a node of today", func(t *testing.T) {
		slice := simtest.Devices("n", 1)
		slice.Spec.Driver = "gpu.nvidia.com"
		p := scaleUp(t, request(t, catalog, append(pods(2, "train", "100m", "64Mi", simtest.UsesTemplate("one")), deviceClass,
			simtest.DeviceTemplate("one", "gpu", 1), simtest.Node("n", "4", "16Gi"), slice)...))
		assert.Equal(t, map[string]int{"gpu": 1}, bought(p))
		require.Len(t, p.Existing, 1)
		assert.Len(t, p.Existing[0].Pods, 1)
	})
	t.Run("behind an extended resource", func(t *testing.T) {
		served := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: *deviceClass.Spec.DeepCopy()}
		name := "nvidia.com/gpu"
		served.Spec.ExtendedResourceName = &name
		p := scaleUp(t, request(t, catalog, append(pods(3, "train", "100m", "64Mi", simtest.Wants("nvidia.com/gpu", "1")), served)...))
		assert.Empty(t, p.Unschedulable)
		assert.Equal(t, map[string]int{"gpu": 2}, bought(p))
	})
}
