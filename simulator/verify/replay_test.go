package verify

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// tightPlan fills two machines to the brim: three small pods on one, one big
// pod on the other. The small ones are older.
func tightPlan(t testing.TB) *scenario {
	s := newScenario(t)
	s.add(machine("a", 3000), machine("b", 3000))
	for i := range 3 {
		s.plan("a", numbered("small", i), 1000)
	}
	s.plan("b", "big", 3000)
	return s
}

// kube-scheduler favours the emptier machine, so that no machine has room for
// the big pod when its turn comes.
func TestATightPlanIsHeldByNominationsOnly(t *testing.T) {
	s := tightPlan(t)

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.True(t, result.Nominated.Held())
	assert.Contains(t, result.ScoreOrder.Pending, name("big"))
	assert.Equal(t, []Move{{Pod: name("small-0001"), Planned: "a", Actual: "b"}}, result.ScoreOrder.Moved)
	assert.False(t, result.ScoreOrder.AllLand())
	assert.False(t, result.ScoreOrder.Sampled)
}

func TestWithoutNominationsThereIsNoNominatedReplay(t *testing.T) {
	s := tightPlan(t)
	s.request.Nominate = false

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.Equal(t, Replay{}, result.Nominated)
	assert.False(t, result.Nominated.Held())
}

// Pods of one application that is spread over machines, two of them nominated
// to each: every one of them is refused for the sake of the other that is still
// to come. No deadlock follows: each failed cycle clears a nomination, and the
// last pod of each machine gets in. What was refused comes back without a claim
// to its place and lands by score, here on the bigger machine first.
func TestSpreadPodsNominatedToOneMachineRefuseEachOther(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 4000), machine("b", 8000))
	for i, node := range []string{"a", "b", "a", "b"} {
		s.plan(node, numbered("web", i), 1000, app("web"), simtest.Spread(v1.LabelHostname, 1, "web"))
	}

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.True(t, result.Nominated.AllLand())
	assert.Equal(t, []Move{
		{Pod: name("web-0000"), Planned: "a", Actual: "b"},
		{Pod: name("web-0001"), Planned: "b", Actual: "a"},
	}, result.Nominated.Moved)
}

// Who only asks whether nominations hold the plan is spared the rest.
func TestAReplayThatPartsFromThePlanIsNotFollowedOnRequest(t *testing.T) {
	s := newScenario(t)
	s.request.HeldOnly = true
	s.add(machine("a", 4000), machine("b", 8000))
	for i, node := range []string{"a", "b", "a", "b"} {
		s.plan(node, numbered("web", i), 1000, app("web"), simtest.Spread(v1.LabelHostname, 1, "web"))
	}

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.False(t, result.Nominated.Done)
	assert.False(t, result.Nominated.Held())
}

// The same breaks a plan whose pods are not all of one size: the small pod that
// lost its place takes the room of the big one that did.
func TestSpreadPodsThatLoseTheirNominationsCanBreakAPlan(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 4000), machine("b", 4000))
	sizes := []int64{1000, 3000, 3000, 1000}
	for i, node := range []string{"a", "b", "a", "b"} {
		s.plan(node, numbered("web", i), sizes[i], app("web"), simtest.Spread(v1.LabelHostname, 1, "web"))
	}

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.Equal(t, []Move{{Pod: name("web-0000"), Planned: "a", Actual: "b"}}, result.Nominated.Moved)
	assert.Equal(t, []string{"web-0001"}, pendingNames(result.Nominated))
	assert.False(t, result.Nominated.AllLand())
}

func pendingNames(replay Replay) []string {
	names := []string{}
	for _, pod := range replay.Pending {
		names = append(names, pod.Name)
	}
	return names
}

// A pod may come before the one it wants to be near: it is tried again after
// that one. Its nomination does not survive the first try.
func TestAPodTriedBeforeItsAffinityTargetIsTriedAgain(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 2000, zone("a")), machine("b", 4000, zone("b")))
	s.plan("a", "follower", 1000, simtest.Together(v1.LabelTopologyZone, "leader"))
	s.plan("a", "leader", 1000, app("leader"))

	result := s.verify(t)

	assert.True(t, result.Feasible(), "%v", result.Refused)
	assert.True(t, result.Nominated.Held(), "zone a is all that is open to it: %+v", result.Nominated)
}

