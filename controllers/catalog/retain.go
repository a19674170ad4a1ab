package catalog

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// retain adds the offerings that VPSie no longer lists and machines still are:
// their nodes have a price and count against limits. None can be bought. What
// one was like is known from when it was last listed or, after a restart, from
// what its VPSieNodes were planned with.
func (s *Source) retain(catalog *offerings.Catalog, machines []v1alpha1.VPSieNode) (*offerings.Catalog, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := map[string]offerings.Offering{}
	placesOf := map[string][]string{}
	machines = slices.Clone(machines)
	slices.SortFunc(machines, func(a, b v1alpha1.VPSieNode) int { return strings.Compare(a.Name, b.Name) })
	for i := range machines {
		spec := &machines[i].Spec
		if catalog.Offering(spec.Offering) != nil {
			continue
		}
		placesOf[spec.Offering] = append(placesOf[spec.Offering], spec.Datacenter)
		if seen, ok := s.seen[spec.Offering]; ok {
			kept[spec.Offering] = seen
		} else if planned, ok := plannedOffering(spec); ok {
			if before, ok := kept[spec.Offering]; ok {
				planned.Allocatable = lesser(planned.Allocatable, before.Allocatable)
			}
			kept[spec.Offering] = planned
		}
	}
	for i := range catalog.Offerings {
		kept[catalog.Offerings[i].Name] = catalog.Offerings[i]
	}
	s.seen = kept
	if len(kept) == len(catalog.Offerings) {
		return catalog, nil
	}
	m := newMerger()
	m.datacentersOf(catalog)
	for _, o := range catalog.Offerings {
		m.put(o)
	}
	for name, o := range kept {
		if catalog.Offering(name) != nil {
			continue
		}
		o.Datacenters = set(placesOf[name])
		o.Unavailable = o.Datacenters
		for _, place := range o.Datacenters {
			if _, known := m.datacenters[place]; !known {
				m.datacenters[place] = offerings.Datacenter{ID: place}
			}
		}
		if _, taken := m.nameOf[o.Identifier]; taken {
			// The plan was renamed: it is sold under another name now.
			o.Identifier = name
		}
		m.put(o)
	}
	changed, err := m.catalog(catalog.Name)
	if err != nil {
		return nil, err
	}
	changed.Currency = catalog.Currency
	return changed, nil
}

// plannedOffering is what a VPSieNode says about its offering; false when that
// is not enough to be one.
func plannedOffering(spec *v1alpha1.VPSieNodeSpec) (offerings.Offering, bool) {
	price, err := strconv.ParseFloat(spec.PricePerHour, 64)
	resources := Resources(spec.Allocatable)
	if err != nil || price < offerings.MinPricePerHour || price > offerings.MaxPricePerHour ||
		resources.MilliCPU <= 0 || resources.MemoryBytes <= 0 || resources.EphemeralBytes < 0 || resources.MaxPods <= 0 {
		return offerings.Offering{}, false
	}
	return offerings.Offering{
		Name: spec.Offering, Identifier: spec.OfferingID, Allocatable: resources, PricePerHour: price,
	}, true
}

// Resources is a Node's resource list in the form of offerings.
func Resources(list corev1.ResourceList) offerings.Resources {
	r := offerings.Resources{
		MilliCPU:       list.Cpu().MilliValue(),
		MemoryBytes:    list.Memory().Value(),
		EphemeralBytes: list.StorageEphemeral().Value(),
		MaxPods:        list.Pods().Value(),
	}
	for name, quantity := range list {
		if strings.Contains(string(name), "/") && quantity.Value() > 0 {
			if r.Extended == nil {
				r.Extended = map[string]int64{}
			}
			r.Extended[string(name)] = quantity.Value()
		}
	}
	return r
}

// lesser is the smaller of each, with a's extended resources.
func lesser(a, b offerings.Resources) offerings.Resources {
	a.MilliCPU = min(a.MilliCPU, b.MilliCPU)
	a.MemoryBytes = min(a.MemoryBytes, b.MemoryBytes)
	a.EphemeralBytes = min(a.EphemeralBytes, b.EphemeralBytes)
	a.MaxPods = min(a.MaxPods, b.MaxPods)
	return a
}
