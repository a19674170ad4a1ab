package offerings

import "slices"

// Resources is what a machine has of each resource.
type Resources struct {
	// MilliCPU in thousandths of a core.
	MilliCPU int64 `json:"milliCPU"`
	// MemoryBytes and EphemeralBytes in bytes.
	MemoryBytes    int64 `json:"memoryBytes"`
	EphemeralBytes int64 `json:"ephemeralBytes"`
	// MaxPods is the kubelet's limit of pods on the machine.
	MaxPods int64 `json:"maxPods"`
	// Extended counts extended resources such as nvidia.com/gpu.
	Extended map[string]int64 `json:"extended,omitempty"`
}

// Offering is one machine size as sold.
type Offering struct {
	// Identifier is VPSie's own ID of the plan; Name is what people call it.
	// Name is unique in a Catalog and is the node.kubernetes.io/instance-type label.
	Identifier string
	Name       string
	Category   string
	// Allocatable is what pods can use, DaemonSet pods included; computed by
	// the allocatable model from the capacity sold, or stated by the catalogue.
	Allocatable Resources
	// Capacity is what is sold; equal to Allocatable when the catalogue states only that.
	Capacity Resources
	// PricePerHour in $/h. A month is 720 hours.
	PricePerHour float64
	// Datacenters where the offering exists, sorted; each is also a zone
	// (topology.kubernetes.io/zone) of the nodes made from it.
	Datacenters []string
	// Unavailable lists datacenters where the offering cannot be bought now, sorted.
	Unavailable []string
	// Labels that each node of this offering carries beyond the standard ones.
	Labels map[string]string
}

// PricePerMonth in $ for a month of HoursPerMonth hours.
func (o *Offering) PricePerMonth() float64 {
	return o.PricePerHour * HoursPerMonth
}

// AvailableIn says whether the offering can be bought in a datacenter now.
func (o *Offering) AvailableIn(datacenter string) bool {
	return slices.Contains(o.Datacenters, datacenter) && !slices.Contains(o.Unavailable, datacenter)
}
