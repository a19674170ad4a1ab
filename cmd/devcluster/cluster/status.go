package cluster

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Status is what can be said of the cluster in a folder from outside.
type Status struct {
	Dir string `json:"dir"`
	State
	// Running says that the main process runs.
	Running bool `json:"running"`
	// Ended are the programs that should run and do not.
	Ended []string `json:"ended,omitempty"`
	// View of the cluster; nil when it cannot be seen, and Problem says why.
	View    *View  `json:"view,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// Healthy says that the cluster is up, and everything in it.
func (s *Status) Healthy() bool {
	return s.Running && s.Ready && len(s.Ended) == 0 && s.View != nil
}

// lookTimeout is how long the cluster may take to show itself.
const lookTimeout = 10 * time.Second

// StatusOf reads the state of the cluster in a folder and looks at it. The error
// wraps ErrNone when there is none; a cluster that is unwell is no error.
func StatusOf(ctx context.Context, dir string) (*Status, error) {
	state, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	status := &Status{Dir: dir, State: *state, Running: state.Main.Runs()}
	for _, name := range slices.Sorted(maps.Keys(state.Programs)) {
		if !state.Programs[name].Runs() {
			status.Ended = append(status.Ended, name)
		}
	}
	switch {
	case !status.Running:
		status.Problem = "it was killed: devcluster down cleans up"
	case !state.Ready:
		status.Problem = "it is starting"
	default:
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		if status.View, err = lookAt(ctx, state); err != nil {
			status.Problem = err.Error()
		}
	}
	return status, nil
}

func lookAt(ctx context.Context, state *State) (*View, error) {
	config, err := clientcmd.BuildConfigFromFlags("", state.Kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return Look(ctx, client, state.VPSie)
}
