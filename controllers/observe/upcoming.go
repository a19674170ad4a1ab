package observe

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	daemonutil "k8s.io/kubernetes/pkg/controller/daemon/util"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// addUpcoming puts every machine that is on its way among the nodes, as the node
// that it will be once its startup taints are gone, and nominates the pods that
// were planned for it. A machine that is on its way out, or was ready, and has no
// Node (any more) is there too, closed to pods: it counts against limits for as
// long as it may exist.
func (s *Snapshot) addUpcoming(catalog *offerings.Catalog) {
	s.Upcoming = map[string]*v1alpha1.VPSieNode{}
	b := s.builder(catalog)
	seen := map[string]bool{}
	for _, machine := range s.Machines {
		name := machine.Spec.Hostname
		if seen[name] {
			s.Notes = append(s.Notes, fmt.Sprintf("VPSieNode %s: another one has its hostname %s", machine.Name, name))
			continue
		}
		seen[name] = onItsWay(machine) || paidFor(machine)
		position, joined := b.nodes[name]
		switch {
		case onItsWay(machine):
			spec, ok := b.promised(machine)
			if !ok {
				s.Notes = append(s.Notes, fmt.Sprintf("VPSieNode %s: neither its NodeGroup %s nor its size is known: it does not count as room", machine.Name, machine.Spec.NodeGroup))
				continue
			}
			s.Upcoming[name] = machine
			if joined {
				real := s.Objects.Nodes[position]
				s.Objects.Nodes[position] = b.arriving(real, spec.Node, machine)
				b.remaining(&spec, name)
			} else {
				s.Objects.Nodes = append(s.Objects.Nodes, spec.Node)
			}
			s.add(&spec)
		case paidFor(machine) && !joined:
			if spec, ok := b.promised(machine); ok {
				spec.Node.Spec.Unschedulable = true
				s.Objects.Nodes = append(s.Objects.Nodes, spec.Node)
			}
		}
	}
	s.nominate()
}

// onItsWay says that the machine is to become a node that takes pods.
func onItsWay(machine *v1alpha1.VPSieNode) bool {
	if machine.DeletionTimestamp != nil {
		return false
	}
	switch machine.Status.Phase {
	case "", v1alpha1.PhasePending, v1alpha1.PhaseProvisioning, v1alpha1.PhaseProvisioned, v1alpha1.PhaseJoining:
		return true
	}
	return false
}

// paidFor says that there may be a machine although it is not to become a node:
// it is being given back, or it was one already.
func paidFor(machine *v1alpha1.VPSieNode) bool {
	if machine.DeletionTimestamp == nil {
		return machine.Status.Phase == v1alpha1.PhaseReady
	}
	return machine.Status.RequestedAt != nil && machine.Status.Phase != v1alpha1.PhaseFailed
}

// add puts what belongs to a node into the lists.
func (s *Snapshot) add(spec *simulator.NodeSpec) {
	if spec.CSINode != nil {
		s.Objects.CSINodes = append(s.Objects.CSINodes, spec.CSINode)
	}
	s.Objects.ResourceSlices = append(s.Objects.ResourceSlices, spec.ResourceSlices...)
	s.Objects.Pods = append(s.Objects.Pods, spec.Pods...)
}

// nominate keeps the room of upcoming machines for the pods planned for them. A
// pod that kube-scheduler itself nominated somewhere stays nominated there.
func (s *Snapshot) nominate() {
	planned := map[string]string{}
	for _, machine := range s.Machines {
		if s.Upcoming[machine.Spec.Hostname] == machine {
			for _, pod := range machine.Spec.Pods {
				planned[pod] = machine.Spec.Hostname
			}
		}
	}
	if len(planned) == 0 {
		return
	}
	for i, pod := range s.Objects.Pods {
		if pod.Spec.NodeName != "" || pod.Status.NominatedNodeName != "" {
			continue
		}
		if node := planned[PodKey(pod)]; node != "" {
			nominated := *pod
			nominated.Status.NominatedNodeName = node
			s.Objects.Pods[i] = &nominated
		}
	}
}

// builder makes nodes of machines.
type builder struct {
	catalog    *offerings.Catalog
	groups     map[string]*v1alpha1.NodeGroup
	daemonSets []*appsv1.DaemonSet
	// nodes are positions in Objects.Nodes by name.
	nodes    map[string]int
	csiNodes map[string]*storagev1.CSINode
	slices   []*resourcev1.ResourceSlice
	// daemons are the DaemonSets, by UID, that have a pod for a node, by name.
	daemons map[string]map[string]bool
	objects *simulator.Objects
}

func (s *Snapshot) builder(catalog *offerings.Catalog) *builder {
	b := &builder{
		catalog: catalog, groups: map[string]*v1alpha1.NodeGroup{}, daemonSets: s.Objects.DaemonSets,
		nodes: make(map[string]int, len(s.Objects.Nodes)), csiNodes: map[string]*storagev1.CSINode{},
		slices: s.Objects.ResourceSlices, objects: &s.Objects,
	}
	for _, group := range s.NodeGroups {
		b.groups[group.Name] = group
	}
	for i, node := range s.Objects.Nodes {
		b.nodes[node.Name] = i
	}
	for _, csi := range s.Objects.CSINodes {
		b.csiNodes[csi.Name] = csi
	}
	return b
}

