package scaleup

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// trigger gathers hints until there has been none for a while (idle) or the first
// of them has waited long enough (most). Any goroutine may give hints; one waits.
//
// A timer that ends while hints are still coming does not end the batch: half of
// a burst would be decided on, and the other half again.
type trigger struct {
	clock      clock.Clock
	idle, most time.Duration
	wake       chan struct{}

	mu sync.Mutex
	// first and last hint of the batch; zero when there is none.
	first, last time.Time
	// at is when to go on without any hint; zero for never.
	at time.Time
	// urgent says to go on at once, whatever the hints.
	urgent bool
}

func newTrigger(clock clock.Clock, idle, most time.Duration) *trigger {
	return &trigger{clock: clock, idle: idle, most: most, wake: make(chan struct{}, 1)}
}

// hint says that there may be something to do.
func (t *trigger) hint() {
	t.change(func(now time.Time) {
		if t.first.IsZero() {
			t.first = now
		}
		t.last = now
	})
}

// more keeps a batch open that has begun: more of it is to come. It begins none.
func (t *trigger) more() {
	t.change(func(now time.Time) {
		if !t.first.IsZero() {
			t.last = now
		}
	})
}

// now says that there is something to do at once.
func (t *trigger) now() { t.change(func(time.Time) { t.urgent = true }) }

// within says that there is something to do, but not urgently.
func (t *trigger) within(d time.Duration) {
	t.change(func(now time.Time) {
		if at := now.Add(d); t.at.IsZero() || at.Before(t.at) {
			t.at = at
		}
	})
}

func (t *trigger) change(f func(now time.Time)) {
	t.mu.Lock()
	f(t.clock.Now())
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// due says when to go on, as things stand; false when nothing is to be done.
func (t *trigger) due(now time.Time) (time.Time, bool) {
	switch {
	case t.urgent:
		return now, true
	case t.first.IsZero():
		return t.at, !t.at.IsZero()
	}
	quiet, full := t.last.Add(t.idle), t.first.Add(t.most)
	if full.Before(quiet) {
		return full, true
	}
	return quiet, true
}

// take ends the batch if it is due, or else says how long that takes; never is
// negative.
func (t *trigger) take() (taken bool, left time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	due, ok := t.due(now)
	if !ok {
		return false, never
	}
	if left := due.Sub(now); left > 0 {
		return false, left
	}
	t.first, t.last, t.at, t.urgent = time.Time{}, time.Time{}, time.Time{}, false
	return true, 0
}

const never time.Duration = -1

// wait blocks until the batch is due; false when ctx ended before.
func (t *trigger) wait(ctx context.Context) bool {
	for {
		taken, left := t.take()
		if taken || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		var after <-chan time.Time
		stop := func() bool { return true }
		if left != never {
			timer := t.clock.NewTimer(left)
			after, stop = timer.C(), timer.Stop
		}
		select {
		case <-ctx.Done():
		case <-t.wake:
		case <-after:
		}
		stop()
	}
}
