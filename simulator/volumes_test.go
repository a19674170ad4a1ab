package simulator_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

const (
	vpsieDriver = "vpsie.csi.vpsie.com"
	region      = "region"
)

// machine is a machine that does not exist yet: 7 volumes, reachable within its
// region.
func machine(name, datacenter string) simulator.NodeSpec {
	return simulator.NodeSpec{
		Node:    Node(name, "8", "16Gi", NodeLabel(region, datacenter)),
		CSINode: simulator.AttachLimit(name, vpsieDriver, 7, region),
	}
}

func addNodes(t testing.TB, c *simulator.Cluster, specs ...simulator.NodeSpec) {
	t.Helper()
	for _, spec := range specs {
		require.NoError(t, c.AddNode(spec))
	}
}

func TestAClaimThatWaitsIsProvisionedWhereItsFirstPodGoes(t *testing.T) {
	for _, mode := range []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce, v1.ReadWriteMany} {
		t.Run(string(mode), func(t *testing.T) {
			c := Cluster(t,
				StorageClass("block", vpsieDriver), PVC("data", "block", Mode(mode)),
				Pod("first", "1", "1Gi", Mounts("data")), Pod("second", "1", "1Gi", Mounts("data")),
			)
			addNodes(t, c, machine("fra-1", "fra"), machine("fra-2", "fra"), machine("nyc-1", "nyc"))
			first, second := Pending(t, c, "first"), Pending(t, c, "second")
			assert.Equal(t, []string{"fra-1", "fra-2", "nyc-1"}, Fits(t, c, first), "an unbound claim goes anywhere")

			c.Fork()
			Place(t, c, first, "nyc-1")
			assert.Equal(t, []string{"nyc-1"}, Fits(t, c, second), "the volume was made in nyc")
			assert.Equal(t, `VolumeBinding: node(s) didn't match PersistentVolume's node affinity`, Refusal(t, c, second, "fra-1"))
			c.Revert()

			assert.Equal(t, []string{"fra-1", "fra-2", "nyc-1"}, Fits(t, c, second), "the volume was never made")
			Place(t, c, second, "fra-2")
			assert.Equal(t, []string{"fra-1", "fra-2"}, Fits(t, c, first), "ReadWriteOnce does not bind to the node, only to the region")
		})
	}
}

func TestAReadWriteOncePodClaimHasOneUser(t *testing.T) {
	c := Cluster(t,
		StorageClass("block", vpsieDriver), PVC("data", "block", Mode(v1.ReadWriteOncePod)),
		Pod("first", "1", "1Gi", Mounts("data")), Pod("second", "1", "1Gi", Mounts("data")),
	)
	addNodes(t, c, machine("a", "fra"), machine("b", "fra"))
	first, second := Pending(t, c, "first"), Pending(t, c, "second")
	c.Fork()
	Place(t, c, first, "a")
	for _, node := range []string{"a", "b"} {
		assert.Equal(t, "VolumeRestrictions: node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
			Refusal(t, c, second, node))
	}
	require.NoError(t, c.Evict(first))
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, second), "the user is gone")
	c.Revert()
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, second))
}

func TestAMachineThatDoesNotExistYetRunsOutOfVolumes(t *testing.T) {
	objects := []runtime.Object{StorageClass("block", vpsieDriver)}
	for i := range 8 {
		claim := fmt.Sprintf("data-%d", i)
		objects = append(objects, PVC(claim, "block"), Pod(fmt.Sprintf("db-%d", i), "100m", "100Mi", Mounts(claim)))
	}
	c := Cluster(t, objects...)
	addNodes(t, c, machine("virtual", "fra"))
	c.Fork()
	for i := range 7 {
		Place(t, c, Pending(t, c, fmt.Sprintf("db-%d", i)), "virtual")
	}
	eighth := Pending(t, c, "db-7")
	assert.Equal(t, "NodeVolumeLimits: node(s) exceed max volume count", Refusal(t, c, eighth, "virtual"))
	assert.Equal(t, "0/1 nodes are available: 1 node(s) exceed max volume count.", Summary(t, c, eighth))
	require.NoError(t, c.Evict(Pending(t, c, "db-0")))
	assert.Equal(t, []string{"virtual"}, Fits(t, c, eighth), "a pod that left gives its attachment back")
	c.Revert()
	assert.Equal(t, []string{"virtual"}, Fits(t, c, eighth))

	addNodes(t, c, simulator.NodeSpec{Node: Node("unlimited", "8", "16Gi", NodeLabel(region, "fra"))})
	for i := range 8 {
		Place(t, c, Pending(t, c, fmt.Sprintf("db-%d", i)), "unlimited")
	}
}

