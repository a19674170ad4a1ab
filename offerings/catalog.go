package offerings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	// HoursPerMonth is VPSie's billing month: 0.0069 $/h is 4.97 $/month.
	HoursPerMonth = 720
	// MinPricePerHour and MaxPricePerHour in $/h bound what is believed to be a
	// price: about 0.07 cents a month, and well above the dearest machine that
	// any cloud lists.
	MinPricePerHour = 1e-6
	MaxPricePerHour = 10_000
)

// Datacenter is a place where machines are made.
type Datacenter struct {
	// ID is what offerings and NodeGroups refer to and what VPSie's API takes; it is the
	// zone (topology.kubernetes.io/zone) of the nodes there.
	ID string
	// Name is what people call it; ID when nobody said.
	Name string
	// Region (topology.kubernetes.io/region) groups datacenters; empty when unknown.
	Region string
}

// Catalog is what can be bought. It is not changed after it was made; its
// slices and maps are shared between copies.
type Catalog struct {
	// Name says where the prices are from, for people; it decides nothing.
	Name string
	// Currency is an ISO 4217 code. It is a label: nothing is converted.
	Currency string
	// Datacenters sorted by ID, Offerings sorted by Name. Offerings may be empty.
	Datacenters []Datacenter
	Offerings   []Offering
}

// New makes a catalogue in US dollars of copies of what it is given, sorted,
// and checks that names, identifiers and datacenter IDs are unique, that each
// offering has a price and something to offer, and that it names only
// datacenters that exist. Offerings state their Allocatable already; a zero
// Capacity becomes equal to it, an empty Identifier becomes the Name.
func New(name string, datacenters []Datacenter, list []Offering) (*Catalog, error) {
	c := &Catalog{
		Name:        name,
		Currency:    "USD",
		Datacenters: slices.Clone(datacenters),
		Offerings:   slices.Clone(list),
	}
	places := make(map[string]bool, len(datacenters))
	for i := range c.Datacenters {
		d := &c.Datacenters[i]
		if d.ID == "" || places[d.ID] {
			return nil, fmt.Errorf("catalogue %s: datacenter %q: the ID is empty or stated twice", name, d.ID)
		}
		places[d.ID] = true
		if d.Name == "" {
			d.Name = d.ID
		}
	}
	taken := make(keys, 2*len(list))
	for i := range c.Offerings {
		if err := c.Offerings[i].complete(places, taken); err != nil {
			return nil, fmt.Errorf("catalogue %s: offering %q: %w", name, c.Offerings[i].Name, err)
		}
	}
	c.sort()
	return c, nil
}

// complete fills in what an offering may leave out and checks the rest.
func (o *Offering) complete(places map[string]bool, taken keys) error {
	if o.Name == "" {
		return errors.New("the name is empty")
	}
	if o.Identifier == "" {
		o.Identifier = o.Name
	}
	for _, key := range slices.Compact([]string{o.Name, o.Identifier}) {
		if err := taken.claim(key, o.Name); err != nil {
			return err
		}
	}
	if err := checkPrice(o.PricePerHour); err != nil {
		return err
	}
	if a := o.Allocatable; a.MilliCPU <= 0 || a.MemoryBytes <= 0 || a.EphemeralBytes < 0 || a.MaxPods <= 0 {
		return fmt.Errorf("pods need some of each resource, got allocatable %+v", a)
	}
	if o.Capacity.MilliCPU == 0 && o.Capacity.MemoryBytes == 0 {
		o.Capacity = o.Allocatable
	}
	if len(o.Datacenters) == 0 {
		return errors.New("no datacenter has it")
	}
	for _, id := range o.Datacenters {
		if !places[id] {
			return fmt.Errorf("unknown datacenter %q%s", id, didYouMean(id, slices.Sorted(maps.Keys(places))))
		}
	}
	for _, id := range o.Unavailable {
		if !slices.Contains(o.Datacenters, id) {
			return fmt.Errorf("unavailable in %q, where it does not exist", id)
		}
	}
	o.Datacenters, o.Unavailable = sortedSet(o.Datacenters), sortedSet(o.Unavailable)
	return nil
}

