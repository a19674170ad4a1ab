package simulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// gpuMachine is a machine that does not exist yet, with its devices.
func gpuMachine(name string, devices int) simulator.NodeSpec {
	return simulator.NodeSpec{
		Node: Node(name, "8", "16Gi"), ResourceSlices: []*resourcev1.ResourceSlice{Devices(name, devices)},
	}
}

func TestAMachineThatDoesNotExistYetRunsOutOfDevices(t *testing.T) {
	c := Cluster(t, DeviceClass("gpu"), DeviceTemplate("one-gpu", "gpu", 1),
		Pod("a", "1", "1Gi", UsesTemplate("one-gpu")), Pod("b", "1", "1Gi", UsesTemplate("one-gpu")), Pod("c", "1", "1Gi", UsesTemplate("one-gpu")))
	assert.Len(t, c.Objects().ResourceClaims, 3, "a claim was made for each pod")
	pods := []*v1.Pod{Pending(t, c, "a"), Pending(t, c, "b"), Pending(t, c, "c")}

	c.Fork()
	addNodes(t, c, simulator.NodeSpec{Node: Node("plain", "8", "16Gi")}, gpuMachine("virtual", 2))
	assert.Equal(t, []string{"virtual"}, Fits(t, c, pods[0]))
	assert.Equal(t, "DynamicResources: cannot allocate all claims", Refusal(t, c, pods[0], "plain"))
	c.Fork()
	Place(t, c, pods[0], "virtual")
	Place(t, c, pods[1], "virtual")
	assert.Equal(t, "DynamicResources: cannot allocate all claims", Refusal(t, c, pods[2], "virtual"))
	assert.Equal(t, "0/2 nodes are available: 2 cannot allocate all claims.", Summary(t, c, pods[2]))
	require.NoError(t, c.Evict(pods[1]))
	assert.Equal(t, []string{"virtual"}, Fits(t, c, pods[2]), "the evicted pod's device is free")
	Place(t, c, pods[2], "virtual")
	assert.Empty(t, Fits(t, c, pods[1]))
	c.Revert()
	assert.Equal(t, []string{"virtual"}, Fits(t, c, pods[2]), "the allocations are gone with the fork")
	Place(t, c, pods[2], "virtual")
	Place(t, c, pods[1], "virtual")
	assert.Empty(t, Fits(t, c, pods[0]))
	require.NoError(t, c.RemoveNode("virtual"))
	assert.Empty(t, Fits(t, c, pods[0]), "the devices are gone with the machine")
	c.Revert()
	assert.Empty(t, c.NodeNames())
}

func TestAPodIsMovedWithItsDevices(t *testing.T) {
	c := Cluster(t, DeviceClass("gpu"), DeviceTemplate("one-gpu", "gpu", 1), Pod("a", "1", "1Gi", UsesTemplate("one-gpu")))
	addNodes(t, c, gpuMachine("old", 1), gpuMachine("new", 1))
	a := Pending(t, c, "a")
	Place(t, c, a, "old")
	assert.Equal(t, []string{"old"}, Fits(t, c, Pod("a", "1", "1Gi", func(pod *v1.Pod) { *pod = *a.DeepCopy() })), "the claim is allocated on old")
	require.NoError(t, c.Evict(a))
	Place(t, c, a, "new")
	assert.Equal(t, "new", c.NodeOf(a))
}

func TestASharedClaimHoldsItsPodsOnOneNode(t *testing.T) {
	c := Cluster(t, DeviceClass("gpu"), DeviceClaim("shared", "gpu", 1), DeviceClaim("own", "gpu", 1),
		Pod("a", "1", "1Gi", UsesClaim("shared")), Pod("b", "1", "1Gi", UsesClaim("shared")), Pod("c", "1", "1Gi", UsesClaim("own")))
	addNodes(t, c, gpuMachine("x", 1), gpuMachine("y", 1))
	a, b, other := Pending(t, c, "a"), Pending(t, c, "b"), Pending(t, c, "c")
	Place(t, c, a, "y")
	assert.Equal(t, []string{"y"}, Fits(t, c, b))
	assert.Equal(t, "DynamicResources: resourceclaim not available on the node", Refusal(t, c, b, "x"))
	assert.Equal(t, []string{"x"}, Fits(t, c, other))
	Place(t, c, b, "y")
	require.NoError(t, c.Evict(a))
	assert.Equal(t, []string{"x"}, Fits(t, c, other), "b still uses the device")
	require.NoError(t, c.Evict(b))
	assert.Equal(t, []string{"x", "y"}, Fits(t, c, other), "nobody does")
}

