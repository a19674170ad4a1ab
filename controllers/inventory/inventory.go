package inventory

import (
	"context"
	"fmt"
	"time"

	"k8s.io/utils/clock"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// VPSie are the lists of machines; *vpsie.Client has them.
type VPSie interface {
	PendingVMs(ctx context.Context) ([]vpsie.PendingVM, error)
	ListVMs(ctx context.Context) ([]vpsie.VM, error)
	ListAllVMs(ctx context.Context) ([]vpsie.StorageVM, error)
}

// Reading is what the lists said. It is shared and must not be changed.
type Reading struct {
	// Started is when the first list was asked for: what happened before, the
	// reading shows.
	Started time.Time
	// Pending, VMs and All are the lists as they came.
	Pending []vpsie.PendingVM
	VMs     []vpsie.VM
	All     []vpsie.StorageVM

	pendingByHostname map[string][]*vpsie.PendingVM
	vmsByHostname     map[string][]*vpsie.VM
	vmsByID           map[string]*vpsie.VM
	allByHostname     map[string][]*vpsie.StorageVM
	allByID           map[string]*vpsie.StorageVM
}

// PendingNamed returns the orders of a hostname, in lower case.
func (r *Reading) PendingNamed(hostname string) []*vpsie.PendingVM {
	return r.pendingByHostname[hostname]
}

// VMsNamed returns the machines of a hostname, in lower case.
func (r *Reading) VMsNamed(hostname string) []*vpsie.VM { return r.vmsByHostname[hostname] }

// VM returns the machine of an identifier, nil if the list lacks it.
func (r *Reading) VM(id string) *vpsie.VM { return r.vmsByID[id] }

// AllNamed returns the second source's machines of a hostname, in lower case.
func (r *Reading) AllNamed(hostname string) []*vpsie.StorageVM { return r.allByHostname[hostname] }

// InAll returns the second source's machine of an identifier, nil if it lacks it.
func (r *Reading) InAll(id string) *vpsie.StorageVM { return r.allByID[id] }

func (r *Reading) index() {
	r.pendingByHostname = group(r.Pending, func(vm *vpsie.PendingVM) string { return vm.Hostname })
	r.vmsByHostname = group(r.VMs, func(vm *vpsie.VM) string { return vm.Hostname })
	r.allByHostname = group(r.All, func(vm *vpsie.StorageVM) string { return vm.Hostname })
	r.vmsByID = make(map[string]*vpsie.VM, len(r.VMs))
	for i := range r.VMs {
		r.vmsByID[r.VMs[i].ID] = &r.VMs[i]
	}
	r.allByID = make(map[string]*vpsie.StorageVM, len(r.All))
	for i := range r.All {
		r.allByID[r.All[i].ID] = &r.All[i]
	}
}

func group[T any](list []T, key func(*T) string) map[string][]*T {
	groups := make(map[string][]*T, len(list))
	for i := range list {
		k := key(&list[i])
		groups[k] = append(groups[k], &list[i])
	}
	return groups
}

// Inventory reads VPSie's lists for all who ask. Its methods may be called from
// several goroutines.
type Inventory struct {
	api   VPSie
	clock clock.PassiveClock
	// turn is held by who reads; last is what was read.
	turn chan struct{}
	last *Reading
}

// New makes an inventory of what the API lists.
func New(api VPSie, clock clock.PassiveClock) *Inventory {
	return &Inventory{api: api, clock: clock, turn: make(chan struct{}, 1)}
}

// Since returns a reading that was started at the given time or later: an
// earlier one of somebody else's if there is one, or else a new one. An error
// means that a list could not be read, and that nothing is known.
func (i *Inventory) Since(ctx context.Context, earliest time.Time) (*Reading, error) {
	select {
	case i.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for VPSie's lists of machines: %w", ctx.Err())
	}
	defer func() { <-i.turn }()
	if i.last != nil && !i.last.Started.Before(earliest) {
		return i.last, nil
	}
	reading, err := i.read(ctx)
	if err != nil {
		return nil, err
	}
	i.last = reading
	return reading, nil
}

// read asks for the queue before the machines: a machine that leaves the queue
// in between is then in both lists, and not in none.
func (i *Inventory) read(ctx context.Context) (*Reading, error) {
	r := &Reading{Started: i.clock.Now()}
	var err error
	if r.Pending, err = i.api.PendingVMs(ctx); err != nil {
		return nil, fmt.Errorf("listing VPSie's pending machines: %w", err)
	}
	if r.VMs, err = i.api.ListVMs(ctx); err != nil {
		return nil, fmt.Errorf("listing VPSie's machines: %w", err)
	}
	if r.All, err = i.api.ListAllVMs(ctx); err != nil {
		return nil, fmt.Errorf("listing VPSie's machines with storage: %w", err)
	}
	r.index()
	return r, nil
}
