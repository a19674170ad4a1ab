package catalog

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// ManagedLabel marks the offerings that only managed clusters can have, and
// their nodes. Its value is "true".
const ManagedLabel = "autoscaler.vpsie.com/managed"

// Restrict returns the group as it is to be planned with the catalogue. Where
// the catalogue tells sizes for managed clusters from plans, a managed group
// admits the former alone and any other group the latter alone. The group itself
// is not changed; labels, names and everything else stay.
func Restrict(group *v1alpha1.NodeGroup, catalog *offerings.Catalog) *v1alpha1.NodeGroup {
	if !slices.ContainsFunc(catalog.Offerings, func(o offerings.Offering) bool { return o.Labels[ManagedLabel] != "" }) {
		return group
	}
	operator := corev1.NodeSelectorOpDoesNotExist
	if group.Spec.Bootstrap.Mode == v1alpha1.BootstrapManaged {
		operator = corev1.NodeSelectorOpExists
	}
	restricted := group.DeepCopy()
	restricted.Spec.Requirements = append(restricted.Spec.Requirements, v1alpha1.Requirement{Key: ManagedLabel, Operator: operator})
	return restricted
}

// ManagedPrefix begins the names of sizes for managed clusters, which VPSie may
// call like a plan.
const ManagedPrefix = "managed-"

// markManaged puts ManagedLabel on every offering, and ManagedPrefix before its name.
func markManaged(c *offerings.Catalog) (*offerings.Catalog, error) {
	list := slices.Clone(c.Offerings)
	for i := range list {
		list[i].Name = ManagedPrefix + list[i].Name
		labels := map[string]string{ManagedLabel: "true"}
		maps.Copy(labels, list[i].Labels)
		list[i].Labels = labels
	}
	return offerings.New(c.Name, c.Datacenters, list)
}

// merger gathers datacenters and offerings for one catalogue.
type merger struct {
	datacenters map[string]offerings.Datacenter
	offerings   map[string]offerings.Offering // by name
	nameOf      map[string]string             // by identifier
}

func newMerger() *merger {
	return &merger{
		datacenters: map[string]offerings.Datacenter{},
		offerings:   map[string]offerings.Offering{},
		nameOf:      map[string]string{},
	}
}

func (m *merger) datacentersOf(c *offerings.Catalog) {
	for _, d := range c.Datacenters {
		if _, ok := m.datacenters[d.ID]; !ok {
			m.datacenters[d.ID] = d
		}
	}
}

func (m *merger) put(o offerings.Offering) {
	m.offerings[o.Name] = o
	m.nameOf[o.Identifier] = o.Name
}

func (m *merger) catalog(name string) (*offerings.Catalog, error) {
	return offerings.New(name, slices.Collect(maps.Values(m.datacenters)), slices.Collect(maps.Values(m.offerings)))
}

// union is everything that any of the catalogues sells. A plan that several
// sell, for different images, is sold wherever one of them has it; if they
// disagree about its price the dearest is believed. Another plan of a name that
// is taken has its identifier added to its name.
func union(catalogs []*offerings.Catalog) (*offerings.Catalog, error) {
	if len(catalogs) == 1 {
		return catalogs[0], nil
	}
	m := newMerger()
	for _, c := range catalogs {
		m.datacentersOf(c)
		for _, o := range c.Offerings {
			if name, ok := m.nameOf[o.Identifier]; ok {
				same := m.offerings[name]
				same.PricePerHour = max(same.PricePerHour, o.PricePerHour)
				// Where both are known, it can be had if either can.
				have := func(place string) bool { return same.AvailableIn(place) || o.AvailableIn(place) }
				both := set(same.Datacenters, o.Datacenters)
				same.Unavailable = slices.DeleteFunc(slices.Clone(both), have)
				same.Datacenters = both
				m.put(same)
				continue
			}
			if _, taken := m.offerings[o.Name]; taken {
				o.Name += "-" + o.Identifier
			}
			m.put(o)
		}
	}
	return m.catalog(catalogs[0].Name)
}

// overlay is the catalogue read with the user's over it. An offering of the
// user's takes the place of VPSie's with the same identifier or name: its price,
// labels, sizes and datacenters hold, and VPSie's identifier if it states none
// of its own. The others of both are kept.
func overlay(read, users *offerings.Catalog) (*offerings.Catalog, error) {
	m := newMerger()
	m.datacentersOf(users)
	m.datacentersOf(read)
	for _, o := range read.Offerings {
		m.put(o)
	}
	for _, o := range users.Offerings {
		name, found := m.nameOf[o.Identifier]
		if !found {
			_, found = m.offerings[o.Name]
			name = o.Name
		}
		if found {
			under := m.offerings[name]
			if o.Identifier == o.Name {
				o.Identifier = under.Identifier
			}
			if under.Labels[ManagedLabel] != "" {
				labels := maps.Clone(under.Labels)
				maps.Copy(labels, o.Labels)
				o.Labels = labels
			}
			delete(m.offerings, name)
			delete(m.nameOf, under.Identifier)
		}
		if _, taken := m.offerings[o.Name]; taken {
			return nil, fmt.Errorf("catalogue %s: offering %s (identifier %s) has the name of another plan of VPSie's",
				users.Name, o.Name, o.Identifier)
		}
		m.put(o)
	}
	catalog, err := m.catalog(read.Name + " under " + users.Name)
	if err != nil {
		return nil, err
	}
	catalog.Currency = users.Currency
	return catalog, nil
}

// set is the sorted union of lists.
func set(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
