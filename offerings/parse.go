package offerings

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

const (
	// APIVersion and Kind head a catalogue file.
	APIVersion = "autoscaler.vpsie.com/v1alpha1"
	Kind       = "OfferingCatalog"

	// maxFileBytes is some 30,000 offerings, a hundred times what any cloud sells.
	maxFileBytes = 16 << 20
)

// Bounds of what is believed to be a machine. Below the least, a unit was
// forgotten; above the most, a unit was mistaken.
const (
	leastCPU, mostCPU       = "100m", "4096"
	leastMemory, mostMemory = "128Mi", "64Ti"
	leastDisk, mostDisk     = "1Gi", "1Pi"
	mostPods                = 10_000
	mostExtended            = 1_000_000
)

// Load reads the catalogue in a file; see Parse.
func Load(path string) (*Catalog, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a catalogue in YAML or JSON in the format of docs/catalog.md, or
// a JSON array as ParseWorkloadOfferings takes it, but not an empty one. name
// is the file's, for errors: each is one line "FILE:LINE: FIELD: what is wrong".
func Parse(name string, data []byte) (*Catalog, error) {
	if len(data) > maxFileBytes {
		return nil, tooLarge(name)
	}
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte{'['}) {
		c, err := ParseWorkloadOfferings(name, data)
		if err == nil && len(c.Offerings) == 0 {
			return nil, fmt.Errorf("%s:1: the list of offerings is empty", name)
		}
		return c, err
	}
	doc := &document{file: name}
	c := doc.open(data).catalog()
	if doc.err != nil {
		return nil, doc.err
	}
	return c, nil
}

func tooLarge(name string) error {
	return fmt.Errorf("%s: a catalogue of more than %d MiB is not believed", name, maxFileBytes>>20)
}

