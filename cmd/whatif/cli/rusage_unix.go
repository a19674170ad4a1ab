//go:build unix

package cli

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// processUsage returns CPU seconds (user and system, all threads) and the peak
// resident set of the process in bytes.
func processUsage() (cpuSeconds float64, peakRSSBytes int64) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, 0
	}
	cpu := r.Utime.Nano() + r.Stime.Nano()
	peak := int64(r.Maxrss)
	if runtime.GOOS != "darwin" && runtime.GOOS != "ios" {
		peak <<= 10 // KiB everywhere but at Apple
	}
	return float64(cpu) / 1e9, peak
}
