package offerings

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// LearnedKind heads the serialised form of Learned, beside APIVersion.
const LearnedKind = "LearnedAllocatable"

// Learned is what real nodes showed about offerings, kept in place of the
// AllocatableModel's estimate. It is needed because a guest may see less memory
// than was sold (VPSie's "A" plans balloon it), and because only the node knows
// what its kubelet really reserves.
//
// The statistic is the minimum over all nodes seen, for each resource. An
// estimate that is too high leaves a pod pending on a machine bought for it;
// one that is too low costs a little money, so the minimum is the safe side. It
// also depends neither on the order nor on the number of observations of a
// size, so a restart, a repeated observation or another order of events leads
// to the same plans. The price is that one odd node weighs until Forget.
//
// Extended resources are not learned: a device plugin registers minutes after
// the node, and a count seen before that would hide the devices for good.
//
// The zero value has learned nothing. It is not safe for concurrent use.
type Learned struct {
	byOffering map[string]Sighting
}

// Sighting is the least that nodes of one offering showed, without extended resources.
type Sighting struct {
	// Sold is the offering's Capacity at that time. A plan sold in another size
	// under the same name is another machine, about which nothing is known.
	Sold Resources `json:"sold"`
	// Capacity and Allocatable as in a node's status.
	Capacity    Resources `json:"capacity"`
	Allocatable Resources `json:"allocatable"`
}

// Observe takes note of a node of an offering: the capacity and allocatable of
// its status, once it is Ready. It returns an error, and learns nothing, when
// the figures cannot be a Ready node's.
func (l *Learned) Observe(o *Offering, capacity, allocatable Resources) error {
	seen := Sighting{Sold: plain(o.Capacity), Capacity: plain(capacity), Allocatable: plain(allocatable)}
	if err := seen.check(); err != nil {
		return fmt.Errorf("learn from a node of offering %s: %w", o.Name, err)
	}
	if before, ok := l.byOffering[o.Name]; ok && before.Sold.equal(seen.Sold) {
		seen.Capacity = least(seen.Capacity, before.Capacity)
		seen.Allocatable = least(seen.Allocatable, before.Allocatable)
	}
	if l.byOffering == nil {
		l.byOffering = make(map[string]Sighting)
	}
	l.byOffering[o.Name] = seen
	return nil
}

// Seen returns what was learned about an offering as it is sold now; false when
// nothing was.
func (l *Learned) Seen(o *Offering) (Sighting, bool) {
	seen, ok := l.byOffering[o.Name]
	if !ok || !seen.Sold.equal(plain(o.Capacity)) {
		return Sighting{}, false
	}
	return seen, true
}

// Forget drops what was learned about an offering by name, after its nodes or
// their kubelets were set up differently.
func (l *Learned) Forget(offering string) {
	delete(l.byOffering, offering)
}

// Apply returns a copy of the catalogue in which the allocatable of each
// offering that was seen is what was learned, but never more than what is sold.
// What was learned of offerings that the catalogue lacks stays for later.
func (l *Learned) Apply(c *Catalog) *Catalog {
	changed := c.clone()
	for i := range changed.Offerings {
		o := &changed.Offerings[i]
		if seen, ok := l.Seen(o); ok {
			extended := o.Allocatable.Extended
			o.Allocatable = least(seen.Allocatable, plain(o.Capacity))
			o.Allocatable.Extended = extended
		}
	}
	return changed
}

// check refuses figures that no Ready node has.
func (s Sighting) check() error {
	for _, r := range []struct {
		name                        string
		sold, capacity, allocatable int64
	}{
		{"milliCPU", s.Sold.MilliCPU, s.Capacity.MilliCPU, s.Allocatable.MilliCPU},
		{"memoryBytes", s.Sold.MemoryBytes, s.Capacity.MemoryBytes, s.Allocatable.MemoryBytes},
		{"maxPods", s.Sold.MaxPods, s.Capacity.MaxPods, s.Allocatable.MaxPods},
		{"ephemeralBytes", s.Sold.EphemeralBytes, s.Capacity.EphemeralBytes, s.Allocatable.EphemeralBytes},
	} {
		switch {
		case r.name == "ephemeralBytes" && r.sold == 0:
			// A catalogue may be of machines without a disk for pods.
		case r.sold <= 0 || r.capacity <= 0 || r.allocatable <= 0:
			return fmt.Errorf("%s: each figure must be positive, got %d sold, %d capacity, %d allocatable",
				r.name, r.sold, r.capacity, r.allocatable)
		case r.allocatable > r.capacity:
			return fmt.Errorf("%s: allocatable %d is more than capacity %d", r.name, r.allocatable, r.capacity)
		}
	}
	return nil
}

type learnedForm struct {
	APIVersion string              `json:"apiVersion"`
	Kind       string              `json:"kind"`
	Offerings  map[string]Sighting `json:"offerings"`
}

// MarshalJSON writes what was learned, offerings sorted by name.
func (l *Learned) MarshalJSON() ([]byte, error) {
	form := learnedForm{APIVersion: APIVersion, Kind: LearnedKind, Offerings: l.byOffering}
	if form.Offerings == nil {
		form.Offerings = map[string]Sighting{}
	}
	return json.Marshal(form)
}

// UnmarshalJSON replaces what was learned by what MarshalJSON wrote, or changes
// nothing and returns an error.
func (l *Learned) UnmarshalJSON(data []byte) error {
	var form learnedForm
	if err := json.Unmarshal(data, &form); err != nil {
		return fmt.Errorf("read what was learned of offerings: %w", err)
	}
	if form.APIVersion != APIVersion || form.Kind != LearnedKind {
		return fmt.Errorf("read what was learned of offerings: want %s %s, got %s %s",
			APIVersion, LearnedKind, shown(form.APIVersion), shown(form.Kind))
	}
	for _, name := range slices.Sorted(maps.Keys(form.Offerings)) {
		seen := form.Offerings[name]
		err := seen.check()
		if err == nil && len(seen.Sold.Extended)+len(seen.Capacity.Extended)+len(seen.Allocatable.Extended) > 0 {
			err = errors.New("extended resources are not learned")
		}
		if err != nil {
			return fmt.Errorf("read what was learned of offering %s: %w", shown(name), err)
		}
	}
	l.byOffering = form.Offerings
	return nil
}

// plain is r without extended resources.
func plain(r Resources) Resources {
	r.Extended = nil
	return r
}

// equal compares what plain leaves.
func (r Resources) equal(s Resources) bool {
	return r.MilliCPU == s.MilliCPU && r.MemoryBytes == s.MemoryBytes &&
		r.EphemeralBytes == s.EphemeralBytes && r.MaxPods == s.MaxPods
}

// least is the smaller of each, without extended resources.
func least(a, b Resources) Resources {
	return Resources{
		MilliCPU:       min(a.MilliCPU, b.MilliCPU),
		MemoryBytes:    min(a.MemoryBytes, b.MemoryBytes),
		EphemeralBytes: min(a.EphemeralBytes, b.EphemeralBytes),
		MaxPods:        min(a.MaxPods, b.MaxPods),
	}
}
