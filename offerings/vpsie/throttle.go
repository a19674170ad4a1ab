package vpsie

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// longestPause bounds what a server's Retry-After is believed.
const longestPause = 10 * time.Minute

// A throttle lets requests through at the rate allowed, and none while VPSie
// asked for a pause.
type throttle struct {
	limiter *rate.Limiter
	// maxWait is the longest that a request waits; beyond it, it is refused, so
	// that a worker is never blocked for long.
	maxWait time.Duration

	mu          sync.Mutex
	pausedUntil time.Time
}

func newThrottle(perMinute, burst int, maxWait time.Duration) *throttle {
	return &throttle{limiter: rate.NewLimiter(rate.Limit(float64(perMinute)/60), burst), maxWait: maxWait}
}

// pause holds all requests back for a while.
func (t *throttle) pause(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until := time.Now().Add(min(d, longestPause)); until.After(t.pausedUntil) {
		t.pausedUntil = until
	}
}

// wait returns when the request may be sent. A wait longer than allowed is not
// begun: it returns at once how long it would be.
func (t *throttle) wait(ctx context.Context) (tooLong time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	now := time.Now()
	t.mu.Lock()
	paused := t.pausedUntil.Sub(now)
	t.mu.Unlock()
	turn := t.limiter.ReserveN(now, 1)
	delay := max(paused, turn.DelayFrom(now))
	if delay <= 0 {
		return 0, nil
	}
	deadline, limited := ctx.Deadline()
	if delay > t.maxWait || limited && deadline.Sub(now) < delay {
		turn.CancelAt(now)
		return delay, nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0, nil
	case <-ctx.Done():
		turn.Cancel()
		return 0, ctx.Err()
	}
}
