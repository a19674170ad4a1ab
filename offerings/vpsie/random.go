package vpsie

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
)

// random is Options.Random for several goroutines.
type random struct {
	mu     sync.Mutex
	source *rand.Rand
}

// fraction is in [0, 1).
func (r *random) fraction() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source.Float64()
}

func (r *random) requestID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var id uuid.UUID
	for i := range id {
		id[i] = byte(r.source.Uint32())
	}
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // variant RFC 9562
	return id.String()
}

// pauses are between tries: exponential, and spread by half so that several
// controllers do not come back at once.
type pauses struct {
	*backoff.ExponentialBackOff
	random *random
}

func newPauses(first time.Duration, r *random) pauses {
	e := backoff.NewExponentialBackOff()
	e.InitialInterval, e.Multiplier, e.MaxInterval = first, 2, 30*time.Second
	e.RandomizationFactor = 0 // it draws from the global source; ours is injected
	return pauses{e, r}
}

// NextBackOff is between half and one and a half times the exponential pause.
func (p pauses) NextBackOff() time.Duration {
	return time.Duration((0.5 + p.random.fraction()) * float64(p.ExponentialBackOff.NextBackOff()))
}