func TestAdminAccessTakesNoDevice(t *testing.T) {
	monitor := DeviceClaim("monitor", "gpu", 1)
	monitor.Spec.Devices.Requests[0].Exactly.AdminAccess = ptr.To(true)
	c := Cluster(t, DeviceClass("gpu"), monitor, DeviceClaim("own", "gpu", 1),
		Pod("monitor", "1", "1Gi", UsesClaim("monitor")), Pod("a", "1", "1Gi", UsesClaim("own")), Pod("b", "1", "1Gi", UsesClaim("second")),
		DeviceClaim("second", "gpu", 1))
	addNodes(t, c, gpuMachine("x", 1))
	Place(t, c, Pending(t, c, "monitor"), "x")
	Place(t, c, Pending(t, c, "a"), "x")
	assert.Empty(t, Fits(t, c, Pending(t, c, "b")))
}

// An extended resource that a DeviceClass stands for is allocated from the
// node's devices; each pod has a claim of its own for that, known only to the
// scheduler until the pod is bound.
func TestExtendedResourcesBackedByDevicesRunOut(t *testing.T) {
	class := DeviceClass("gpu")
	class.Spec.ExtendedResourceName = ptr.To("example.com/gpu")
	objects := []runtime.Object{class}
	for _, name := range []string{"a", "b", "c"} {
		objects = append(objects, Pod(name, "1", "1Gi", Wants("example.com/gpu", "1")))
	}
	c := Cluster(t, objects...)
	addNodes(t, c, gpuMachine("virtual", 2))
	a, b, third := Pending(t, c, "a"), Pending(t, c, "b"), Pending(t, c, "c")
	c.Fork()
	Place(t, c, a, "virtual")
	Place(t, c, b, "virtual")
	assert.Equal(t, "DynamicResources: cannot allocate all claims", Refusal(t, c, third, "virtual"))
	require.NoError(t, c.Evict(a))
	assert.Equal(t, []string{"virtual"}, Fits(t, c, third))
	Place(t, c, a, "virtual")
	assert.Empty(t, Fits(t, c, third))
	c.Revert()
	Place(t, c, third, "virtual")
	assert.Equal(t, []string{"virtual"}, Fits(t, c, a))

	c.Fork()
	initializes := Pod("init", "1", "1Gi", func(pod *v1.Pod) {
		pod.Spec.InitContainers = []v1.Container{Pod("", "", "", Wants("example.com/gpu", "1")).Spec.Containers[0]}
	})
	Place(t, c, initializes, "virtual")
	assert.Empty(t, Fits(t, c, a), "an init container's device is taken, too")
	c.Revert()

	addNodes(t, c, simulator.NodeSpec{Node: Node("plugin", "8", "16Gi", Offers("example.com/gpu", "1"))})
	Place(t, c, a, "plugin")
	assert.Equal(t, []string{"virtual"}, Fits(t, c, b), "a device plugin's node counts by number")
}

func TestAnIncompletePoolIsNotUsed(t *testing.T) {
	half := Devices("x", 2)
	half.Spec.Pool.ResourceSliceCount = 2
	c := Cluster(t, DeviceClass("gpu"), DeviceClaim("own", "gpu", 1), Pod("a", "1", "1Gi", UsesClaim("own")), Node("x", "8", "16Gi"), half)
	a := Pending(t, c, "a")
	assert.Empty(t, Fits(t, c, a))
	rest := Devices("x", 1)
	rest.Name, rest.Spec.Pool.ResourceSliceCount = "x-rest", 2
	rest.Spec.Devices[0].Name = "gpu-9"
	c.Fork()
	require.NoError(t, c.AddNode(simulator.NodeSpec{Node: Node("y", "8", "16Gi"), ResourceSlices: []*resourcev1.ResourceSlice{rest}}))
	assert.Equal(t, []string{"x"}, Fits(t, c, a), "both slices are there")
	c.Revert()
	assert.Empty(t, Fits(t, c, a))
}

