package simulator

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// The tests in this file hold the interfaces that the framework sees to what
// kube-scheduler's own implementations promise, also where no plugin of today
// asks.

func emptyCluster(t *testing.T, nodes ...*v1.Node) *Cluster {
	config, err := DefaultSchedulerConfig()
	require.NoError(t, err)
	c, err := New(t.Context(), Objects{Nodes: nodes}, config)
	require.NoError(t, err)
	return c
}

func TestTheNominatorKeepsThePodNominatorContract(t *testing.T) {
	n := newNominator()
	info := func(name, nominated string) *framework.PodInfo {
		return newPodInfos().make(&v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Status: v1.PodStatus{NominatedNodeName: nominated}})
	}
	on := func(node string) []string { return podNames(n.NominatedPodsForNode(node)) }

	n.AddNominatedPod(klog.Background(), info("a", "x"), nil)
	assert.Equal(t, []string{"a"}, on("x"), "the pod's status names the node")
	n.AddNominatedPod(klog.Background(), info("a", "x"), &fwk.NominatingInfo{NominatingMode: fwk.ModeOverride, NominatedNodeName: "y"})
	assert.Empty(t, on("x"))
	assert.Equal(t, []string{"a"}, on("y"), "or the scheduler overrides it")
	n.AddNominatedPod(klog.Background(), info("b", ""), nil)
	assert.Empty(t, n.NominatedPodsForNode(""), "a pod that is nominated nowhere")
	n.AddNominatedPod(klog.Background(), info("c", "y"), nil)
	assert.Equal(t, []string{"a", "c"}, on("y"))

	n.UpdateNominatedPod(klog.Background(), info("a", "").Pod, info("a", ""))
	assert.Equal(t, []string{"a", "c"}, on("y"), "an update keeps the nomination")
	n.DeleteNominatedPodIfExists(info("a", "").Pod)
	n.DeleteNominatedPodIfExists(info("a", "").Pod)
	assert.Equal(t, []string{"c"}, on("y"))
}

type heard struct {
	t      *testing.T
	events []string
}

func (h *heard) OnAdd(object any, initial bool) {
	h.events = append(h.events, "add "+object.(*storagev1.CSINode).Name)
}
func (h *heard) OnUpdate(_, _ any) { h.t.Error("an assume cache would keep the newer of the two") }
func (h *heard) OnDelete(object any) {
	h.events = append(h.events, "delete "+object.(*storagev1.CSINode).Name)
}

func TestListenersHearOfEveryObjectAtOnce(t *testing.T) {
	c := emptyCluster(t)
	informer := c.informers.Storage().V1().CSINodes().Informer()
	require.NoError(t, c.put(AttachLimit("old", "driver", 1)))
	var all []*heard
	for _, add := range []func(cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error){
		informer.AddEventHandler,
		func(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
			return informer.AddEventHandlerWithResyncPeriod(h, 0)
		},
		func(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
			return informer.AddEventHandlerWithOptions(h, cache.HandlerOptions{})
		},
	} {
		listener := &heard{t: t}
		registration, err := add(listener)
		require.NoError(t, err)
		assert.True(t, registration.HasSynced())
		<-registration.HasSyncedChecker().Done()
		all = append(all, listener)
	}
	c.Fork()
	require.NoError(t, c.put(AttachLimit("new", "driver", 1)))
	require.NoError(t, c.put(AttachLimit("old", "driver", 2)))
	require.NoError(t, c.drop(AttachLimit("new", "driver", 1)))
	c.Revert()
	for _, listener := range all {
		assert.Equal(t, []string{"add old", "add new", "delete old", "add old", "delete new", "add new", "delete old", "add old", "delete new"}, listener.events)
	}
	assert.True(t, informer.HasSynced())
	stored, _, _ := informer.GetStore().GetByKey("old")
	assert.Equal(t, int32(1), *stored.(*storagev1.CSINode).Spec.Drivers[0].Allocatable.Count)
	nodes, err := csiNodes{c}.CSINodes().List()
	require.NoError(t, err)
	assert.Len(t, nodes, 1)
}

