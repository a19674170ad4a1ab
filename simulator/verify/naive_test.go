package verify

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// naive judges a plan with nothing but the definition: a cluster of its own for
// each question, every pod tried in queue order, those left tried again until a
// whole pass places none.
type naive struct {
	t       testing.TB
	s       *scenario
	cluster *simulator.Cluster
	queue   []*v1.Pod
}

func newNaive(t testing.TB, s *scenario) *naive {
	n := &naive{t: t, s: s, cluster: s.cluster(t, s.request.Config)}
	for _, pod := range n.cluster.Pending() {
		if _, ok := s.request.Planned[nameOf(pod)]; ok {
			n.queue = append(n.queue, pod)
		}
	}
	return n
}

func (n *naive) cycle(pod *v1.Pod) *simulator.Cycle {
	cycle, err := n.cluster.Cycle(pod)
	require.NoError(n.t, err)
	return cycle
}

func (n *naive) onto(cycle *simulator.Cycle, node string) bool {
	require.NoError(n.t, cycle.Place(node))
	return true
}

func (n *naive) nominate(pod *v1.Pod, node string) {
	require.NoError(n.t, n.cluster.Nominate(pod, node))
}

// run passes over the queue, a group at its first member's place.
func (n *naive) run(try func(pod *v1.Pod) bool, failed func(pod *v1.Pod)) {
	for progress := true; progress; {
		progress = false
		done := map[types.NamespacedName]bool{}
		for _, pod := range n.queue {
			if done[nameOf(pod)] || n.cluster.NodeOf(pod) != "" {
				continue
			}
			members := n.members(pod)
			n.cluster.Fork()
			var left []*v1.Pod
			for _, member := range members {
				done[nameOf(member)] = true
				if !try(member) {
					left = append(left, member)
				}
			}
			if n.groupRuns(pod) {
				n.cluster.Commit()
				progress = progress || len(left) < len(members)
			} else {
				n.cluster.Revert()
				left = members
			}
			for _, member := range left {
				failed(member)
			}
		}
	}
}

func (n *naive) gang(pod *v1.Pod) (minCount int) {
	for _, object := range n.s.request.Objects.PodGroups {
		if groupOf(pod) == (types.NamespacedName{Namespace: object.Namespace, Name: object.Name}) {
			return int(object.Spec.SchedulingPolicy.Gang.MinCount)
		}
	}
	return 0
}

func (n *naive) members(pod *v1.Pod) []*v1.Pod {
	if n.gang(pod) == 0 {
		return []*v1.Pod{pod}
	}
	var members []*v1.Pod
	for _, other := range n.queue {
		if groupOf(other) == groupOf(pod) && n.cluster.NodeOf(other) == "" {
			members = append(members, other)
		}
	}
	return members
}

func (n *naive) groupRuns(pod *v1.Pod) bool {
	running := 0
	for _, other := range n.cluster.Objects().Pods {
		if groupOf(other) == groupOf(pod) && n.cluster.NodeOf(other) != "" {
			running++
		}
	}
	return running >= n.gang(pod)
}

// order returns the pods that do not get onto their planned nodes.
func (n *naive) order() (refused []types.NamespacedName) {
	n.run(func(pod *v1.Pod) bool {
		node := n.s.request.Planned[nameOf(pod)]
		cycle := n.cycle(pod)
		return cycle.Filter(node).IsSuccess() && n.onto(cycle, node)
	}, func(*v1.Pod) {})
	for _, pod := range n.queue {
		if n.cluster.NodeOf(pod) == "" {
			refused = append(refused, nameOf(pod))
		}
	}
	return refused
}

func (n *naive) search(cycle *simulator.Cycle) bool {
	var fits []string
	for _, node := range n.cluster.NodeNames() {
		if cycle.FilterNominated(node).IsSuccess() {
			fits = append(fits, node)
		}
	}
	if len(fits) == 0 {
		return false
	}
	best, err := cycle.Best(fits)
	require.NoError(n.t, err)
	return n.onto(cycle, best)
}

func (n *naive) nominated() Replay {
	for _, pod := range n.queue {
		n.nominate(pod, n.s.request.Planned[nameOf(pod)])
	}
	n.run(func(pod *v1.Pod) bool {
		cycle := n.cycle(pod)
		if node := n.cluster.NominatedNode(pod); node != "" && cycle.FilterNominated(node).IsSuccess() {
			return n.onto(cycle, node)
		}
		return n.search(cycle)
	}, func(pod *v1.Pod) { n.nominate(pod, "") })
	return n.outcome()
}