func TestOnlyThePoolsNewestGenerationCounts(t *testing.T) {
	newer := Devices("x", 1)
	newer.Name, newer.Spec.Pool.Generation = "x-newer", 2
	c := Cluster(t, DeviceClass("gpu"), DeviceClaim("two", "gpu", 2), DeviceClaim("one", "gpu", 1), Node("x", "8", "16Gi"), Devices("x", 4), newer,
		Pod("a", "1", "1Gi", UsesClaim("two")), Pod("b", "1", "1Gi", UsesClaim("one")))
	assert.Empty(t, Fits(t, c, Pending(t, c, "a")), "four devices were of the generation before")
	assert.Equal(t, []string{"x"}, Fits(t, c, Pending(t, c, "b")))
}

func TestTaintedDevicesAreAvoided(t *testing.T) {
	taint := resourcev1.DeviceTaint{Key: "broken", Effect: resourcev1.DeviceTaintEffectNoSchedule}
	for name, tc := range map[string]struct {
		selector *resourcev1.DeviceTaintSelector
		fits     []string
	}{
		"no selector":   {nil, []string{"x", "y"}},
		"this driver":   {&resourcev1.DeviceTaintSelector{Driver: ptr.To(DeviceDriver)}, nil},
		"other driver":  {&resourcev1.DeviceTaintSelector{Driver: ptr.To("other")}, []string{"x", "y"}},
		"one pool":      {&resourcev1.DeviceTaintSelector{Pool: ptr.To("x")}, []string{"y"}},
		"one device":    {&resourcev1.DeviceTaintSelector{Pool: ptr.To("y"), Device: ptr.To("gpu-0")}, []string{"x"}},
		"absent device": {&resourcev1.DeviceTaintSelector{Pool: ptr.To("y"), Device: ptr.To("gpu-1")}, []string{"x", "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			rule := &resourcev1.DeviceTaintRule{ObjectMeta: metav1.ObjectMeta{Name: "rule"},
				Spec: resourcev1.DeviceTaintRuleSpec{DeviceSelector: tc.selector, Taint: taint}}
			c := Cluster(t, DeviceClass("gpu"), DeviceClaim("own", "gpu", 1), rule, Pod("a", "1", "1Gi", UsesClaim("own")))
			addNodes(t, c, gpuMachine("x", 1), gpuMachine("y", 1))
			assert.Equal(t, tc.fits, Fits(t, c, Pending(t, c, "a")))
		})
	}
}

// Two claims share one device by capacity; without the gate a device that has
// any share taken is taken whole.
func TestSharesOfADeviceAddUp(t *testing.T) {
	shared := func(name string, memory string) *resourcev1.ResourceClaim {
		claim := DeviceClaim(name, "gpu", 1)
		claim.Spec.Devices.Requests[0].Exactly.Capacity = &resourcev1.CapacityRequirements{
			Requests: map[resourcev1.QualifiedName]resource.Quantity{"memory": resource.MustParse(memory)}}
		return claim
	}
	slice := Devices("x", 1)
	slice.Spec.Devices[0].AllowMultipleAllocations = ptr.To(true)
	slice.Spec.Devices[0].Capacity = map[resourcev1.QualifiedName]resourcev1.DeviceCapacity{"memory": {Value: resource.MustParse("10Gi")}}
	build := func(t *testing.T) *simulator.Cluster {
		return Cluster(t, DeviceClass("gpu"), shared("a", "6Gi"), shared("b", "4Gi"), shared("c", "1Gi"), Node("x", "8", "16Gi"), slice,
			Pod("a", "1", "1Gi", UsesClaim("a")), Pod("b", "1", "1Gi", UsesClaim("b")), Pod("c", "1", "1Gi", UsesClaim("c")))
	}
	c := build(t)
	c.Fork()
	Place(t, c, Pending(t, c, "a"), "x")
	Place(t, c, Pending(t, c, "b"), "x")
	assert.Empty(t, Fits(t, c, Pending(t, c, "c")), "10Gi are taken")
	c.Revert()
	Place(t, c, Pending(t, c, "c"), "x")
	assert.Equal(t, []string{"x"}, Fits(t, c, Pending(t, c, "a")))
	claims := c.Objects().ResourceClaims

	t.Run("gate off", func(t *testing.T) {
		featuregatetesting.SetFeatureGatesDuringTest(t, utilfeature.DefaultFeatureGate, featuregatetesting.FeatureOverrides{
			features.DRAFractionalCapacityRange: false, features.DRAConsumableCapacity: false})
		require.Len(t, claims, 3)
		taken := DeviceClaim("taken", "gpu", 1)
		taken.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{
			Results: []resourcev1.DeviceRequestAllocationResult{{Request: "devices", Driver: DeviceDriver, Pool: "x", Device: "gpu-0", ShareID: ptr.To[types.UID]("share")}}}}
		c := Cluster(t, DeviceClass("gpu"), taken, DeviceClaim("own", "gpu", 1), Node("x", "8", "16Gi"), Devices("x", 1), Pod("a", "1", "1Gi", UsesClaim("own")))
		assert.Empty(t, Fits(t, c, Pending(t, c, "a")))
	})
}