func TestTheClaimTrackerKeepsItsContract(t *testing.T) {
	c := emptyCluster(t)
	tracker := c.devices.ResourceClaims()
	claim := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c", UID: "uid"}}
	c.devices.setClaim(claim)
	assert.ErrorContains(t, tracker.SignalClaimPendingAllocation("uid", claim), "no allocation to signal")

	allocated := claim.DeepCopy()
	allocated.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{
		Results: []resourcev1.DeviceRequestAllocationResult{{Driver: "d", Pool: "p", Device: "gpu-0"}}}}
	c.Fork()
	require.NoError(t, tracker.SignalClaimPendingAllocation("uid", allocated))
	assert.Equal(t, allocated.Status.Allocation, tracker.GetPendingAllocation("uid"))
	devices, err := tracker.ListAllAllocatedDevices()
	require.NoError(t, err)
	assert.Len(t, devices, 1, "an allocation in flight takes its device")
	assert.True(t, tracker.MaybeRemoveClaimPendingAllocation("uid", false))
	assert.False(t, tracker.MaybeRemoveClaimPendingAllocation("uid", false))
	assert.Nil(t, tracker.GetPendingAllocation("uid"))
	c.Revert()
	assert.Empty(t, c.devices.pending)

	require.NoError(t, tracker.AssumeClaimAfterAPICall(allocated))
	tracker.AssumedClaimRestore("ns", "c")
	stored, err := tracker.Get("ns", "c")
	require.NoError(t, err)
	assert.Equal(t, allocated, stored)
	state, err := tracker.GatherAllocatedState()
	require.NoError(t, err)
	assert.Len(t, state.AllocatedDevices, 1)
	_, err = tracker.Get("ns", "gone")
	assert.True(t, apierrors.IsNotFound(err))
}

func TestTheSnapshotKeepsTheListersContracts(t *testing.T) {
	c := emptyCluster(t, &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	c.snapshot.podGroups["ns/gang"] = &schedulingv1beta1.PodGroup{}
	node, err := c.snapshot.NodeInfos().Get("a")
	require.NoError(t, err)
	assert.Equal(t, "a", node.Node().Name)
	_, err = c.snapshot.NodeInfos().Get("gone")
	assert.EqualError(t, err, `node "gone" is not in the simulated cluster`)
	assert.False(t, c.snapshot.StorageInfos().IsPVCUsedByPods("ns/claim"))

	group, err := c.snapshot.PodGroups().Get("ns", "gang")
	require.NoError(t, err)
	assert.NotNil(t, group)
	manager, err := c.snapshot.podGroups.BuildHierarchySnapshotFromPod(nil)
	require.NoError(t, err)
	key, known, err := manager.GetRootKeyForGroup(fwk.EntityKey{})
	require.NoError(t, err)
	assert.True(t, known)
	assert.Zero(t, key)
	for _, find := range []func() error{
		func() error { _, err := manager.PodGroups().Get("ns", "gone"); return err },
		func() error { _, err := manager.PodGroupStates().Get("ns", "gang"); return err },
		func() error { _, err := manager.CompositePodGroups().Get("ns", "gang"); return err },
		func() error { _, err := manager.CompositePodGroupStates().Get("ns", "gang"); return err },
	} {
		assert.True(t, apierrors.IsNotFound(find()))
	}
}

func TestThePluginsCannotChangeTheSnapshot(t *testing.T) {
	lister := fixedSnapshot{emptyCluster(t).snapshot}
	for _, err := range []error{lister.StartMutations(), lister.EndMutations(), lister.AddPod(nil, "a"), lister.RemovePod(klog.Background(), nil, "a")} {
		assert.ErrorIs(t, err, errFixed)
	}
}
