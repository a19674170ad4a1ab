package fake

import (
	"math"
	"slices"
	"strconv"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// category of a plan as the API names it. An offering without one is of the
// category that is always there.
func category(o *offerings.Offering) string {
	if o.Category == "" {
		return "A"
	}
	return o.Category
}

func (s *Server) categories() []string {
	var names []string
	for i := range s.config.Catalog.Offerings {
		names = append(names, category(&s.config.Catalog.Offerings[i]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func categoryIdentifier(name string) string { return "category-" + name }

func (s *Server) listCategories(*call) reply {
	list := []any{}
	for _, name := range s.categories() {
		list = append(list, map[string]any{"identifier": categoryIdentifier(name), "name": name})
	}
	return ok(list)
}

// listPlans lists what is sold in one datacenter in one category, with the
// price of a month there. It understands forms alone.
func (s *Server) listPlans(c *call) reply {
	datacenter := c.form.Get("dcIdentifier")
	if s.config.Catalog.Datacenter(datacenter) == nil {
		return refused("Datacenter not found")
	}
	image := c.form.Get("osIdentifier")
	if !slices.ContainsFunc(s.config.Images, func(i Image) bool { return i.Identifier == image }) {
		return refused("Operating system not found")
	}
	list := []any{}
	for i := range s.config.Catalog.Offerings {
		o := &s.config.Catalog.Offerings[i]
		if categoryIdentifier(category(o)) != c.form.Get("planCatIdentifier") || !o.AvailableIn(datacenter) {
			continue
		}
		list = append(list, map[string]any{
			"id": s.sizeNumber(o), "identifier": o.Identifier, "nickname": o.Name,
			"cpu": s.figure(float64(o.Capacity.MilliCPU)/1000, "plan-cpu", o.Name),
			"ram": s.figure(float64(o.Capacity.MemoryBytes>>20), "plan-ram", o.Name),
			"ssd": s.figure(float64(o.Capacity.EphemeralBytes>>30), "plan-ssd", o.Name), "traffic": traffic, "net_speed": 1000,
			"price": s.figure(s.monthly(o, datacenter), "plan-price", o.Name, datacenter),
		})
	}
	return ok(list)
}

// monthly price, in $, as lists show it: rounded to what a double can carry
// from $/h and back.
func (s *Server) monthly(o *offerings.Offering, datacenter string) float64 {
	return math.Round(s.price(o, datacenter)*offerings.HoursPerMonth*1e6) / 1e6
}

// figure is a number, or in some records a string that holds one.
func (s *Server) figure(f float64, names ...string) any {
	if s.odd(names...) {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return f
}
