package verify

import (
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// search places pods where kube-scheduler would, until its budget is spent.
type search struct {
	verifier *verifier
	// start is the node at which kube-scheduler begins to look.
	start int
	// nominated is about how many pods have room kept for them: groups that are
	// taken back leave it too low.
	nominated int
	// budget is what is left, in evaluations of one pod on one node.
	budget    int
	exhausted bool
}

// newSearch leaves room for retries: the first pass of a score-order replay
// costs the limit at most.
func (v *verifier) newSearch() *search { return &search{verifier: v, budget: 2 * v.limit} }

// placeBest is the part of a scheduling cycle that looks at all nodes.
func (s *search) placeBest(cycle *simulator.Cycle, p *planned) (bool, error) {
	v := s.verifier
	before := v.cluster.FilterCalls()
	feasible, next := cycle.FeasibleNodes(s.start)
	s.start = next
	s.spend(v.cluster.FilterCalls() - before)
	if s.exhausted || len(feasible) == 0 {
		return false, nil
	}
	best, err := cycle.Best(feasible)
	if err != nil {
		return false, err
	}
	return v.settle(cycle, p, best, nil)
}

// spend takes evaluations off the budget. With nominations on a node it costs
// the more to ask it, measured at a quarter of an evaluation for each.
func (s *search) spend(evaluations int) {
	nodes := len(s.verifier.cluster.NodeNames())
	s.budget -= evaluations + evaluations*max(s.nominated, 0)/(4*nodes)
	s.exhausted = s.budget < 0
}

func (s *search) tryBest(p *planned) (bool, error) {
	if s.exhausted {
		return false, nil
	}
	v := s.verifier
	cycle, err := v.cluster.Cycle(p.pod)
	if err != nil {
		return false, err
	}
	v.look(cycle, p)
	return s.placeBest(cycle, p)
}

// scoreOrder leaves every pod to kube-scheduler.
func (v *verifier) scoreOrder() error {
	return v.replayScoreOrder(v.units, v.pods, false)
}

// sampledScoreOrder takes a sample of the pods off the finished plan and leaves
// these to kube-scheduler. Members of pod groups are then placed one by one.
func (v *verifier) sampledScoreOrder() error {
	pods := v.sample()
	units := make([]unit, len(pods))
	for i := range pods {
		units[i] = unit{pods: pods[i : i+1]}
	}
	v.cluster.Fork()
	defer v.cluster.Revert()
	for _, p := range pods {
		if err := v.cluster.Evict(p.pod); err != nil {
			return err
		}
	}
	return v.replayScoreOrder(units, pods, true)
}

// sample draws pods evenly over the queue, as many as the work limit allows.
// Pods with volumes or devices are not drawn: their claims would bind them to
// the place where they have been.
func (v *verifier) sample() []*planned {
	var candidates []*planned
	for _, p := range v.pods {
		if !p.claims {
			candidates = append(candidates, p)
		}
	}
	count := min(max(v.limit/len(v.cluster.NodeNames()), 1), len(candidates))
	sample := make([]*planned, count)
	for i := range sample {
		sample[i] = candidates[(2*i+1)*len(candidates)/(2*count)]
	}
	return sample
}

func (v *verifier) replayScoreOrder(units []unit, pods []*planned, sampled bool) error {
	s := v.newSearch()
	q := &queue{ctx: v.ctx, cluster: v.cluster}
	if _, err := q.run(units, s.tryBest); err != nil {
		return err
	}
	v.result.ScoreOrder = s.outcome(pods)
	v.result.ScoreOrder.Sampled = sampled
	return nil
}

// outcome compares where the pods are with where they were planned.
func (s *search) outcome(pods []*planned) Replay {
	if s.exhausted {
		return Replay{}
	}
	replay := Replay{Done: true}
	for _, p := range pods {
		switch actual := s.verifier.cluster.NodeOf(p.pod); actual {
		case p.node:
		case "":
			replay.Pending = append(replay.Pending, nameOf(p.pod))
		default:
			replay.Moved = append(replay.Moved, Move{Pod: nameOf(p.pod), Planned: p.node, Actual: actual})
		}
	}
	return replay
}
