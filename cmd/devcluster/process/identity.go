package process

import (
	"fmt"
	"syscall"
	"time"
)

// Identity tells a process from any other that ever had the same process ID.
type Identity struct {
	PID int `json:"pid"`
	// Started is when, as the kernel counts: clock ticks since boot on Linux, with
	// the boot's own ID.
	Started string `json:"started"`
}

// Identify returns the identity of a process that runs.
func Identify(pid int) (Identity, error) {
	started, err := startOf(pid)
	if err != nil {
		return Identity{}, fmt.Errorf("identifying process %d: %w", pid, err)
	}
	return Identity{PID: pid, Started: started}, nil
}

// Runs says whether that very process still runs.
func (i Identity) Runs() bool {
	started, err := startOf(i.PID)
	return err == nil && started == i.Started
}

// End asks the process to end, kills it when it has not within grace, and returns
// when it is gone. It does nothing when it is gone already.
func (i Identity) End(grace time.Duration) error {
	if !i.Runs() {
		return nil
	}
	_ = syscall.Kill(i.PID, syscall.SIGTERM)
	if i.gone(grace) {
		return nil
	}
	_ = syscall.Kill(i.PID, syscall.SIGKILL)
	if i.gone(10 * time.Second) {
		return nil
	}
	return fmt.Errorf("process %d does not end, killed though it was", i.PID)
}

// gone waits at most so long. Somebody else's child cannot be waited for, only
// looked at.
func (i Identity) gone(within time.Duration) bool {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(within)
	for i.Runs() {
		if time.Now().After(deadline) {
			return false
		}
		<-ticker.C
	}
	return true
}
