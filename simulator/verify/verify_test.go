package verify

import (
	"testing"

	"github.com/stretchr/testify/assert"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func TestAGoodPlanIsFeasibleAndHeld(t *testing.T) {
	s := newScenario(t)
	s.today(machine("old", 1000))
	s.running("old", "resident", 500)
	s.add(machine("new-a", 2000, zone("a")), machine("new-b", 2000, zone("b")))
	s.plan("old", "first", 500)
	s.plan("new-a", "second", 1500, app("web"), simtest.Spread(v1.LabelTopologyZone, 1, "web"))
	s.plan("new-b", "third", 1500, app("web"), simtest.Spread(v1.LabelTopologyZone, 1, "web"))

	result := s.verify(t)

	assert.True(t, result.Feasible(), "%v", result.Refused)
	assert.True(t, result.Nominated.Held(), "%+v", result.Nominated)
	assert.True(t, result.ScoreOrder.AllLand(), "%+v", result.ScoreOrder)
	assert.False(t, result.ScoreOrder.Sampled)
}

func TestRefusalNamesPodNodeAndPlugin(t *testing.T) {
	s := newScenario(t)
	s.add(machine("small", 1000))
	s.plan("small", "big", 1500)

	assert.Equal(t, []Refusal{{Pod: name("big"), Node: "small", Plugin: "NodeResourcesFit", Message: "Insufficient cpu"}}, s.verify(t).Refused)
}
