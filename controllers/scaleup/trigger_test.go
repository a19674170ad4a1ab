package scaleup

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"
)

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func TestBatchOfHints(t *testing.T) {
	second := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	type step struct {
		at float64
		do func(*trigger)
	}
	hint := (*trigger).hint
	for name, test := range map[string]struct {
		steps []step
		// due is when the batch ends, in seconds; never if negative.
		due float64
	}{
		"nothing":                          {nil, -1},
		"one hint":                         {[]step{{0, hint}}, 1},
		"hints that go on for a while":     {[]step{{0, hint}, {0.9, hint}, {1.8, hint}}, 2.8},
		"hints that never end":             {[]step{{0, hint}, {3, hint}, {6, hint}, {9.5, hint}}, 10},
		"urgent":                           {[]step{{0, hint}, {0.2, (*trigger).now}}, 0.2},
		"not urgent":                       {[]step{{0, func(t *trigger) { t.within(7 * time.Second) }}}, 7},
		"the sooner of two":                {[]step{{0, func(t *trigger) { t.within(7 * time.Second) }}, {1, func(t *trigger) { t.within(3 * time.Second) }}, {2, func(t *trigger) { t.within(time.Hour) }}}, 4},
		"a timer that ends in a burst":     {[]step{{0, func(t *trigger) { t.within(time.Second) }}, {0.5, hint}, {1.2, hint}, {1.9, hint}}, 2.9},
		"more of a burst is to come":       {[]step{{0, hint}, {0.9, (*trigger).more}, {1.8, (*trigger).more}}, 2.8},
		"more of nothing":                  {[]step{{0, (*trigger).more}}, -1},
		"more without end":                 {[]step{{0, hint}, {0.9, (*trigger).more}, {9.5, (*trigger).more}, {9.9, (*trigger).more}}, 10},
		"urgent in a burst":                {[]step{{0, hint}, {0.5, hint}, {0.6, func(t *trigger) { t.within(time.Second) }}, {0.7, (*trigger).now}}, 0.7},
		"a hint before what is not urgent": {[]step{{0, func(t *trigger) { t.within(7 * time.Second) }}, {1, hint}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakeClock(start)
			tr := newTrigger(clock, second(1), second(10))
			for _, s := range test.steps {
				clock.SetTime(start.Add(second(s.at)))
				s.do(tr)
			}
			taken, left := tr.take()
			if test.due < 0 {
				assert.False(t, taken)
				assert.Equal(t, never, left)
				return
			}
			if !taken {
				assert.Equal(t, start.Add(second(test.due)), clock.Now().Add(left))
				clock.Step(left - time.Nanosecond)
				taken, _ = tr.take()
				require.False(t, taken, "too early")
				clock.Step(time.Nanosecond)
				taken, _ = tr.take()
			}
			assert.True(t, taken)
			assert.Equal(t, start.Add(second(test.due)), clock.Now())
			taken, left = tr.take()
			assert.False(t, taken, "a batch is taken once")
			assert.Equal(t, never, left)
		})
	}
}

func TestWaitEndsWithTheBatchOrTheContext(t *testing.T) {
	clock := clocktesting.NewFakeClock(start)
	tr := newTrigger(clock, time.Second, 10*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() { done <- tr.wait(ctx) }()
	tr.hint()
	require.Eventually(t, clock.HasWaiters, 10*time.Second, time.Millisecond)
	select {
	case <-done:
		t.Fatal("the batch is not full yet")
	default:
	}
	clock.Step(time.Second)
	assert.True(t, <-done)

	go func() { done <- tr.wait(ctx) }()
	cancel()
	assert.False(t, <-done)
	tr.now()
	assert.False(t, tr.wait(ctx), "what is due is not done after the end")
}