func TestTwoPodsOfOneClaimAttachItOnce(t *testing.T) {
	spec := machine("one", "fra")
	spec.CSINode = simulator.AttachLimit("one", vpsieDriver, 1, region)
	c := Cluster(t, StorageClass("block", vpsieDriver), PVC("data", "block"), PVC("other", "block"),
		Pod("a", "1", "1Gi", Mounts("data")), Pod("b", "1", "1Gi", Mounts("data")), Pod("c", "1", "1Gi", Mounts("other")))
	addNodes(t, c, spec)
	Place(t, c, Pending(t, c, "a"), "one")
	Place(t, c, Pending(t, c, "b"), "one")
	assert.Equal(t, "NodeVolumeLimits: node(s) exceed max volume count", Refusal(t, c, Pending(t, c, "c"), "one"))
}

func TestAVolumeBoundToAZoneHoldsItsPodThere(t *testing.T) {
	c := Cluster(t,
		Node("a", "4", "8Gi", Zone("fra")), Node("b", "4", "8Gi", Zone("nyc")),
		StorageClass("block", vpsieDriver), PV("vol", "block", v1.LabelTopologyZone, "nyc"), PVC("data", "block", BoundTo("vol")),
		Pod("db", "1", "1Gi", Mounts("data")),
	)
	db := Pending(t, c, "db")
	assert.Equal(t, []string{"b"}, Fits(t, c, db))
	addNodes(t, c, simulator.NodeSpec{Node: Node("c", "4", "8Gi", Zone("nyc"))})
	assert.Equal(t, []string{"b", "c"}, Fits(t, c, db))
	Place(t, c, db, "c")
}

func TestStaticLocalVolumesAreChosenOnce(t *testing.T) {
	c := Cluster(t,
		Node("a", "4", "8Gi"), Node("b", "4", "8Gi"),
		StorageClass("local", "kubernetes.io/no-provisioner"),
		PV("disk-a", "local", v1.LabelHostname, "a"), PV("disk-b", "local", v1.LabelHostname, "b"),
		PVC("x", "local"), PVC("y", "local"), PVC("z", "local"),
		Pod("x", "1", "1Gi", Mounts("x")), Pod("y", "1", "1Gi", Mounts("y")), Pod("z", "1", "1Gi", Mounts("z")),
	)
	x, y, z := Pending(t, c, "x"), Pending(t, c, "y"), Pending(t, c, "z")
	addNodes(t, c, simulator.NodeSpec{Node: Node("new", "4", "8Gi")})
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, x), "a new machine has no local disk")
	assert.Equal(t, "VolumeBinding: node(s) didn't find available persistent volumes to bind", Refusal(t, c, x, "new"))
	c.Fork()
	Place(t, c, x, "a")
	assert.Equal(t, []string{"b"}, Fits(t, c, y))
	c.Fork()
	Place(t, c, y, "b")
	assert.Empty(t, Fits(t, c, z))
	c.Revert()
	assert.Equal(t, []string{"b"}, Fits(t, c, z))
	c.Revert()
	assert.Equal(t, []string{"a", "b"}, Fits(t, c, z), "both disks are free again")
}

func TestTheSmallestVolumeThatFitsIsTaken(t *testing.T) {
	large := func(volume *v1.PersistentVolume) {
		volume.Spec.Capacity[v1.ResourceStorage] = resource.MustParse("100Gi")
	}
	c := Cluster(t, Node("a", "4", "8Gi"), StorageClass("local", "kubernetes.io/no-provisioner"),
		PV("a-large", "local", v1.LabelHostname, "a", large), PV("b-small", "local", v1.LabelHostname, "a"),
		PVC("small", "local"), PVC("large", "local", Size("50Gi")),
		// The claims in this order: taking them as they come would give the large volume away.
		Pod("both", "1", "1Gi", Mounts("large"), Mounts("small")), Pod("late", "1", "1Gi", Mounts("large")),
	)
	Place(t, c, Pending(t, c, "both"), "a")
	assert.Equal(t, []string{"a"}, Fits(t, c, Pending(t, c, "late")))
}

