package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
)

const (
	// stateFile makes a folder a cluster's.
	stateFile = "devcluster.json"
	// LogsFolder of a cluster's folder may be there before the cluster is, and stays
	// when something went wrong.
	LogsFolder = "logs"
)

// State is what a cluster writes down of itself, for whoever ends it or asks.
type State struct {
	// Main is the process that holds the cluster together.
	Main process.Identity `json:"main"`
	// Ready is set when everything runs.
	Ready bool `json:"ready"`
	// StartedAt is when Start was called.
	StartedAt time.Time `json:"startedAt"`
	// Kubeconfig is the path of the administrator's.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// APIServer and VPSie are URLs.
	APIServer string `json:"apiServer,omitempty"`
	VPSie     string `json:"vpsie,omitempty"`
	// Metrics is the URL of the controller's metrics; empty when none runs.
	Metrics string `json:"metrics,omitempty"`
	// Programs by name, the controller among them.
	Programs map[string]process.Identity `json:"programs,omitempty"`
}

// ErrNone says that a folder is no cluster's.
var ErrNone = errors.New("no cluster here")

// ReadState reads the state of the cluster in a folder. The error wraps ErrNone
// when there is none.
func ReadState(dir string) (*State, error) {
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNone, dir)
	} else if err != nil {
		return nil, err
	}
	state := &State{}
	if err := json.Unmarshal(content, state); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	return state, nil
}

// write replaces the state, so that readers see the old one or the new one.
func (s *State) write(dir string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	next := filepath.Join(dir, stateFile+".next")
	if err := os.WriteFile(next, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(dir, stateFile))
}

// errLocked says that another process has the folder.
var errLocked = errors.New("another devcluster runs there, or is being started or stopped")

// lock takes the folder for this process, until release or its end. A process
// that was just killed may keep its lock for a moment longer than it is seen.
func lock(dir string) (release func(), err error) {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		release, err = tryLock(dir)
		if !errors.Is(err, errLocked) || time.Now().After(deadline) {
			return release, err
		}
	}
}

func tryLock(dir string) (release func(), err error) {
	for {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		folder, err := os.Open(dir)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && same(folder, dir) {
			return func() { _ = folder.Close() }, nil
		}
		_ = folder.Close()
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return nil, fmt.Errorf("%s: %w", dir, errLocked)
		case err != nil:
			return nil, fmt.Errorf("locking %s: %w", dir, err)
		}
		// The one who had it removed the folder meanwhile.
	}
}

// same says whether the open folder is still the one at the path.
func same(folder *os.File, path string) bool {
	opened, err := folder.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(path)
	return err == nil && os.SameFile(opened, found)
}

// claim makes a folder this cluster's: what an ended one left there is removed,
// what is anybody else's is refused.
func claim(dir string) error {
	if _, err := ReadState(dir); errors.Is(err, ErrNone) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.Name() != LogsFolder {
				return fmt.Errorf("%s is not empty and no cluster's: it holds %s", dir, entry.Name())
			}
		}
	} else if err != nil {
		return err
	}
	return empty(dir)
}

// empty removes what is in a folder, all but the logs.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == LogsFolder {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
