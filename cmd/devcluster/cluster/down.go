package cluster

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"
)

// downGrace is how long a cluster may take to end by itself.
const downGrace = 20 * time.Second

// Down ends the cluster in a folder, whether it runs or was killed, and removes
// the folder. The error wraps ErrNone when there is none.
func Down(dir string) error {
	state, err := ReadState(dir)
	if err != nil {
		return err
	}
	// Its main process holds the lock and removes the folder when asked to end.
	if err := state.Main.End(downGrace); err != nil {
		return err
	}
	release, err := lock(dir)
	if err != nil {
		return err
	}
	defer release()
	if err := state.sweep(); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// sweep ends the programs that outlived their cluster. The kernel kills them with
// it where it can; this is for where it could not.
func (s *State) sweep() error {
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(s.Programs)) {
		if err := s.Programs[name].End(0); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}
