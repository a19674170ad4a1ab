package offerings

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

var (
	mostMilliCPU    = quantityBound(mostCPU, (*resource.Quantity).MilliValue)
	mostMemoryBytes = quantityBound(mostMemory, (*resource.Quantity).Value)
	mostDiskBytes   = quantityBound(mostDisk, (*resource.Quantity).Value)
)

func quantityBound(text string, unit func(*resource.Quantity) int64) int64 {
	q := resource.MustParse(text)
	return unit(&q)
}

// ParseWorkloadOfferings reads the JSON array that workload directories keep
// in offerings.json. Each entry is
//
//	{"name", "milliCPU", "memoryBytes", "ephemeralBytes", "maxPods", "pricePerHour", "zones": […],
//	 "labels": {…}, "extendedResources": {…}, "capacity": {"milliCPU", "memoryBytes", "ephemeralBytes", "maxPods"}}
//
// The figures are allocatable already, nothing is subtracted; capacity, when
// stated, is what was sold. Zones become datacenters. labels, extendedResources
// and capacity are optional. The array may be empty, which is a catalogue that
// sells nothing. Errors are as Parse's.
func ParseWorkloadOfferings(name string, data []byte) (*Catalog, error) {
	if len(data) > maxFileBytes {
		return nil, tooLarge(name)
	}
	doc := &document{file: name}
	c := &Catalog{Name: baseName(name), Currency: "USD"}
	taken := keys{}
	var zones []string
	for _, entry := range doc.open(data).items() {
		o := entry.workloadOffering(taken)
		if doc.err != nil {
			break
		}
		c.Offerings = append(c.Offerings, o)
		zones = append(zones, o.Datacenters...)
	}
	if doc.err != nil {
		return nil, doc.err
	}
	for _, zone := range sortedSet(zones) {
		c.Datacenters = append(c.Datacenters, Datacenter{ID: zone, Name: zone})
	}
	c.sort()
	return c, nil
}

func (f field) workloadOffering(taken keys) Offering {
	entry := f.object("name", "milliCPU", "memoryBytes", "ephemeralBytes", "maxPods", "pricePerHour", "zones",
		"labels", "extendedResources", "capacity")
	name := entry.get("name")
	o := Offering{Name: name.labelValue()}
	o.Identifier = o.Name
	if err := taken.claim(o.Name, o.Name); err != nil {
		name.failf("%v", err)
	}
	o.Allocatable = Resources{
		MilliCPU:       entry.get("milliCPU").integer(1, mostMilliCPU),
		MemoryBytes:    entry.get("memoryBytes").integer(1, mostMemoryBytes),
		EphemeralBytes: entry.get("ephemeralBytes").integer(0, mostDiskBytes),
		MaxPods:        entry.get("maxPods").integer(1, mostPods),
	}
	if extended := entry.get("extendedResources"); extended.present() {
		o.Allocatable.Extended = extended.extendedResources()
	}
	o.Capacity = o.Allocatable
	if sold := entry.get("capacity"); sold.present() {
		o.Capacity = sold.soldAtLeast(o.Allocatable)
	}
	price := entry.get("pricePerHour")
	o.PricePerHour = price.checkedPrice(price.decimal().value)
	zones := entry.get("zones")
	if o.Datacenters = sortedSet(zones.names()); len(o.Datacenters) == 0 {
		zones.failf("is empty")
	}
	if labels := entry.get("labels"); labels.present() {
		o.Labels = labels.labels()
		if stated, ok := o.Labels[v1.LabelInstanceTypeStable]; ok && stated != o.Name {
			labels.failf("label %s is %s, but the offering's name %s", v1.LabelInstanceTypeStable, stated, o.Name)
		}
	}
	return o
}

// soldAtLeast reads what was sold of a machine, which is at least what pods can
// use of it. What it leaves out is as in allocatable.
func (f field) soldAtLeast(allocatable Resources) Resources {
	o := f.object("milliCPU", "memoryBytes", "ephemeralBytes", "maxPods")
	sold := allocatable
	for _, r := range []struct {
		key  string
		to   *int64
		most int64
	}{
		{"milliCPU", &sold.MilliCPU, mostMilliCPU},
		{"memoryBytes", &sold.MemoryBytes, mostMemoryBytes},
		{"ephemeralBytes", &sold.EphemeralBytes, mostDiskBytes},
		{"maxPods", &sold.MaxPods, mostPods},
	} {
		if amount := o.get(r.key); amount.present() {
			*r.to = amount.integer(*r.to, r.most)
		}
	}
	return sold
}
