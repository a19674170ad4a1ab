package vpsie

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// Catalog asks what the datacenters, identifiers, sell for an image and makes a
// catalogue of it; no datacenters means all that are active. The model turns
// sizes as sold into what pods can use.
//
// An offering's Identifier is the plan's, which VMRequest.Offering takes. A plan
// that has not the same price and size everywhere becomes one offering for each
// datacenter, with the identifier PLAN/DATACENTER, and the name NAME-DATACENTER;
// CreateVM understands that identifier. Names are VPSie's nicknames in the form
// of a label's value; of several plans with one nickname, each has the beginning
// of its identifier in its name. A datacenter's region is its country.
//
// Plans that state no price or no size are left out and logged. VPSie states
// neither extended resources nor labels; a catalogue that a user wrote does.
func (c *Client) Catalog(
	ctx context.Context, datacenters []string, osImage string, model offerings.AllocatableModel,
) (*offerings.Catalog, error) {
	places, err := c.places(ctx, datacenters)
	if err != nil {
		return nil, err
	}
	categories, err := c.PlanCategories(ctx)
	if err != nil {
		return nil, err
	}
	var sold []sale
	for _, place := range places {
		for _, category := range categories {
			list, err := c.Plans(ctx, place.ID, osImage, category.ID)
			if err != nil {
				return nil, err
			}
			for _, p := range list {
				sold = append(sold, sale{
					datacenter: place.ID, plan: p.ID, name: p.Name, category: category.Name, cpu: p.CPU,
					memory: p.MemoryBytes, disk: p.DiskBytes, pricePerHour: p.PricePerMonth / offerings.HoursPerMonth,
				})
			}
		}
	}
	return c.catalogOf("VPSie plans", places, sold, model)
}

// KubeCatalog is Catalog of the sizes for managed clusters. An offering's
// identifier is KubeOffer.ID in decimal.
func (c *Client) KubeCatalog(
	ctx context.Context, datacenters []string, model offerings.AllocatableModel,
) (*offerings.Catalog, error) {
	places, err := c.places(ctx, datacenters)
	if err != nil {
		return nil, err
	}
	var sold []sale
	for _, place := range places {
		list, err := c.KubeOffers(ctx, place.ID)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			price := o.PricePerHour
			if price == 0 {
				price = o.PricePerMonth / offerings.HoursPerMonth
			}
			sold = append(sold, sale{
				datacenter: place.ID, plan: strconv.FormatInt(o.ID, 10), name: o.Name, cpu: o.CPU,
				memory: o.MemoryBytes, disk: o.DiskBytes, pricePerHour: price,
			})
		}
	}
	return c.catalogOf("VPSie sizes for managed clusters", places, sold, model)
}

// places are the datacenters asked for, or all that are active.
func (c *Client) places(ctx context.Context, wanted []string) ([]Datacenter, error) {
	all, err := c.Datacenters(ctx)
	if err != nil {
		return nil, err
	}
	known := make(map[string]Datacenter, len(all))
	var places []Datacenter
	for _, d := range all {
		known[d.ID] = d
		if d.Active && len(wanted) == 0 {
			places = append(places, d)
		}
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(wanted))) {
		d, ok := known[id]
		switch {
		case !ok:
			return nil, opDatacenters.refuse("VPSie has no datacenter %q", id)
		case !d.Active:
			return nil, opDatacenters.refuse("datacenter %q (%s) is not active", id, d.Name)
		}
		places = append(places, d)
	}
	return places, nil
}

// A sale is one size sold in one datacenter.
type sale struct {
	datacenter, plan, name, category string
	// cpu in cores, memory and disk in bytes.
	cpu, memory, disk int64
	pricePerHour      float64
}

// terms are what must be alike for sales of a plan to be one offering.
type terms struct {
	cpu, memory, disk int64
	pricePerHour      float64
}

func (s *sale) terms() terms {
	return terms{s.cpu, s.memory, s.disk, s.pricePerHour}
}

