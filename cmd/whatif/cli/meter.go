package cli

import (
	"encoding/json"
	"io"
	"math"
	"runtime"
)

// usedSoFar is what the process has used so far.
type usedSoFar struct {
	cpuSeconds     float64
	peakRSSBytes   int64
	allocatedBytes uint64
	allocations    uint64
}

// stats is the line that --stats prints. CPU is user and system time of all
// threads. What the process does before main is load, too; after the last stage
// only the report is written, which is counted in no stage.
type stats struct {
	LoadCPUSeconds   float64 `json:"loadCPUSeconds"`
	DecideCPUSeconds float64 `json:"decideCPUSeconds"`
	VerifyCPUSeconds float64 `json:"verifyCPUSeconds"`
	AllocatedBytes   uint64  `json:"allocatedBytes"`
	Allocations      uint64  `json:"allocations"`
	PeakRSSBytes     int64   `json:"peakRSSBytes"`
}

// meter accounts for CPU by stage.
type meter struct {
	read  func() usedSoFar
	since float64
	into  *float64
	total stats
}

func newMeter() *meter {
	m := &meter{read: readUsage}
	m.into = &m.total.LoadCPUSeconds
	return m
}

// stage ends the current stage and begins the named one; "" begins none.
func (m *meter) stage(name string) {
	now := m.read()
	if m.into != nil {
		*m.into += now.cpuSeconds - m.since
	}
	m.since = now.cpuSeconds
	m.total.PeakRSSBytes = now.peakRSSBytes
	m.total.AllocatedBytes, m.total.Allocations = now.allocatedBytes, now.allocations
	switch name {
	case "":
		m.into = nil
	case "verify":
		m.into = &m.total.VerifyCPUSeconds
	default:
		m.into = &m.total.DecideCPUSeconds
	}
}

// print writes the accounts of the stages that have ended, as one line of JSON.
func (m *meter) print(to io.Writer) error {
	for _, seconds := range []*float64{&m.total.LoadCPUSeconds, &m.total.DecideCPUSeconds, &m.total.VerifyCPUSeconds} {
		*seconds = math.Round(*seconds*1e6) / 1e6
	}
	return json.NewEncoder(to).Encode(m.total)
}

func readUsage() usedSoFar {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	u := usedSoFar{allocatedBytes: memory.TotalAlloc, allocations: memory.Mallocs}
	u.cpuSeconds, u.peakRSSBytes = processUsage()
	return u
}
