package simulator

import (
	"fmt"
	"slices"
	"sort"

	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/dynamic-resource-allocation/deviceclass/extendedresourcecache"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/dynamic-resource-allocation/structured"
	"k8s.io/dynamic-resource-allocation/structured/schedulerapi"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/utils/ptr"
)

// devices is the fork-aware SharedDRAManager. Slices and classes live in the
// memory informers; claims are held here, where Reserve puts allocations.
type devices struct {
	cluster *Cluster
	// claims by "namespace/name".
	claims map[string]*resourcev1.ResourceClaim
	// pending holds the allocations that Reserve has signalled, by claim UID.
	pending  map[types.UID]*resourcev1.ResourceClaim
	resolver *extendedresourcecache.ExtendedResourceCache
}

var (
	_ fwk.SharedDRAManager     = &devices{}
	_ fwk.ResourceClaimTracker = &devices{}
)

func newDevices(c *Cluster) *devices {
	d := &devices{cluster: c, claims: map[string]*resourcev1.ResourceClaim{}, pending: map[types.UID]*resourcev1.ResourceClaim{}}
	if utilfeature.DefaultFeatureGate.Enabled(features.DRAExtendedResource) {
		d.resolver = extendedresourcecache.NewExtendedResourceCache(klog.Background())
		_, _ = c.informers.informer(&resourcev1.DeviceClass{}).AddEventHandler(d.resolver)
	}
	return d
}

func (d *devices) ResourceClaims() fwk.ResourceClaimTracker { return d }
func (d *devices) ResourceSlices() fwk.ResourceSliceLister  { return sliceLister{d.cluster} }
func (d *devices) DeviceClasses() fwk.DeviceClassLister     { return classLister{d.cluster} }

// DeviceClassResolver is a typed nil when the gate is off, which answers nil.
func (d *devices) DeviceClassResolver() fwk.DeviceClassResolver { return d.resolver }

func (d *devices) setClaim(claim *resourcev1.ResourceClaim) {
	d.replaceClaim(claim.Namespace+"/"+claim.Name, claim)
}

// replaceClaim stores a claim under its key; nil deletes what is there.
func (d *devices) replaceClaim(key string, claim *resourcev1.ResourceClaim) {
	previous := d.claims[key]
	d.store(key, claim)
	d.cluster.journal.record(func() { d.store(key, previous) })
}

func (d *devices) store(key string, claim *resourcev1.ResourceClaim) {
	if claim == nil {
		delete(d.claims, key)
		return
	}
	d.claims[key] = claim
}

func (d *devices) setPending(uid types.UID, claim *resourcev1.ResourceClaim) {
	previous := d.pending[uid]
	if claim == nil {
		delete(d.pending, uid)
	} else {
		d.pending[uid] = claim
	}
	d.cluster.journal.record(func() {
		if previous == nil {
			delete(d.pending, uid)
			return
		}
		d.pending[uid] = previous
	})
}

// settle turns the allocations that Reserve signalled for pod into facts, as
// PreBind would: the pod's claims are allocated and reserved for it.
func (d *devices) settle(pod *v1.Pod) {
	for _, uid := range sortedUIDs(d.pending) {
		allocated := d.pending[uid].DeepCopy()
		d.setPending(uid, nil)
		if allocated.Annotations[resourcev1.ExtendedResourceClaimAnnotation] == "true" {
			// Known in memory only until now, under one name for all pods.
			allocated.Name = pod.Name + "-extended-resources"
			allocated.UID = syntheticUID("claim", allocated.Namespace, allocated.Name)
			d.reserve(allocated, pod)
			continue
		}
		d.setClaim(allocated)
	}
	for i := range pod.Spec.ResourceClaims {
		name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i])
		if err != nil || name == nil {
			continue
		}
		if claim := d.claims[pod.Namespace+"/"+*name]; claim != nil {
			d.reserve(claim, pod)
		}
	}
}