func TestClaimsThatAProvisionerAlreadyWorksOnStayOnTheirNode(t *testing.T) {
	selected := func(claim *v1.PersistentVolumeClaim) {
		metav1.SetMetaDataAnnotation(&claim.ObjectMeta, "volume.kubernetes.io/selected-node", "b")
	}
	c := Cluster(t, Node("a", "4", "8Gi"), Node("b", "4", "8Gi"), StorageClass("block", vpsieDriver),
		PV("spare", "block", v1.LabelHostname, "b"), PVC("data", "block", selected), PVC("other", "block"),
		Pod("db", "1", "1Gi", Mounts("data")), Pod("next", "1", "1Gi", Mounts("other")))
	assert.Equal(t, []string{"b"}, Fits(t, c, Pending(t, c, "db")))
	Place(t, c, Pending(t, c, "db"), "b")
	Place(t, c, Pending(t, c, "next"), "b")
	assert.Equal(t, []string{"b"}, Fits(t, c, Pod("again", "1", "1Gi", Mounts("other"))), "the spare volume was left for it")
}

func TestClaimsOfSimilarNamesGetVolumesOfTheirOwn(t *testing.T) {
	in := func(namespace string) func(*v1.PersistentVolumeClaim) {
		return func(claim *v1.PersistentVolumeClaim) {
			claim.Namespace, claim.UID = namespace, ""
		}
	}
	c := Cluster(t, StorageClass("block", vpsieDriver),
		PVC("b-c", "block", in("a")), PVC("c", "block", in("a-b")),
		Pod("one", "1", "1Gi", In("a"), Mounts("b-c")), Pod("two", "1", "1Gi", In("a-b"), Mounts("c")))
	addNodes(t, c, machine("fra", "fra"), machine("nyc", "nyc"))
	Place(t, c, Pending(t, c, "one"), "fra")
	Place(t, c, Pending(t, c, "two"), "nyc")
	assert.Equal(t, []string{"fra"}, Fits(t, c, Pod("again", "1", "1Gi", In("a"), Mounts("b-c"))))
}

func TestStorageCapacityIsHeeded(t *testing.T) {
	capacity := func(datacenter, free string) *storagev1.CSIStorageCapacity {
		return &storagev1.CSIStorageCapacity{
			ObjectMeta:       metav1.ObjectMeta{Name: "capacity-" + datacenter, Namespace: "kube-system"},
			StorageClassName: "block",
			NodeTopology:     &metav1.LabelSelector{MatchLabels: map[string]string{region: datacenter}},
			Capacity:         ptr.To(resource.MustParse(free)),
		}
	}
	driver := &storagev1.CSIDriver{
		ObjectMeta: metav1.ObjectMeta{Name: vpsieDriver}, Spec: storagev1.CSIDriverSpec{StorageCapacity: ptr.To(true)},
	}
	c := Cluster(t, StorageClass("block", vpsieDriver), driver, capacity("fra", "10Gi"), capacity("nyc", "500Gi"),
		PVC("data", "block", Size("100Gi")), Pod("db", "1", "1Gi", Mounts("data")))
	addNodes(t, c, machine("fra-1", "fra"), machine("nyc-1", "nyc"))
	db := Pending(t, c, "db")
	assert.Equal(t, []string{"nyc-1"}, Fits(t, c, db))
	assert.Equal(t, "VolumeBinding: node(s) did not have enough free storage", Refusal(t, c, db, "fra-1"))
}

func TestWhatIsWrongWithAClaimIsSaidInTheSchedulersWords(t *testing.T) {
	for name, tc := range map[string]struct {
		objects []runtime.Object
		summary string
	}{
		"claim missing": {nil,
			`0/1 nodes are available: persistentvolumeclaim "data" not found.`},
		"claim bound at once, not bound yet": {[]runtime.Object{PVC("data", "now"), StorageClass("now", vpsieDriver, Immediately)},
			"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."},
		"class missing": {[]runtime.Object{PVC("data", "gone")},
			"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."},
		"volume missing": {[]runtime.Object{PVC("data", "block", BoundTo("gone")), StorageClass("block", vpsieDriver)},
			`0/1 nodes are available: persistentvolume "gone" not found.`},
		"volume lost": {[]runtime.Object{StorageClass("block", vpsieDriver), PVC("data", "block", BoundTo("gone"),
			func(claim *v1.PersistentVolumeClaim) { claim.Status.Phase = v1.ClaimLost })},
			`0/1 nodes are available: persistentvolumeclaim "data" bound to non-existent persistentvolume "gone".`},
		"claim being deleted": {[]runtime.Object{StorageClass("block", vpsieDriver), PVC("data", "block",
			func(claim *v1.PersistentVolumeClaim) { claim.DeletionTimestamp = &metav1.Time{} })},
			`0/1 nodes are available: persistentvolumeclaim "data" is being deleted.`},
	} {
		t.Run(name, func(t *testing.T) {
			c := Cluster(t, append(tc.objects, Node("a", "4", "8Gi"), Pod("db", "1", "1Gi", Mounts("data")))...)
			db := Pending(t, c, "db")
			assert.Equal(t, tc.summary, Summary(t, c, db))
			assert.Empty(t, Fits(t, c, db))
			assert.NotEmpty(t, Reasons(t, c, db, "a"))
		})
	}
}

