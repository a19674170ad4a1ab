package binpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// identify names what the decision is made from, given the snapshot's hash. The order in which objects
// were read does not count.
func (p *planner) identify(snapshot string) error {
	scheduler, err := p.request.Scheduler.Hash()
	if err != nil {
		return err
	}
	p.inputs = plan.Inputs{
		Snapshot:        snapshot,
		Catalog:         p.request.Catalog.Hash(),
		SchedulerConfig: scheduler,
		FeatureGates:    simulator.FormatFeatureGates(p.request.FeatureGates),
	}
	p.id = plan.ID(p.inputs)
	return nil
}

// hashSnapshot covers the cluster's objects, the NodeGroups and the rules of
// the decision.
func (p *planner) hashSnapshot() (string, error) {
	s := snapshotHash{total: sha256.New(), sums: p.request.Sums}
	if s.sums == nil {
		s.sums = &Sums{}
	}
	defer s.sums.forget()
	o := &p.request.Objects
	add(&s, o.Nodes)
	add(&s, o.Pods)
	add(&s, o.Namespaces)
	add(&s, o.DaemonSets)
	add(&s, o.ReplicaSets)
	add(&s, o.StatefulSets)
	add(&s, o.ReplicationControllers)
	add(&s, o.Services)
	add(&s, o.PersistentVolumes)
	add(&s, o.PersistentVolumeClaims)
	add(&s, o.StorageClasses)
	add(&s, o.CSINodes)
	add(&s, o.CSIDrivers)
	add(&s, o.CSIStorageCapacities)
	add(&s, o.VolumeAttachments)
	add(&s, o.ResourceSlices)
	add(&s, o.ResourceClaims)
	add(&s, o.ResourceClaimTemplates)
	add(&s, o.DeviceClasses)
	add(&s, o.DeviceTaintRules)
	add(&s, o.PriorityClasses)
	add(&s, o.PodGroups)
	add(&s, o.PodDisruptionBudgets)
	if s.err != nil {
		return "", s.err
	}
	groups, err := json.Marshal(wishes(p.request.NodeGroups))
	if err != nil {
		return "", fmt.Errorf("hashing the NodeGroups: %w", err)
	}
	s.total.Write(groups)
	fmt.Fprintf(s.total, "%+v %t %d %d", p.request.Limits, p.request.NoScaleUp, p.request.expendableBelow(), p.request.Work)
	for _, names := range [][]string{p.request.Unavailable, p.request.TakenNames} {
		if len(names) > 0 {
			fmt.Fprintf(s.total, " %q", slices.Sorted(slices.Values(names)))
		}
	}
	return hex.EncodeToString(s.total.Sum(nil)), nil
}

// wish is the part of a NodeGroup that decides.
type wish struct {
	Name string
	Spec *v1alpha1.NodeGroupSpec
}

// wishes leaves out what the API server and the controllers write into NodeGroups.
func wishes(groups []*v1alpha1.NodeGroup) []wish {
	list := make([]wish, len(groups))
	for i, group := range groups {
		list[i] = wish{Name: group.Name, Spec: &group.Spec}
	}
	return list
}

type snapshotHash struct {
	total hash.Hash
	sums  *Sums
	err   error
}

// add hashes a list of API objects.
func add[T marshaler](s *snapshotHash, list []T) {
	sums := make([][sha256.Size]byte, len(list))
	for i, object := range list {
		if sums[i], s.err = s.sums.of(object); s.err != nil {
			return
		}
	}
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	fmt.Fprintf(s.total, "%d\n", len(list))
	for i := range sums {
		s.total.Write(sums[i][:])
	}
}