func (d *devices) reserve(claim *resourcev1.ResourceClaim, pod *v1.Pod) {
	if slices.ContainsFunc(claim.Status.ReservedFor, consumedBy(pod)) {
		return
	}
	claim = claim.DeepCopy()
	claim.Status.ReservedFor = append(claim.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{
		Resource: "pods", Name: pod.Name, UID: pod.UID,
	})
	d.setClaim(claim)
}

func consumedBy(pod *v1.Pod) func(resourcev1.ResourceClaimConsumerReference) bool {
	return func(consumer resourcev1.ResourceClaimConsumerReference) bool { return consumer.UID == pod.UID }
}

// release does what the claim controller does when pod is gone: a claim that
// nobody else has reserved is free again, and the claim for the pod's extended
// resources is deleted.
func (d *devices) release(pod *v1.Pod) {
	if !d.wants(pod) {
		return
	}
	claims, _ := d.List()
	for _, claim := range claims {
		if !slices.ContainsFunc(claim.Status.ReservedFor, consumedBy(pod)) {
			continue
		}
		if claim.Annotations[resourcev1.ExtendedResourceClaimAnnotation] == "true" {
			d.replaceClaim(claim.Namespace+"/"+claim.Name, nil)
			continue
		}
		claim = claim.DeepCopy()
		claim.Status.ReservedFor = slices.DeleteFunc(claim.Status.ReservedFor, consumedBy(pod))
		if len(claim.Status.ReservedFor) == 0 {
			claim.Status.Allocation = nil
		}
		d.setClaim(claim)
	}
}

func sortedUIDs(m map[types.UID]*resourcev1.ResourceClaim) []types.UID {
	uids := make([]types.UID, 0, len(m))
	for uid := range m {
		uids = append(uids, uid)
	}
	sort.Slice(uids, func(i, j int) bool { return uids[i] < uids[j] })
	return uids
}