// catalogOf makes the catalogue of what is sold.
func (c *Client) catalogOf(
	name string, places []Datacenter, sold []sale, model offerings.AllocatableModel,
) (*offerings.Catalog, error) {
	plans := make(map[string][]sale)
	for _, s := range sold {
		if err := s.check(model); err != nil {
			c.log.Info("VPSie sells a plan that cannot be used", "plan", s.plan, "name", s.name,
				"datacenter", s.datacenter, "reason", err.Error())
			continue
		}
		plans[s.plan] = append(plans[s.plan], s)
	}
	names := make(map[string]string, len(plans))
	for plan, sales := range plans {
		names[plan] = sales[0].name
	}
	names = distinct(names)
	placeNames := make(map[string]string, len(places))
	list := make([]offerings.Datacenter, len(places))
	for i, p := range places {
		list[i] = offerings.Datacenter{ID: p.ID, Name: p.Name, Region: label(p.Country)}
		placeNames[p.ID] = p.Name
	}
	placeNames = distinct(placeNames)
	var all []offerings.Offering
	for plan, sales := range plans {
		// A plan may be in several categories; the first one named stays.
		slices.SortStableFunc(sales, func(a, b sale) int { return cmp.Compare(a.datacenter, b.datacenter) })
		sales = slices.CompactFunc(sales, func(a, b sale) bool { return a.datacenter == b.datacenter })
		differ := slices.ContainsFunc(sales, func(s sale) bool { return s.terms() != sales[0].terms() })
		if !differ {
			o := sales[0].offering(model)
			o.Name, o.Identifier = names[plan], plan
			for _, s := range sales {
				o.Datacenters = append(o.Datacenters, s.datacenter)
			}
			all = append(all, o)
			continue
		}
		for _, s := range sales {
			o := s.offering(model)
			o.Name, o.Identifier = joined(names[plan], placeNames[s.datacenter]), plan+planSeparator+s.datacenter
			o.Datacenters = []string{s.datacenter}
			all = append(all, o)
		}
	}
	return offerings.New(name, list, all)
}

// check says why a sale cannot become an offering.
func (s *sale) check(model offerings.AllocatableModel) error {
	left := s.offering(model).Allocatable
	switch {
	case left.MilliCPU == 0 || left.MemoryBytes == 0:
		return fmt.Errorf("nothing is left for pods of %d cores and %d bytes of memory", s.cpu, s.memory)
	case s.pricePerHour < offerings.MinPricePerHour || s.pricePerHour > offerings.MaxPricePerHour:
		return fmt.Errorf("the price would be %v $/h", s.pricePerHour)
	}
	return nil
}

func (s *sale) offering(model offerings.AllocatableModel) offerings.Offering {
	capacity := offerings.Resources{
		MilliCPU: 1000 * s.cpu, MemoryBytes: s.memory, EphemeralBytes: s.disk, MaxPods: model.MaxPods,
	}
	return offerings.Offering{
		Category: s.category, Capacity: capacity, Allocatable: model.Allocatable(capacity), PricePerHour: s.pricePerHour,
	}
}

// distinct turns names by identifier into values of labels, no two alike: those
// of one name have the beginning of their identifier in it, or all of it.
func distinct(names map[string]string) map[string]string {
	labels := make(map[string]string, len(names))
	for id, name := range names {
		labels[id] = cmp.Or(label(name), label(id))
	}
	for _, digits := range []int{8, content.LabelValueMaxLength} {
		holders := make(map[string]int, len(labels))
		for _, l := range labels {
			holders[l]++
		}
		for id, l := range labels {
			if holders[l] > 1 {
				labels[id] = joined(label(names[id]), label(id[:min(len(id), digits)]))
			}
		}
	}
	return labels
}

var notLabel = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// label turns a name into the value of a label; "" if nothing remains.
func label(name string) string {
	name = notLabel.ReplaceAllString(name, "-")
	name = name[:min(len(name), content.LabelValueMaxLength)]
	return strings.Trim(name, "-._")
}

// joined puts a suffix to a name, which is cut to make room for it.
func joined(name, suffix string) string {
	room := max(content.LabelValueMaxLength-len(suffix)-1, 0)
	return label(name[:min(len(name), room)] + "-" + suffix)
}

// planSeparator stands between a plan and a datacenter; identifiers have none.
const planSeparator = "/"

// plan is the plan's own identifier of an offering's, which may hold for one
// datacenter alone.
func (vm *VMRequest) plan() (string, error) {
	plan, datacenter, only := strings.Cut(vm.Offering, planSeparator)
	if only && datacenter != vm.Datacenter {
		return "", opCreateVM.refuse("offering %q is not sold in datacenter %q", vm.Offering, vm.Datacenter)
	}
	return plan, nil
}