// baseName is how a catalogue is called that does not say it.
func baseName(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

func (f field) catalog() *Catalog {
	top := f.object("apiVersion", "kind", "metadata", "currency", "hoursPerMonth", "allocatableModel", "datacenters", "offerings")
	top.get("apiVersion").constant(APIVersion)
	top.get("kind").constant(Kind)

	c := &Catalog{Name: baseName(f.doc.file), Currency: "USD"}
	if meta := top.get("metadata"); meta.present() {
		c.Name = meta.object("name").get("name").text()
	}
	if currency := top.get("currency"); currency.present() {
		if c.Currency = currency.text(); !currencyCode.MatchString(c.Currency) {
			currency.failf("must be a three-letter ISO 4217 code such as USD, got %s", shown(c.Currency))
		}
	}
	if hours := top.get("hoursPerMonth"); hours.present() {
		if n := hours.integer(1, 1000); n != HoursPerMonth {
			hours.failf("VPSie bills months of %d hours, got %d", HoursPerMonth, n)
		}
	}
	model := DefaultAllocatableModel()
	if m := top.get("allocatableModel"); m.present() {
		model = m.model(model)
	}
	c.Datacenters = top.get("datacenters").datacenters()
	e := entryReader{model: model, taken: keys{}}
	for _, d := range c.Datacenters {
		e.datacenters = append(e.datacenters, d.ID)
	}
	list := top.get("offerings")
	entries := list.items()
	if len(entries) == 0 {
		list.failf("is empty")
	}
	for _, entry := range entries {
		c.Offerings = append(c.Offerings, e.offering(entry))
		if f.doc.err != nil {
			return nil
		}
	}
	c.sort()
	return c
}

func (f field) constant(want string) {
	if got := f.text(); got != want {
		f.failf("must be %s, got %s", want, shown(got))
	}
}

func (f field) datacenters() []Datacenter {
	items := f.items()
	if len(items) == 0 {
		f.failf("is empty")
	}
	seen := make(map[string]bool, len(items))
	list := make([]Datacenter, 0, len(items))
	for _, item := range items {
		o := item.object("id", "name", "region")
		id := o.get("id")
		d := Datacenter{ID: id.labelValue()}
		if seen[d.ID] {
			id.failf("datacenter %q is stated twice", d.ID)
		}
		seen[d.ID] = true
		d.Name = d.ID
		if name := o.get("name"); name.present() {
			d.Name = name.text()
		}
		if region := o.get("region"); region.present() {
			d.Region = region.labelValue()
		}
		list = append(list, d)
	}
	return list
}

// entryReader reads the entries of one catalogue.
type entryReader struct {
	model       AllocatableModel
	datacenters []string
	taken       keys
}

func (e entryReader) offering(f field) Offering {
	entry := f.object("identifier", "name", "category", "capacity", "allocatable", "pricePerHour", "pricePerMonth",
		"datacenters", "unavailableIn", "labels")
	var o Offering
	name := entry.get("name")
	o.Name = name.labelValue()
	o.Identifier = o.Name
	e.claim(name, o.Name, o.Name)
	if identifier := entry.get("identifier"); identifier.present() {
		if o.Identifier = identifier.text(); o.Identifier != o.Name {
			e.claim(identifier, o.Identifier, o.Name)
		}
	}
	if category := entry.get("category"); category.present() {
		o.Category = category.text()
	}
	o.Capacity, o.Allocatable = e.resources(entry)
	o.PricePerHour = entry.price()
	o.Datacenters, o.Unavailable = e.places(entry)
	if labels := entry.get("labels"); labels.present() {
		o.Labels = labels.labels()
		labels.refuseStandardLabels()
	}
	return o
}

// claim takes a name or identifier for an offering.
func (e entryReader) claim(f field, key, offering string) {
	if err := e.taken.claim(key, offering); err != nil {
		f.failf("%v", err)
	}
}

// resources reads an entry's capacity or its allocatable: the model is applied
// to the one and never to the other.
func (e entryReader) resources(entry object) (capacity, allocatable Resources) {
	sold, stated := entry.get("capacity"), entry.get("allocatable")
	switch {
	case sold.present() && stated.present():
		stated.failf("capacity and allocatable exclude each other: what is reserved would be subtracted twice")
	case stated.present():
		allocatable = stated.machine(e.model.MaxPods)
		capacity = allocatable
	case sold.present():
		capacity = sold.machine(e.model.MaxPods)
		allocatable = e.model.Allocatable(capacity)
		if allocatable.MilliCPU == 0 || allocatable.MemoryBytes == 0 {
			sold.failf("nothing is left for pods of %d milli-CPU and %d bytes of memory once the kubelet and the system have theirs",
				capacity.MilliCPU, capacity.MemoryBytes)
		}
	default:
		entry.failf("states neither capacity nor allocatable")
	}
	return capacity, allocatable
}

// machine reads one machine's resources.
func (f field) machine(defaultPods int64) Resources {
	o := f.object("vcpus", "memory", "disk", "pods", "extendedResources")
	cpu := o.get("vcpus").quantity(leastCPU, mostCPU)
	memory := o.get("memory").quantity(leastMemory, mostMemory)
	disk := o.get("disk").quantity(leastDisk, mostDisk)
	r := Resources{
		MilliCPU:       cpu.MilliValue(),
		MemoryBytes:    memory.Value(),
		EphemeralBytes: disk.Value(),
		MaxPods:        defaultPods,
	}
	if pods := o.get("pods"); pods.present() {
		r.MaxPods = pods.integer(1, mostPods)
	}
	if extended := o.get("extendedResources"); extended.present() {
		r.Extended = extended.extendedResources()
	}
	return r
}

// price reads pricePerHour or pricePerMonth in $/h. Of both, the hour counts,
// and the month must be what it comes to, within the rounding of either.
func (o object) price() float64 {
	hour, month := o.get("pricePerHour"), o.get("pricePerMonth")
	switch {
	case hour.present() && month.present():
		perHour, perMonth := hour.decimal(), month.decimal()
		slack := HoursPerMonth*perHour.rounding() + perMonth.rounding()
		if math.Abs(perHour.value*HoursPerMonth-perMonth.value) > slack*(1+1e-9) {
			month.failf("does not agree with pricePerHour: %v $/h × %d h = %.2f $/month, got %v",
				perHour.value, HoursPerMonth, perHour.value*HoursPerMonth, perMonth.value)
		}
		return hour.checkedPrice(perHour.value)
	case month.present():
		return month.checkedPrice(month.decimal().value / HoursPerMonth)
	}
	return hour.checkedPrice(hour.decimal().value)
}

// rounding is half a unit of the last decimal written, or half a cent when
// fewer than two are.
func (d decimal) rounding() float64 {
	return 0.5 * math.Pow10(-max(2, d.places))
}

func (f field) checkedPrice(pricePerHour float64) float64 {
	if err := checkPrice(pricePerHour); err != nil {
		f.failf("%v", err)
	}
	return pricePerHour
}

// places reads where an entry exists, everywhere unless it says, and where it
// cannot be bought now.
func (e entryReader) places(entry object) (exists, unavailable []string) {
	exists = e.datacenters
	if f := entry.get("datacenters"); f.node != nil {
		if exists = f.names(); len(exists) == 0 {
			f.failf("is empty; leave it out to mean all")
		}
		for i, id := range exists {
			if !slices.Contains(e.datacenters, id) {
				f.item(i).failf("unknown datacenter %q%s", id, didYouMean(id, e.datacenters))
			}
		}
	}
	if f := entry.get("unavailableIn"); f.present() {
		unavailable = f.names()
		for i, id := range unavailable {
			if !slices.Contains(exists, id) {
				f.item(i).failf("the offering does not exist in %q%s", id, didYouMean(id, exists))
			}
		}
	}
	return sortedSet(exists), sortedSet(unavailable)
}

// names reads a list of strings, none twice.
func (f field) names() []string {
	items := f.items()
	list := make([]string, len(items))
	for i, item := range items {
		if list[i] = item.labelValue(); slices.Contains(list[:i], list[i]) {
			item.failf("%q is stated twice", list[i])
		}
	}
	return list
}

// standardLabels are set on each node from what else is known of it.
var standardLabels = []string{v1.LabelInstanceTypeStable, v1.LabelTopologyZone, v1.LabelTopologyRegion, v1.LabelHostname}

func (f field) refuseStandardLabels() {
	for _, m := range f.entries("an object").members {
		if slices.Contains(standardLabels, m.key) {
			m.value.failf("this label follows from the offering, the datacenter and the machine; leave it out")
		}
	}
}
