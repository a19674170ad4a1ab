package vpsienode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubectl/pkg/drain"
)

// drainState is how far the draining of a node is.
type drainState int

const (
	drainRunning drainState = iota
	drainDone
	drainFailed
)

// attempt is one attempt to drain one node.
type attempt struct {
	cancel context.CancelFunc
	// done is closed when err is final.
	done chan struct{}
	err  error
}

// drains evicts pods in goroutines of its own, a bounded number at a time, so
// that no worker waits for pods to end. Nothing of it outlives the process: a
// restart drains again what is still there.
type drains struct {
	options *Options
	turns   chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	attempts map[types.UID]*attempt
}

func newDrains(options *Options) *drains {
	ctx, stop := context.WithCancel(context.Background())
	return &drains{
		options:  options,
		turns:    make(chan struct{}, options.ConcurrentDrains),
		ctx:      ctx,
		stop:     stop,
		attempts: map[types.UID]*attempt{},
	}
}

// Start ends all attempts with the context, and returns when they have ended.
func (d *drains) Start(ctx context.Context) error {
	<-ctx.Done()
	d.stop()
	d.running.Wait()
	return nil
}

// drain starts an attempt to drain the machine's node, or says what became of
// the one under way. What failed is begun anew by the next call.
func (d *drains) drain(uid types.UID, node *corev1.Node) (drainState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, known := d.attempts[uid]
	if !known {
		ctx, cancel := context.WithTimeout(d.ctx, d.options.DrainAttempt)
		a = &attempt{cancel: cancel, done: make(chan struct{})}
		d.attempts[uid] = a
		d.running.Go(func() {
			defer cancel()
			a.err = d.try(ctx, node.DeepCopy())
			close(a.done)
		})
		return drainRunning, nil
	}
	select {
	case <-a.done:
	default:
		return drainRunning, nil
	}
	delete(d.attempts, uid)
	if a.err != nil {
		return drainFailed, a.err
	}
	return drainDone, nil
}

// abandon ends the attempt that is under way, if there is one.
func (d *drains) abandon(uid types.UID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, known := d.attempts[uid]; known {
		a.cancel()
		delete(d.attempts, uid)
	}
}

// unresponsive is how long pods are waited for on a node whose kubelet does not
// report: nobody is there to end them.
const unresponsive = 30 * time.Second

// evictionRetry is the pause after a budget refused an eviction.
const evictionRetry = 5 * time.Second

// try cordons the node and evicts its pods. Budgets are honoured, each pod has
// its own grace period; DaemonSet and mirror pods stay, and pods that no
// controller makes anew go as well, with what is in their emptyDir volumes: the
// machine is to go.
func (d *drains) try(ctx context.Context, node *corev1.Node) error {
	select {
	case d.turns <- struct{}{}:
		defer func() { <-d.turns }()
	case <-ctx.Done():
		return fmt.Errorf("draining Node %s: too many others are being drained: %w", node.Name, ctx.Err())
	}
	helper := &drain.Helper{
		Ctx:                  ctx,
		Client:               d.options.Kubernetes,
		Force:                true,
		GracePeriodSeconds:   -1,
		IgnoreAllDaemonSets:  true,
		DeleteEmptyDirData:   true,
		Timeout:              d.options.DrainAttempt,
		EvictErrorRetryDelay: evictionRetry,
		Out:                  io.Discard,
		ErrOut:               io.Discard,
	}
	if !isReady(node) {
		helper.SkipWaitForDeleteTimeoutSeconds = int(unresponsive / time.Second)
	}
	if err := drain.RunCordonOrUncordon(helper, node, true); err != nil {
		return fmt.Errorf("cordoning Node %s: %w", node.Name, err)
	}
	pods, failures := helper.GetPodsForDeletion(node.Name)
	if len(failures) > 0 {
		return fmt.Errorf("draining Node %s: %w", node.Name, errors.Join(failures...))
	}
	if err := helper.DeleteOrEvictPods(pods.Pods()); err != nil {
		return fmt.Errorf("draining Node %s: %w", node.Name, err)
	}
	return nil
}
