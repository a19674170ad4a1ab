package learned

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

const (
	// Kind heads the observations in their ConfigMap, beside offerings.APIVersion.
	Kind = "ObservedAllocatable"

	// remembered is how many machines of an offering are remembered, the last ones.
	remembered = 5
	// quorum is how many must be known before one can be called odd.
	quorum = 3
	// maxBytes bounds what is read back; a ConfigMap holds at most 1 MiB.
	maxBytes = 1 << 20
)

// Observation is what one Ready node showed.
type Observation struct {
	// Machine is the UID of its VPSieNode.
	Machine string `json:"machine"`
	// Time is when it was first believed, in UTC and whole seconds.
	Time time.Time `json:"time"`
	// Sold is the offering's capacity at that time.
	Sold offerings.Resources `json:"sold"`
	// Capacity and Allocatable as in the node's status, without extended resources.
	Capacity    offerings.Resources `json:"capacity"`
	Allocatable offerings.Resources `json:"allocatable"`
}

// observations are the last ones by offering, oldest first.
type observations map[string][]Observation

// add takes note and says whether that is news. A machine that is known only
// changes what it showed.
func (o observations) add(offering string, seen Observation) bool {
	list := o[offering]
	for i := range list {
		if list[i].Machine == seen.Machine {
			seen.Time = list[i].Time
			if same(list[i], seen) {
				return false
			}
			list[i] = seen
			return true
		}
	}
	o[offering] = append(list, seen)
	if extra := len(o[offering]) - remembered; extra > 0 {
		o[offering] = slices.Clone(o[offering][extra:])
	}
	return true
}

func same(a, b Observation) bool {
	return a.Machine == b.Machine && a.Time.Equal(b.Time) &&
		equal(a.Sold, b.Sold) && equal(a.Capacity, b.Capacity) && equal(a.Allocatable, b.Allocatable)
}

func equal(a, b offerings.Resources) bool {
	return a.MilliCPU == b.MilliCPU && a.MemoryBytes == b.MemoryBytes && a.EphemeralBytes == b.EphemeralBytes && a.MaxPods == b.MaxPods
}

// believed are the observations of an offering as it is sold now, without odd ones.
func (o observations) believed(offering *offerings.Offering) []Observation {
	sold := plain(offering.Capacity)
	list := slices.DeleteFunc(slices.Clone(o[offering.Name]), func(seen Observation) bool { return !equal(seen.Sold, sold) })
	if len(list) < quorum {
		return list
	}
	oddCPU, oddMemory := half(list, milliCPU), half(list, memory)
	odd := func(seen Observation) bool {
		return seen.Allocatable.MilliCPU < oddCPU || seen.Allocatable.MemoryBytes < oddMemory
	}
	last := len(list) - 1
	if odd(list[last]) && odd(list[last-1]) {
		return list
	}
	return slices.DeleteFunc(list, odd)
}

func milliCPU(r offerings.Resources) int64 { return r.MilliCPU }
func memory(r offerings.Resources) int64   { return r.MemoryBytes }

// half is half of the median.
func half(list []Observation, of func(offerings.Resources) int64) int64 {
	var amounts []int64
	for _, seen := range list {
		amounts = append(amounts, of(seen.Allocatable))
	}
	slices.Sort(amounts)
	return amounts[len(amounts)/2] / 2
}

// learned is what the believed observations say about a catalogue's offerings.
func (o observations) learned(c *offerings.Catalog) *offerings.Learned {
	var l offerings.Learned
	for i := range c.Offerings {
		offering := &c.Offerings[i]
		for _, seen := range o.believed(offering) {
			// Each was checked when it was taken down or read.
			_ = l.Observe(offering, seen.Capacity, seen.Allocatable)
		}
	}
	return &l
}

type form struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Offerings  observations `json:"offerings"`
}

// encode writes the observations, offerings by name.
func (o observations) encode() (string, error) {
	data, err := json.MarshalIndent(form{offerings.APIVersion, Kind, o}, "", " ")
	return string(data) + "\n", err
}

// decode reads what encode wrote.
func decode(text string) (observations, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%d bytes are too many", len(text))
	}
	var f form
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return nil, err
	}
	if f.APIVersion != offerings.APIVersion || f.Kind != Kind {
		return nil, fmt.Errorf("want %s %s, got %q %q", offerings.APIVersion, Kind, f.APIVersion, f.Kind)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Offerings)) {
		list := f.Offerings[name]
		if len(list) > remembered {
			return nil, fmt.Errorf("offering %q: %d observations, at most %d are kept", name, len(list), remembered)
		}
		machines := map[string]bool{}
		for i, seen := range list {
			err := seen.check()
			switch {
			case err != nil:
			case seen.Machine == "":
				err = errors.New("machine is empty")
			case machines[seen.Machine]:
				err = fmt.Errorf("machine %q was observed before", seen.Machine)
			}
			if err != nil {
				return nil, fmt.Errorf("offering %q, observation %d: %w", name, i, err)
			}
			machines[seen.Machine] = true
		}
	}
	if f.Offerings == nil {
		f.Offerings = observations{}
	}
	return f.Offerings, nil
}

// check refuses figures that no Ready node has, as offerings.Learned does.
func (o Observation) check() error {
	if len(o.Sold.Extended)+len(o.Capacity.Extended)+len(o.Allocatable.Extended) > 0 {
		return errors.New("extended resources are not learned")
	}
	var l offerings.Learned
	return l.Observe(&offerings.Offering{Name: "observed", Capacity: o.Sold}, o.Capacity, o.Allocatable)
}

func plain(r offerings.Resources) offerings.Resources {
	r.Extended = nil
	return r
}