func TestPriorityDecidesWhoIsFirst(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 1000))
	s.plan("a", "early", 600)
	s.plan("a", "urgent", 600, simtest.Priority(100))

	assert.Equal(t, []Refusal{{name("early"), "a", "NodeResourcesFit", "Insufficient cpu"}}, s.verify(t).Refused)
}

// Nominations keep room from pods of equal or lower priority only. When the pod
// that the urgent one wants to be near is queued after it, the urgent pod's own
// machine refuses it at first, and it takes the room of a lesser pod.
func TestNominationsDoNotKeepRoomFromHigherPriority(t *testing.T) {
	s := newScenario(t)
	s.today(machine("old", 1000, zone("b")))
	s.running("old", "friend", 900, app("friend"))
	s.add(machine("a", 1000, zone("a")), machine("b", 1000, zone("b")))
	s.plan("b", "lesser", 1000, simtest.Selects(v1.LabelTopologyZone, "b"))
	s.plan("a", "urgent", 1000, simtest.Priority(100), simtest.Together(v1.LabelTopologyZone, "friend"))
	s.plan("a", "target", 0, app("friend"), simtest.Priority(200))

	result := s.verify(t)

	assert.True(t, result.Feasible(), "%v", result.Refused)
	assert.True(t, result.Nominated.Held(), "%+v", result.Nominated)

	s.object(t, "target").Spec.Priority = nil
	result = s.verify(t)

	assert.True(t, result.Feasible(), "%v", result.Refused)
	assert.Equal(t, []Move{{Pod: name("urgent"), Planned: "a", Actual: "b"}}, result.Nominated.Moved)
	assert.Equal(t, []string{"lesser"}, pendingNames(result.Nominated))
}

// A preemptor outside the plan waits for its victims to end: kube-scheduler
// keeps that room for it, although it is free by Filter's reckoning.
func TestRoomKeptForAPodOutsideThePlanIsRespected(t *testing.T) {
	s := newScenario(t)
	s.today(machine("old", 2000))
	s.pending(newPod("preemptor", 1500, simtest.Nominated("old")))
	s.plan("old", "planned", 1000)

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.Equal(t, []string{"planned"}, pendingNames(result.Nominated))
	assert.Equal(t, []string{"planned"}, pendingNames(result.ScoreOrder))
}

// The nominations that today's planned pods have are overridden by the plan.
func TestAPlannedPodsOldNominationKeepsNoRoom(t *testing.T) {
	s := newScenario(t)
	s.today(machine("old", 2000))
	s.add(machine("new", 2000))
	s.plan("old", "first", 2000)
	s.plan("new", "second", 2000, simtest.Nominated("old"))

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.True(t, result.Nominated.Held(), "%+v", result.Nominated)
}

func TestANegativeLimitTurnsTheScoreOrderReplayOff(t *testing.T) {
	s := tightPlan(t)
	s.request.ScoreOrderLimit = -1

	result := s.verify(t)

	assert.Equal(t, Replay{}, result.ScoreOrder)
	assert.True(t, result.Nominated.Held())
	assert.Equal(t, 4, result.FilterCalls, "one for each pod")
}

func TestAboveTheLimitOnlyASampleIsLeftToTheScheduler(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 4000), machine("b", 4000))
	for i := range 8 {
		s.plan([]string{"a", "b"}[i/4], numbered("pod", i), 1000)
	}
	s.request.ScoreOrderLimit = 4

	result := s.verify(t)

	assert.True(t, result.ScoreOrder.Sampled)
	assert.True(t, result.ScoreOrder.AllLand(), "%+v", result.ScoreOrder)
	assert.LessOrEqual(t, result.FilterCalls, 8+4)

	s.request.ScoreOrderLimit = 16
	assert.False(t, s.verify(t).ScoreOrder.Sampled)
}