func (n *naive) scoreOrder() Replay {
	for _, pod := range n.queue {
		n.nominate(pod, "")
	}
	n.run(func(pod *v1.Pod) bool { return n.search(n.cycle(pod)) }, func(*v1.Pod) {})
	return n.outcome()
}

func (n *naive) outcome() Replay {
	replay := Replay{Done: true}
	for _, pod := range n.queue {
		planned := n.s.request.Planned[nameOf(pod)]
		switch node := n.cluster.NodeOf(pod); node {
		case planned:
		case "":
			replay.Pending = append(replay.Pending, nameOf(pod))
		default:
			replay.Moved = append(replay.Moved, Move{Pod: nameOf(pod), Planned: planned, Actual: node})
		}
	}
	return replay
}

// randomPlan draws a plan: one that a scheduler could have made, one with a pod
// moved, or pods thrown at nodes.
func randomPlan(t testing.TB, r *rand.Rand) *scenario {
	s := randomScenario(t, r, 3+r.IntN(10))
	if r.IntN(3) == 0 {
		gang := numbered("gang", r.IntN(2))
		s.request.Objects.PodGroups = []*schedulingv1beta1.PodGroup{podGroup(gang, int32(1+r.IntN(3)))}
		for _, pod := range s.request.Objects.Pods {
			if pod.Namespace == "default" && r.IntN(3) == 0 {
				inGroup(gang)(pod)
			}
		}
	}
	if r.IntN(6) == 0 && len(s.request.Objects.Nodes) > 0 {
		reserving := s.pending(randomPod(r, "reserving"))
		reserving.Status.NominatedNodeName = pick(r, s.request.Objects.Nodes).Name
	}
	cluster := s.cluster(t, s.request.Config)
	wild := r.IntN(4) == 0
	s.planAt(func(waiting *v1.Pod) string {
		if waiting.Name == "reserving" || r.IntN(12) == 0 {
			return ""
		}
		if wild {
			return pick(r, s.nodeNames())
		}
		for _, pod := range cluster.Pending() {
			if nameOf(pod) != nameOf(waiting) {
				continue
			}
			cycle, err := cluster.Cycle(pod)
			require.NoError(t, err)
			for _, i := range r.Perm(len(cluster.NodeNames())) {
				if node := cluster.NodeNames()[i]; cycle.Filter(node).IsSuccess() {
					require.NoError(t, cycle.Place(node))
					return node
				}
			}
		}
		return ""
	})
	if r.IntN(3) == 0 {
		for _, planned := range sortedNames(s.request.Planned) {
			s.request.Planned[planned] = pick(r, s.nodeNames())
			break
		}
	}
	return s
}

func sortedNames(plan map[types.NamespacedName]string) []types.NamespacedName {
	names := make([]types.NamespacedName, 0, len(plan))
	for name := range plan {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) })
	return names
}

// The short cuts of Verify (one pass for two replays, Filter in place of
// FilterNominated, nominations put off, the hostname fast path) must not show.
func TestVerifyAgreesWithTheDefinition(t *testing.T) {
	seen := map[string]int{}
	for seed := range 400 {
		s := randomPlan(t, seeded(seed))
		s.request.HostnameFastPath = seed%2 == 0
		result := s.verify(t)

		var refused []types.NamespacedName
		for _, refusal := range result.Refused {
			refused = append(refused, refusal.Pod)
			require.NotEmpty(t, refusal.Plugin, "seed %d: %v", seed, refusal)
			require.NotEmpty(t, refusal.Message, "seed %d: %v", seed, refusal)
		}
		require.Equal(t, newNaive(t, s).order(), refused, "seed %d: order replay", seed)
		if !result.Feasible() {
			seen["refused"]++
			continue
		}
		require.Equal(t, newNaive(t, s).nominated(), result.Nominated, "seed %d: nominated replay", seed)
		require.Equal(t, newNaive(t, s).scoreOrder(), result.ScoreOrder, "seed %d: score-order replay", seed)
		seen[fmt.Sprintf("nominated held=%t", result.Nominated.Held())]++
		seen[fmt.Sprintf("score-order all land=%t", result.ScoreOrder.AllLand())]++
	}
	for _, kind := range []string{"refused", "nominated held=true", "nominated held=false", "score-order all land=true", "score-order all land=false"} {
		assert.Greater(t, seen[kind], 15, "the draw hardly ever makes a plan that is %s: %v", kind, seen)
	}
}