func (d *devices) List() ([]*resourcev1.ResourceClaim, error) {
	keys := make([]string, 0, len(d.claims))
	for key := range d.claims {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	claims := make([]*resourcev1.ResourceClaim, len(keys))
	for i, key := range keys {
		claims[i] = d.claims[key]
	}
	return claims, nil
}

func (d *devices) Get(namespace, name string) (*resourcev1.ResourceClaim, error) {
	claim, ok := d.claims[namespace+"/"+name]
	if !ok {
		return nil, apierrors.NewNotFound(resourcev1.Resource("resourceclaims"), name)
	}
	return claim, nil
}

func (d *devices) eachAllocated(visit func(*resourcev1.DeviceRequestAllocationResult)) {
	each := func(claim *resourcev1.ResourceClaim) {
		if claim.Status.Allocation == nil {
			return
		}
		for i := range claim.Status.Allocation.Devices.Results {
			result := &claim.Status.Allocation.Devices.Results[i]
			if !ptr.Deref(result.AdminAccess, false) {
				visit(result)
			}
		}
	}
	for _, claim := range d.claims {
		if _, inFlight := d.pending[claim.UID]; !inFlight {
			each(claim)
		}
	}
	for _, claim := range d.pending {
		each(claim)
	}
}

// ListAllAllocatedDevices is asked when devices cannot be shared by capacity
// (gate DRAConsumableCapacity off): a share then takes the whole device.
func (d *devices) ListAllAllocatedDevices() (sets.Set[structured.DeviceID], error) {
	allocated := sets.New[structured.DeviceID]()
	d.eachAllocated(func(result *resourcev1.DeviceRequestAllocationResult) {
		allocated.Insert(structured.MakeDeviceID(result.Driver, result.Pool, result.Device))
	})
	return allocated, nil
}

func (d *devices) GatherAllocatedState() (*structured.AllocatedState, error) {
	state := &structured.AllocatedState{
		AllocatedDevices:         sets.New[structured.DeviceID](),
		AllocatedSharedDeviceIDs: sets.New[structured.SharedDeviceID](),
		AggregatedCapacity:       make(schedulerapi.ConsumedCapacityCollection),
	}
	d.eachAllocated(func(result *resourcev1.DeviceRequestAllocationResult) {
		device := structured.MakeDeviceID(result.Driver, result.Pool, result.Device)
		if result.ShareID == nil {
			state.AllocatedDevices.Insert(device)
			return
		}
		state.AllocatedSharedDeviceIDs.Insert(structured.MakeSharedDeviceID(device, result.ShareID))
		if result.ConsumedCapacity != nil {
			state.AggregatedCapacity.Insert(structured.NewDeviceConsumedCapacity(device, result.ConsumedCapacity))
		}
	})
	return state, nil
}

func (d *devices) SignalClaimPendingAllocation(uid types.UID, claim *resourcev1.ResourceClaim) error {
	if claim == nil || claim.Status.Allocation == nil {
		return fmt.Errorf("claim %s: no allocation to signal", uid)
	}
	if known := d.claims[claim.Namespace+"/"+claim.Name]; known != nil && known.UID == uid && known.Status.Allocation != nil {
		return fmt.Errorf("claim %s/%s: allocated since the cycle began", claim.Namespace, claim.Name)
	}
	d.setPending(uid, claim)
	return nil
}

func (d *devices) GetPendingAllocation(uid types.UID) *resourcev1.AllocationResult {
	if claim, ok := d.pending[uid]; ok {
		return claim.Status.Allocation
	}
	return nil
}

func (d *devices) MaybeRemoveClaimPendingAllocation(uid types.UID, _ bool) bool {
	if _, ok := d.pending[uid]; !ok {
		return false
	}
	d.setPending(uid, nil)
	return true
}

func (d *devices) AssumeClaimAfterAPICall(claim *resourcev1.ResourceClaim) error {
	d.setClaim(claim)
	return nil
}

// AssumedClaimRestore has nothing to restore: no API call is made that could fail.
func (d *devices) AssumedClaimRestore(string, string) {}

type sliceLister struct{ cluster *Cluster }

func (l sliceLister) ListWithDeviceTaintRules() ([]*resourcev1.ResourceSlice, error) {
	offered := listOf[*resourcev1.ResourceSlice](l.cluster, &resourcev1.ResourceSlice{})
	rules := listOf[*resourcev1.DeviceTaintRule](l.cluster, &resourcev1.DeviceTaintRule{})
	if len(rules) == 0 || !utilfeature.DefaultFeatureGate.Enabled(features.DRADeviceTaintRules) {
		return offered, nil
	}
	for i := range offered {
		offered[i] = tainted(offered[i], rules)
	}
	return offered, nil
}

// tainted is the slice with the taints of the rules that select its devices; the
// slice itself when there are none.
func tainted(slice *resourcev1.ResourceSlice, rules []*resourcev1.DeviceTaintRule) *resourcev1.ResourceSlice {
	result := slice
	for _, rule := range rules {
		selector := rule.Spec.DeviceSelector
		if selector == nil || ptr.Deref(selector.Driver, slice.Spec.Driver) != slice.Spec.Driver ||
			ptr.Deref(selector.Pool, slice.Spec.Pool.Name) != slice.Spec.Pool.Name {
			continue
		}
		for i := range slice.Spec.Devices {
			if name := slice.Spec.Devices[i].Name; ptr.Deref(selector.Device, name) != name {
				continue
			}
			if result == slice {
				result = slice.DeepCopy()
			}
			result.Spec.Devices[i].Taints = append(result.Spec.Devices[i].Taints, rule.Spec.Taint)
		}
	}
	return result
}

type classLister struct{ cluster *Cluster }

func (l classLister) List() ([]*resourcev1.DeviceClass, error) {
	return listOf[*resourcev1.DeviceClass](l.cluster, &resourcev1.DeviceClass{}), nil
}

func (l classLister) Get(name string) (*resourcev1.DeviceClass, error) {
	return l.cluster.informers.Resource().V1().DeviceClasses().Lister().Get(name)
}

// wants says whether placing the pod allocates devices.
func (d *devices) wants(pod *v1.Pod) bool {
	if len(pod.Spec.ResourceClaims) > 0 {
		return true
	}
	if d.resolver == nil {
		return false
	}
	for _, containers := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			for name := range containers[i].Resources.Requests {
				if d.resolver.GetDeviceClass(name) != nil {
					return true
				}
			}
		}
	}
	return false
}