// promised is the machine as the node that was planned. What became of the
// offering since does not matter where the VPSieNode says what was counted on.
func (b *builder) promised(machine *v1alpha1.VPSieNode) (simulator.NodeSpec, bool) {
	group := b.groups[machine.Spec.NodeGroup]
	if group == nil {
		return simulator.NodeSpec{}, false
	}
	offering, datacenter := b.catalog.Offering(machine.Spec.Offering), b.catalog.Datacenter(machine.Spec.Datacenter)
	if offering == nil {
		if len(machine.Spec.Allocatable) == 0 {
			return simulator.NodeSpec{}, false
		}
		offering = &offerings.Offering{Name: machine.Spec.Offering}
	}
	if datacenter == nil {
		datacenter = &offerings.Datacenter{ID: machine.Spec.Datacenter}
	}
	spec := binpack.NewTemplate(offering, group, *datacenter, b.daemonSets).Node(machine.Spec.Hostname)
	if len(machine.Spec.Allocatable) > 0 {
		spec.Node.Status.Allocatable = machine.Spec.Allocatable
		if b.catalog.Offering(machine.Spec.Offering) == nil {
			spec.Node.Status.Capacity = machine.Spec.Allocatable
		}
	}
	return spec, true
}

// arriving is a Node that has joined and does not take pods yet, as it will be:
// its own labels and room, with those that it is still to get, and without the
// taints that it will lose.
func (b *builder) arriving(real, promised *v1.Node, machine *v1alpha1.VPSieNode) *v1.Node {
	node := *real
	node.Labels = maps.Clone(promised.Labels)
	maps.Copy(node.Labels, real.Labels)
	lasting := b.groups[machine.Spec.NodeGroup].Spec.Taints
	node.Spec.Taints = slices.Clone(promised.Spec.Taints)
	for _, taint := range real.Spec.Taints {
		known := slices.ContainsFunc(lasting, func(t v1alpha1.Taint) bool { return t.Key == taint.Key && t.Effect == taint.Effect })
		if !known && !b.passing(&taint, machine) {
			node.Spec.Taints = append(node.Spec.Taints, taint)
		}
	}
	node.Status.Allocatable = maps.Clone(promised.Status.Allocatable)
	if real.Status.Allocatable.Cpu().IsZero() || real.Status.Allocatable.Memory().IsZero() {
		return &node
	}
	maps.Copy(node.Status.Allocatable, real.Status.Allocatable)
	return &node
}

// passing says that a taint goes away when the node is ready.
func (b *builder) passing(taint *v1.Taint, machine *v1alpha1.VPSieNode) bool {
	switch taint.Key {
	case v1alpha1.StartupTaint, v1.TaintNodeNotReady, v1.TaintNodeUnreachable, v1.TaintNodeNetworkUnavailable, "node.cloudprovider.kubernetes.io/uninitialized":
		return true
	}
	return slices.ContainsFunc(b.groups[machine.Spec.NodeGroup].Spec.StartupTaints, func(t v1alpha1.Taint) bool {
		return t.Key == taint.Key && t.Effect == taint.Effect
	})
}

// remaining leaves of what a node is to have only what the real one lacks.
func (b *builder) remaining(spec *simulator.NodeSpec, name string) {
	if csi := b.csiNodes[name]; csi != nil {
		if slices.ContainsFunc(csi.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == binpack.CSIDriver }) {
			spec.CSINode = nil
		} else {
			// The kubelet writes it before the driver has registered.
			b.objects.CSINodes = slices.DeleteFunc(b.objects.CSINodes, func(c *storagev1.CSINode) bool { return c == csi })
			merged := *spec.CSINode
			merged.Spec.Drivers = append(slices.Clone(csi.Spec.Drivers), spec.CSINode.Spec.Drivers...)
			spec.CSINode = &merged
		}
	}
	spec.ResourceSlices = slices.DeleteFunc(spec.ResourceSlices, func(slice *resourcev1.ResourceSlice) bool {
		return slices.ContainsFunc(b.slices, func(real *resourcev1.ResourceSlice) bool {
			return real.Spec.Driver == slice.Spec.Driver && real.Spec.NodeName != nil && *real.Spec.NodeName == name
		})
	})
	there := b.daemonsOn()[name]
	spec.Pods = slices.DeleteFunc(spec.Pods, func(pod *v1.Pod) bool { return there[string(metav1.GetControllerOf(pod).UID)] })
}

// daemonsOn finds, per node, the DaemonSets whose pod for it exists, bound or not.
func (b *builder) daemonsOn() map[string]map[string]bool {
	if b.daemons != nil {
		return b.daemons
	}
	b.daemons = map[string]map[string]bool{}
	for _, pod := range b.objects.Pods {
		owner := metav1.GetControllerOfNoCopy(pod)
		if owner == nil || owner.Kind != "DaemonSet" {
			continue
		}
		node, err := daemonutil.GetTargetNodeName(pod)
		if err != nil {
			// Not a pod of the DaemonSet controller's making: it is on no node.
			continue
		}
		if b.daemons[node] == nil {
			b.daemons[node] = map[string]bool{}
		}
		b.daemons[node][string(owner.UID)] = true
	}
	return b.daemons
}
