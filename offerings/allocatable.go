package offerings

import "math/bits"

const (
	mebibyte = int64(1) << 20
	gibibyte = int64(1) << 30
	// whole is 100 % in basis points.
	whole = 10_000
)

// Tier is one slice of a resource and the share of it that is reserved.
type Tier struct {
	// UpTo is where the slice ends, in milli-CPU or bytes; it begins where the
	// tier before it ends. 0, in the last tier only, means that it has no end.
	UpTo int64
	// BasisPoints of the slice are reserved: 10000 are 100 %, 25 are 0.25 %.
	BasisPoints int64
}

// AllocatableModel estimates what pods can use of a machine as sold, before
// any such machine was seen:
//
//	guest       = sold - overhead                                (memory only)
//	allocatable = guest - kubeReserved(guest) - SystemReserved - eviction threshold
//
// with Kubernetes' own definition of allocatable
// (kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources) and
// the tiered kubeReserved that managed clouds publish for their nodes (GKE's
// "Plan node sizes", and Amazon EKS's and AKS's earlier documentation in the
// same form). Extended resources are passed on whole.
//
// All arithmetic is on integers, and every reservation is rounded up: CPU to a
// milli-CPU, memory to a MiB. The zero value reserves nothing and allows no pods.
type AllocatableModel struct {
	// MemoryOverheadBasisPoints of the memory sold never reach the guest:
	// firmware, kernel image, page tables. Default 0: VPSie's figure is not
	// known, and Learned replaces the estimate once a node was seen. The
	// kernel's struct page alone takes 64 of each 4096 bytes, 156 basis points.
	MemoryOverheadBasisPoints int64
	// CPUReserved tiers in milli-CPU, ascending. Default 6 % of the first core,
	// 1 % of the second, 0.5 % of the next two, 0.25 % of the rest.
	CPUReserved []Tier
	// MemoryReserved tiers in bytes, ascending. Default 25 % of the first 4 GiB,
	// 20 % of the next 4, 10 % of the next 8, 6 % of the next 112, 2 % of the rest.
	MemoryReserved []Tier
	// SmallMemory is the size in bytes under which SmallMemoryReserved bytes are
	// reserved instead of the tiers. Default 1 GiB and 255 MiB.
	SmallMemory, SmallMemoryReserved int64
	// SystemReserved is kept for the system on top, whatever the size: milli-CPU
	// and bytes. Default none. Its MaxPods and Extended are not read.
	SystemReserved Resources
	// MemoryEviction in bytes is the kubelet's hard eviction threshold
	// memory.available. Default 100 MiB, the kubelet's own.
	MemoryEviction int64
	// DiskEvictionBasisPoints is the kubelet's hard eviction threshold
	// nodefs.available. Default 10 %, the kubelet's own.
	DiskEvictionBasisPoints int64
	// MaxPods is the kubelet's limit of pods on a machine that states none.
	// Default 110, the kubelet's own.
	MaxPods int64
}

// DefaultAllocatableModel returns the model with the defaults that its fields name.
func DefaultAllocatableModel() AllocatableModel {
	return AllocatableModel{
		CPUReserved: []Tier{
			{UpTo: 1000, BasisPoints: 600},
			{UpTo: 2000, BasisPoints: 100},
			{UpTo: 4000, BasisPoints: 50},
			{BasisPoints: 25},
		},
		MemoryReserved: []Tier{
			{UpTo: 4 * gibibyte, BasisPoints: 2500},
			{UpTo: 8 * gibibyte, BasisPoints: 2000},
			{UpTo: 16 * gibibyte, BasisPoints: 1000},
			{UpTo: 128 * gibibyte, BasisPoints: 600},
			{BasisPoints: 200},
		},
		SmallMemory:             gibibyte,
		SmallMemoryReserved:     255 * mebibyte,
		MemoryEviction:          100 * mebibyte,
		DiskEvictionBasisPoints: 1000,
		MaxPods:                 110,
	}
}

// Allocatable returns what pods can use of a machine sold with this capacity.
// A capacity without MaxPods gets the model's; nothing falls below 0. Call it
// once: what it returns is no capacity.
func (m AllocatableModel) Allocatable(capacity Resources) Resources {
	guest := capacity.MemoryBytes - shareUp(capacity.MemoryBytes, m.MemoryOverheadBasisPoints)
	kubeMemory := m.SmallMemoryReserved
	if guest >= m.SmallMemory {
		kubeMemory = tiered(guest, m.MemoryReserved)
	}
	kubeMemory = (kubeMemory + mebibyte - 1) / mebibyte * mebibyte

	pods := capacity.MaxPods
	if pods == 0 {
		pods = m.MaxPods
	}
	return Resources{
		MilliCPU:    max(0, capacity.MilliCPU-tiered(capacity.MilliCPU, m.CPUReserved)-m.SystemReserved.MilliCPU),
		MemoryBytes: max(0, guest-kubeMemory-m.SystemReserved.MemoryBytes-m.MemoryEviction),
		EphemeralBytes: max(0, capacity.EphemeralBytes-m.SystemReserved.EphemeralBytes-
			shareUp(capacity.EphemeralBytes, m.DiskEvictionBasisPoints)),
		MaxPods:  pods,
		Extended: capacity.Extended,
	}
}

// tiered is what the tiers reserve of an amount, rounded up once at the end, so
// that no fraction of a tier is lost or counted twice.
func tiered(amount int64, tiers []Tier) int64 {
	var from, units int64
	var rest int64 // of the division by whole, in basis points of one unit
	for _, t := range tiers {
		to := amount
		if t.UpTo != 0 {
			to = min(amount, t.UpTo)
		}
		if to <= from {
			break
		}
		q, r := share(to-from, t.BasisPoints)
		units, rest, from = units+q, rest+r, to
	}
	return units + (rest+whole-1)/whole
}

// shareUp is the share of an amount, rounded up.
func shareUp(amount, basisPoints int64) int64 {
	q, r := share(amount, basisPoints)
	if r > 0 {
		q++
	}
	return q
}

// share divides amount × basisPoints by 10000 in 128 bits, because a machine's
// bytes times 10000 may not fit in 64. A share is at least nothing and at most
// all of a machine; Div64 cannot overflow within that.
func share(amount, basisPoints int64) (quotient, remainder int64) {
	hi, lo := bits.Mul64(uint64(max(0, amount)), uint64(min(max(0, basisPoints), whole)))
	q, r := bits.Div64(hi, lo, whole)
	return int64(q), int64(r)
}
