package vpsienode

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// machine is a machine at VPSie that is proven to be ours.
type machine struct {
	// id is VPSie's; hostname is in lower case.
	id, hostname  string
	ip, privateIP string
	running       bool
	created       time.Time
}

// sighting is what one reading of VPSie's lists says of a VPSieNode's machine.
type sighting struct {
	// at is when the reading was started.
	at time.Time
	// machine is the one to keep, nil if there is none.
	machine *machine
	// extra are further machines of ours with the same name: bought twice.
	extra []machine
	// unclear says why the machine may exist although it is not in the list of
	// machines: in the queue, or in the second source alone.
	unclear string
	// stranger says why a machine of our hostname is not ours.
	stranger string
}

// absent: nothing of ours is there, nor on its way.
func (s *sighting) absent() bool { return s.machine == nil && s.unclear == "" }

// own are all machines that are proven to be ours.
func (s *sighting) own() []machine {
	if s.machine == nil {
		return nil
	}
	return append([]machine{*s.machine}, s.extra...)
}

// sight looks for a VPSieNode's machine, ordered as a plain VM, in a reading.
func sight(r *inventory.Reading, m *v1alpha1.VPSieNode, clusterID string) sighting {
	s := sighting{at: r.Started}
	hostname := strings.ToLower(m.Spec.Hostname)
	mark := inventory.Mark{ClusterID: clusterID, Node: m.Name, UID: m.UID}
	candidates := r.VMsNamed(hostname)
	if known := r.VM(m.Status.VPSID); known != nil && !slices.Contains(candidates, known) {
		// Somebody renamed the machine; its mark still says whose it is.
		candidates = append(slices.Clip(candidates), known)
	}
	var own []machine
	for _, vm := range candidates {
		if vm.State.Gone() {
			continue
		}
		if !owns(m, mark, vm) {
			s.stranger = fmt.Sprintf("VPSie has machine %s of the same hostname, and its notes do not name VPSieNode %s", vm.ID, m.Name)
			continue
		}
		own = append(own, machine{
			id: vm.ID, hostname: vm.Hostname, ip: vm.IP, privateIP: vm.PrivateIP,
			running: vm.State == vpsie.StateRunning, created: vm.Created,
		})
	}
	slices.SortFunc(own, func(a, b machine) int { return prefer(m.Status.VPSID, a, b) })
	if len(own) > 0 {
		s.machine, s.extra = &own[0], own[1:]
	}
	s.unclear = underWay(r, m, hostname)
	return s
}

// owns says that the machine's notes name the VPSieNode. A machine that outlived
// its object and was adopted names the former object of that name; the adopted
// one has known its identifier from the start.
func owns(m *v1alpha1.VPSieNode, mark inventory.Mark, vm *vpsie.VM) bool {
	found, ok := inventory.ReadMark(vm.Notes)
	return ok && (found == mark || found.ClusterID == mark.ClusterID && found.Node == mark.Node && vm.ID == m.Status.VPSID)
}

// underWay says why a machine may exist that is not in the list of machines.
func underWay(r *inventory.Reading, m *v1alpha1.VPSieNode, hostname string) string {
	for _, order := range r.PendingNamed(hostname) {
		// Without a process ID the hostname is all there is to go by.
		if order.ProcessID == "" || strings.EqualFold(order.ProcessID, string(m.UID)) {
			return "the order is in VPSie's queue"
		}
	}
	others := r.AllNamed(hostname)
	if known := r.InAll(m.Status.VPSID); known != nil {
		others = append(slices.Clip(others), known)
	}
	for _, vm := range others {
		if r.VM(vm.ID) == nil {
			return fmt.Sprintf("machine %s is in one of VPSie's lists and not in the other", vm.ID)
		}
	}
	return ""
}

// prefer orders machines of one name by which to keep: the one known, then
// running ones, then the oldest.
func prefer(known string, a, b machine) int {
	first := func(yes, no bool) int {
		switch {
		case yes == no:
			return 0
		case yes:
			return -1
		}
		return 1
	}
	for _, order := range []int{
		first(a.id == known, b.id == known),
		first(a.running, b.running),
		// An unknown age is no great one.
		first(!a.created.IsZero(), !b.created.IsZero()),
		a.created.Compare(b.created),
	} {
		if order != 0 {
			return order
		}
	}
	return strings.Compare(a.id, b.id)
}
