package offerings

import (
	"math"

	"k8s.io/apimachinery/pkg/api/resource"
)

// model reads a catalogue's changes to an allocatable model; what it does not
// state stays as it is in the model given.
func (f field) model(m AllocatableModel) AllocatableModel {
	o := f.object("memoryOverheadPercent", "cpuReserved", "memoryReserved", "smallMemory", "systemReserved",
		"memoryEviction", "diskEvictionPercent", "pods")
	if p := o.get("memoryOverheadPercent"); p.present() {
		m.MemoryOverheadBasisPoints = p.basisPoints()
	}
	if tiers := o.get("cpuReserved"); tiers.present() {
		m.CPUReserved = tiers.tiers(mostCPU, (*resource.Quantity).MilliValue)
	}
	if tiers := o.get("memoryReserved"); tiers.present() {
		m.MemoryReserved = tiers.tiers(mostMemory, (*resource.Quantity).Value)
	}
	if small := o.get("smallMemory"); small.present() {
		s := small.object("below", "reserved")
		m.SmallMemory = s.get("below").bytes(mostMemory)
		m.SmallMemoryReserved = s.get("reserved").bytes(mostMemory)
	}
	if system := o.get("systemReserved"); system.present() {
		s := system.object("vcpus", "memory", "disk")
		if cpu := s.get("vcpus"); cpu.present() {
			q := cpu.quantity("0", mostCPU)
			m.SystemReserved.MilliCPU = q.MilliValue()
		}
		if memory := s.get("memory"); memory.present() {
			m.SystemReserved.MemoryBytes = memory.bytes(mostMemory)
		}
		if disk := s.get("disk"); disk.present() {
			m.SystemReserved.EphemeralBytes = disk.bytes(mostDisk)
		}
	}
	if eviction := o.get("memoryEviction"); eviction.present() {
		m.MemoryEviction = eviction.bytes(mostMemory)
	}
	if p := o.get("diskEvictionPercent"); p.present() {
		m.DiskEvictionBasisPoints = p.basisPoints()
	}
	if pods := o.get("pods"); pods.present() {
		m.MaxPods = pods.integer(1, mostPods)
	}
	return m
}

// bytes reads an amount of bytes that may be 0.
func (f field) bytes(most string) int64 {
	q := f.quantity("0", most)
	return q.Value()
}

// basisPoints reads a percentage from 0 to 100 with at most two decimals.
func (f field) basisPoints() int64 {
	percent := f.decimal()
	if percent.value < 0 || percent.value > 100 || percent.places > 2 {
		f.failf("must be a percentage from 0 to 100 with at most two decimals, got %v", percent.value)
		return 0
	}
	return int64(math.Round(percent.value * 100))
}

// tiers reads ascending tiers; only the last may have no end.
func (f field) tiers(most string, unit func(*resource.Quantity) int64) []Tier {
	items := f.items()
	tiers := make([]Tier, len(items))
	var from int64
	for i, item := range items {
		o := item.object("upTo", "percent")
		tiers[i].BasisPoints = o.get("percent").basisPoints()
		end := o.get("upTo")
		if !end.present() {
			if i < len(items)-1 {
				end.failf("is missing; only the last tier has no end")
			}
			break
		}
		q := end.quantity("0", most)
		if tiers[i].UpTo = unit(&q); tiers[i].UpTo <= from {
			end.failf("tiers must ascend")
		}
		from = tiers[i].UpTo
	}
	return tiers
}
