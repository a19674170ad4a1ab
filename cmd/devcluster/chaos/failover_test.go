package chaos

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Two replicas run; the one that acts is killed in the middle of a scale-up, with
// an order under way. The other one takes over when the Lease has ended.
func TestLeaderDiesInTheMiddleOfAScaleUp(t *testing.T) {
	w := newWorld(t)
	w.settleIn()
	leader, other := w.start(), w.start()
	w.ready(leader)
	w.ready(other)
	w.eventually(func() string {
		switch {
		case w.leads(other):
			leader, other = other, leader
		case !w.leads(leader):
			return "neither replica leads"
		}
		return ""
	})
	struck := make(chan struct{})
	w.trap.set(http.MethodPost, beforeAnswer, 2, func() {
		w.strike(leader)
		close(struck)
	})
	w.scale(general, 6)
	w.scale(scripted, 2)
	w.eventually(func() string {
		select {
		case <-struck:
			return ""
		default:
			return "the third machine was not ordered"
		}
	})
	assert.False(t, w.leads(other), "not before the Lease has ended")
	ordered := w.bought()

	w.eventually(w.settled)
	assert.True(t, w.leads(other))
	assert.Less(t, ordered, 8, "it was killed in the middle")
	assert.Equal(t, 8, w.bought(), "one machine for each pod, none twice and none for nothing")
	w.whole()
	w.stopReplicas()
	w.noSecrets()
	w.nothingDenied()
}