// keys maps each name and identifier to the offering that has it. One
// namespace for both, so that a lookup by either is never ambiguous.
type keys map[string]string

func (k keys) claim(key, offering string) error {
	if owner, taken := k[key]; taken {
		return fmt.Errorf("%q is already the name or identifier of offering %s", key, owner)
	}
	k[key] = offering
	return nil
}

func (c *Catalog) sort() {
	slices.SortFunc(c.Datacenters, func(a, b Datacenter) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(c.Offerings, func(a, b Offering) int { return strings.Compare(a.Name, b.Name) })
}

// Offering returns the offering with this name, or nil. The result is shared
// and must not be changed.
func (c *Catalog) Offering(name string) *Offering {
	i, found := slices.BinarySearchFunc(c.Offerings, name, func(o Offering, name string) int {
		return strings.Compare(o.Name, name)
	})
	if !found {
		return nil
	}
	return &c.Offerings[i]
}

// ByIdentifier returns the offering with VPSie's identifier, or nil.
func (c *Catalog) ByIdentifier(identifier string) *Offering {
	for i := range c.Offerings {
		if c.Offerings[i].Identifier == identifier {
			return &c.Offerings[i]
		}
	}
	return nil
}

// Lookup returns the offering with this name or identifier. The error of an
// unknown one names up to three that are spelt alike.
func (c *Catalog) Lookup(nameOrIdentifier string) (*Offering, error) {
	if o := c.Offering(nameOrIdentifier); o != nil {
		return o, nil
	}
	if o := c.ByIdentifier(nameOrIdentifier); o != nil {
		return o, nil
	}
	names := make([]string, len(c.Offerings))
	for i := range c.Offerings {
		names[i] = c.Offerings[i].Name
	}
	return nil, fmt.Errorf("catalogue %s has no offering %q%s", c.Name, nameOrIdentifier, didYouMean(nameOrIdentifier, names))
}

// Datacenter returns the datacenter with this ID, or nil.
func (c *Catalog) Datacenter(id string) *Datacenter {
	i, found := slices.BinarySearchFunc(c.Datacenters, id, func(d Datacenter, id string) int {
		return strings.Compare(d.ID, id)
	})
	if !found {
		return nil
	}
	return &c.Datacenters[i]
}

// WithPrice returns a copy of the catalogue in which the offering with this
// name or identifier costs pricePerHour, in $/h.
func (c *Catalog) WithPrice(nameOrIdentifier string, pricePerHour float64) (*Catalog, error) {
	o, err := c.Lookup(nameOrIdentifier)
	if err != nil {
		return nil, err
	}
	if err := checkPrice(pricePerHour); err != nil {
		return nil, fmt.Errorf("offering %s: %w", o.Name, err)
	}
	changed := c.clone()
	changed.Offering(o.Name).PricePerHour = pricePerHour
	return changed, nil
}

// Without returns a copy of the catalogue that lacks the offerings with these
// names or identifiers.
func (c *Catalog) Without(namesOrIdentifiers ...string) (*Catalog, error) {
	drop := make(map[string]bool, len(namesOrIdentifiers))
	for _, key := range namesOrIdentifiers {
		o, err := c.Lookup(key)
		if err != nil {
			return nil, err
		}
		drop[o.Name] = true
	}
	changed := c.clone()
	changed.Offerings = slices.DeleteFunc(changed.Offerings, func(o Offering) bool { return drop[o.Name] })
	return changed, nil
}

func (c *Catalog) clone() *Catalog {
	clone := *c
	clone.Offerings = slices.Clone(c.Offerings)
	return &clone
}

// checkPrice refuses what is not a price in $/h; NaN fails both comparisons.
func checkPrice(pricePerHour float64) error {
	switch {
	case !(pricePerHour > 0):
		return fmt.Errorf("price must be greater than 0, got %v $/h", pricePerHour)
	case !(pricePerHour >= MinPricePerHour && pricePerHour <= MaxPricePerHour):
		return fmt.Errorf("price must be between %v and %d $/h, got %v", MinPricePerHour, MaxPricePerHour, pricePerHour)
	}
	return nil
}

// sortedSet returns a sorted copy without repetitions, nil when empty.
func sortedSet(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(list))
	return slices.Compact(sorted)
}
