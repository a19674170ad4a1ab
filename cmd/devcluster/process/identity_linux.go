package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// startOf reads field 22 of /proc/PID/stat, see proc_pid_stat(5).
func startOf(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field, the name in parentheses, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat is cut short", pid)
	}
	if fields[0] == "Z" {
		return "", errors.New("it has ended")
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(boot)) + " " + fields[19], nil
}
