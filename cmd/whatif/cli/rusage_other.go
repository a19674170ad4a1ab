//go:build !unix

package cli

// processUsage is not known on this system.
func processUsage() (cpuSeconds float64, peakRSSBytes int64) { return 0, 0 }