// The first pod and the last one are the sample; the small one breaks into the
// big one's machine.
func TestASampleShowsThatATightPlanBreaks(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 3000), machine("b", 3000))
	s.plan("a", "small", 1000)
	s.plan("a", "filler", 2000)
	s.plan("b", "big", 3000)
	s.request.ScoreOrderLimit = 4

	result := s.verify(t)

	assert.True(t, result.ScoreOrder.Sampled)
	assert.Equal(t, []Move{{Pod: name("small"), Planned: "a", Actual: "b"}}, result.ScoreOrder.Moved)
	assert.Equal(t, []string{"big"}, pendingNames(result.ScoreOrder))
	assert.True(t, result.Nominated.Held())
}

// Claims bind pods to where they have been, which is no test of the score order.
func TestASampleIsEvenAndLeavesPodsWithClaimsAlone(t *testing.T) {
	s := goodPlan(t)
	tests := []struct {
		limit int
		want  []string
	}{
		{1, []string{"alone-2"}},
		{3 * 7, []string{"amd", "alone-2", "gang-1"}},
		{1000, []string{"plain", "amd", "spread-1", "spread-2", "alone-1", "alone-2", "beside", "port-1", "port-2", "gang-1", "gang-2"}},
	}
	for _, test := range tests {
		s.request.ScoreOrderLimit = test.limit
		v, refused, err := newVerifier(t.Context(), &s.request, false)
		require.NoError(t, err)
		require.Empty(t, refused)
		rest, err := v.lockstep()
		require.NoError(t, err)
		require.Empty(t, rest)

		var got []string
		for _, p := range v.sample() {
			got = append(got, p.pod.Name)
		}
		assert.Equal(t, test.want, got)
	}
}

// What a sample did is undone before the nominated replay goes on.
func TestASampleLeavesNoTrace(t *testing.T) {
	for _, limit := range []int{-1, 7} {
		s := newScenario(t)
		s.add(machine("a", 4000), machine("b", 8000))
		for i, node := range []string{"a", "b", "a", "b"} {
			s.plan(node, numbered("web", i), 1000, app("web"), simtest.Spread(v1.LabelHostname, 1, "web"))
		}
		s.request.ScoreOrderLimit = limit

		result := s.verify(t)

		assert.Equal(t, limit > 0, result.ScoreOrder.Sampled)
		assert.Equal(t, []Move{
			{Pod: name("web-0000"), Planned: "a", Actual: "b"},
			{Pod: name("web-0001"), Planned: "b", Actual: "a"},
		}, result.Nominated.Moved)
	}
}

// A replay that searches many nodes again and again is cut off rather than
// believed.
func TestAReplayThatExceedsTheLimitIsNotDone(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 8000), machine("b", 8000))
	for i := range 8 {
		s.plan([]string{"a", "b"}[i%2], numbered("web", i), 1000, app("web"), simtest.Spread(v1.LabelHostname, 1, "web"))
	}
	s.request.ScoreOrderLimit = 2

	result := s.verify(t)

	assert.True(t, result.Feasible())
	assert.Equal(t, Replay{}, result.Nominated)
	assert.False(t, result.Nominated.AllLand())
}

func TestTheJudgeStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := Verify(ctx, tightPlan(t).request)

	assert.ErrorIs(t, err, context.Canceled)
}

func TestAnEmptyPlanIsFeasible(t *testing.T) {
	result := newScenario(t).verify(t)

	assert.True(t, result.Feasible())
	assert.True(t, result.Nominated.Held())
	assert.True(t, result.ScoreOrder.Held())
}

// Above 100 nodes kube-scheduler looks at some of them only, and at others the
// next time: two equal pods land on the first node of each search.
func TestTheScoreOrderReplayLooksOnWhereItStopped(t *testing.T) {
	s := newScenario(t)
	for i := range 130 {
		s.add(machine(numbered("node", i), 4000))
	}
	s.plan("node-0000", "first", 1000)
	s.plan("node-0100", "second", 1000)

	result := s.verify(t)

	assert.False(t, result.ScoreOrder.Sampled)
	assert.True(t, result.ScoreOrder.Held(), "%+v", result.ScoreOrder)
}
