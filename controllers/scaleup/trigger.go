package scaleup

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// trigger gathers hints until there has been none for a while (idle) or the first
// of them has waited long enough (most). Any goroutine may give hints; one waits.
type trigger struct {
	clock      clock.Clock
	idle, most time.Duration
	wake       chan struct{}

	mu sync.Mutex
	// first and last hint of the batch; zero when there is none.
	first, last time.Time
	// at is when to go on whatever the hints; zero for never.
	at time.Time
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

// now says that there is something to do at once.
func (t *trigger) now() { t.change(func(now time.Time) { t.notAfter(now) }) }

// within says that there is something to do, but not urgently.
func (t *trigger) within(d time.Duration) {
	t.change(func(now time.Time) { t.notAfter(now.Add(d)) })
}

func (t *trigger) notAfter(at time.Time) {
	if t.at.IsZero() || at.Before(t.at) {
		t.at = at
	}
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
func (t *trigger) due() (time.Time, bool) {
	due := t.at
	if !t.first.IsZero() {
		quiet := t.last.Add(t.idle)
		if full := t.first.Add(t.most); full.Before(quiet) {
			quiet = full
		}
		if due.IsZero() || quiet.Before(due) {
			due = quiet
		}
	}
	return due, !due.IsZero()
}

// take ends the batch if it is due, or else says how long that takes; never is
// negative.
func (t *trigger) take() (taken bool, left time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	due, ok := t.due()
	if !ok {
		return false, never
	}
	if left := due.Sub(t.clock.Now()); left > 0 {
		return false, left
	}
	t.first, t.last, t.at = time.Time{}, time.Time{}, time.Time{}
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