func TestWhatIsWrongWithADeviceClaimIsSaidInTheSchedulersWords(t *testing.T) {
	for name, tc := range map[string]struct {
		objects []runtime.Object
		pod     *v1.Pod
		summary string
	}{
		"claim missing": {nil, Pod("a", "1", "1Gi", UsesClaim("gone")),
			`0/1 nodes are available: resourceclaims.resource.k8s.io "gone" not found.`},
		"template missing": {nil, Pod("a", "1", "1Gi", UsesTemplate("gone")),
			`0/1 nodes are available: pod "default/a": ResourceClaim not created yet.`},
		"class missing": {[]runtime.Object{DeviceClaim("own", "gone", 1)}, Pod("a", "1", "1Gi", UsesClaim("own")),
			`0/1 nodes are available: request devices: device class gone does not exist.`},
		"broken expression": {[]runtime.Object{DeviceClaim("own", "bad", 1), &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "bad"},
			Spec: resourcev1.DeviceClassSpec{Selectors: []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: "1 +"}}}}}},
			Pod("a", "1", "1Gi", UsesClaim("own")), `running "DynamicResources" filter plugin: `},
	} {
		t.Run(name, func(t *testing.T) {
			c := Cluster(t, append(tc.objects, Node("x", "8", "16Gi"), Devices("x", 1), tc.pod)...)
			assert.Contains(t, Summary(t, c, tc.pod), tc.summary)
			assert.Empty(t, Fits(t, c, tc.pod))
		})
	}
}

func TestAClaimThatWasMadeForAPodIsNotMadeAgain(t *testing.T) {
	pod := Pod("a", "1", "1Gi", UsesTemplate("one-gpu"))
	pod.Status.ResourceClaimStatuses = []v1.PodResourceClaimStatus{{Name: "one-gpu", ResourceClaimName: ptr.To("theirs")}}
	theirs := DeviceClaim("theirs", "gpu", 1)
	theirs.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "a", UID: pod.UID, Controller: ptr.To(true)}}
	c := Cluster(t, DeviceClass("gpu"), DeviceTemplate("one-gpu", "gpu", 1), theirs, pod)
	addNodes(t, c, gpuMachine("x", 1))
	assert.Len(t, c.Objects().ResourceClaims, 1)
	Place(t, c, pod, "x")
}

// What a cycle decided is void once another pod took the claim.
func TestAStaleCycleCannotAllocateAgain(t *testing.T) {
	c := Cluster(t, DeviceClass("gpu"), DeviceClaim("shared", "gpu", 1), Pod("a", "1", "1Gi", UsesClaim("shared")), Pod("b", "1", "1Gi", UsesClaim("shared")))
	addNodes(t, c, gpuMachine("x", 2))
	stale, err := c.Cycle(Pending(t, c, "b"))
	require.NoError(t, err)
	require.True(t, stale.Filter("x").IsSuccess())
	Place(t, c, Pending(t, c, "a"), "x")
	assert.ErrorContains(t, stale.Place("x"), "claim default/shared: allocated since the cycle began")
}

// Volumes and devices of one pod are both decided on the fork.
func TestAPodWithAVolumeAndADevice(t *testing.T) {
	c := Cluster(t, DeviceClass("gpu"), DeviceTemplate("one-gpu", "gpu", 1), StorageClass("local", "kubernetes.io/no-provisioner"),
		PV("disk-1", "local", v1.LabelHostname, "x"), PV("disk-2", "local", v1.LabelHostname, "x"), PVC("p", "local"), PVC("q", "local"),
		Pod("p", "1", "1Gi", UsesTemplate("one-gpu"), Mounts("p")), Pod("q", "1", "1Gi", UsesTemplate("one-gpu"), Mounts("q")))
	addNodes(t, c, gpuMachine("x", 2))
	for range 20 {
		c.Fork()
		Place(t, c, Pending(t, c, "p"), "x")
		Place(t, c, Pending(t, c, "q"), "x")
		c.Revert()
	}
	Place(t, c, Pending(t, c, "q"), "x")
	Place(t, c, Pending(t, c, "p"), "x")
}