func TestClaimsOfEphemeralVolumesAreMadeForThePod(t *testing.T) {
	c := Cluster(t, StorageClass("block", vpsieDriver),
		Pod("a", "1", "1Gi", MountsEphemeral("scratch", "block")), Pod("b", "1", "1Gi", MountsEphemeral("scratch", "block")))
	spec := machine("virtual", "fra")
	spec.CSINode = simulator.AttachLimit("virtual", vpsieDriver, 1, region)
	addNodes(t, c, spec)
	claims := c.Objects().PersistentVolumeClaims
	require.Len(t, claims, 2)
	assert.Equal(t, "a-scratch", claims[0].Name)
	assert.True(t, metav1.IsControlledBy(claims[0], Pending(t, c, "a")))
	Place(t, c, Pending(t, c, "a"), "virtual")
	assert.Equal(t, "NodeVolumeLimits: node(s) exceed max volume count", Refusal(t, c, Pending(t, c, "b"), "virtual"))
}

func TestAClaimOfAnEphemeralVolumeThatExistsIsKept(t *testing.T) {
	pod := Pod("a", "1", "1Gi", MountsEphemeral("scratch", "block"))
	theirs := PVC("a-scratch", "block")
	c := Cluster(t, Node("n", "4", "8Gi"), StorageClass("block", vpsieDriver), theirs, pod)
	assert.Equal(t, []*v1.PersistentVolumeClaim{theirs}, c.Objects().PersistentVolumeClaims)
	assert.Equal(t, `0/1 nodes are available: PVC default/a-scratch was not created for pod default/a (pod is not owner).`, Summary(t, c, pod))
}

func TestADriverThatMustBeInstalledIsMissedOnANodeWithoutIt(t *testing.T) {
	driver := &storagev1.CSIDriver{
		ObjectMeta: metav1.ObjectMeta{Name: vpsieDriver}, Spec: storagev1.CSIDriverSpec{PreventPodSchedulingIfMissing: ptr.To(true)},
	}
	c := Cluster(t, Node("bare", "4", "8Gi"), driver, StorageClass("block", vpsieDriver), PVC("data", "block"),
		Pod("db", "1", "1Gi", Mounts("data")))
	addNodes(t, c, machine("fra-1", "fra"))
	assert.Equal(t, []string{"fra-1"}, Fits(t, c, Pending(t, c, "db")))
	assert.Equal(t, "NodeVolumeLimits: vpsie.csi.vpsie.com CSI driver is not installed on the node", Refusal(t, c, Pending(t, c, "db"), "bare"))
}

func TestAVolumeThatIsAttachedWithoutAPodCounts(t *testing.T) {
	attached := &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: "attached"},
		Spec:       storagev1.VolumeAttachmentSpec{Attacher: vpsieDriver, NodeName: "a", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr.To("old")}},
		Status:     storagev1.VolumeAttachmentStatus{Attached: true},
	}
	old := PV("old", "block", region, "fra", func(volume *v1.PersistentVolume) {
		volume.Spec.PersistentVolumeSource = v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: vpsieDriver, VolumeHandle: "old"}}
	})
	c := Cluster(t, Node("a", "4", "8Gi", NodeLabel(region, "fra")), simulator.AttachLimit("a", vpsieDriver, 1, region), attached, old,
		StorageClass("block", vpsieDriver), PVC("data", "block", Size("5Gi")), Pod("db", "1", "1Gi", Mounts("data")))
	assert.Equal(t, "NodeVolumeLimits: node(s) exceed max volume count", Refusal(t, c, Pending(t, c, "db"), "a"))
}
