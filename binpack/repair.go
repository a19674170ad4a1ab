package binpack

import (
	"slices"
	"sort"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/verify"
)

// repair places pods one by one with the scheduler's own answer at every step:
// onto a node of today, a machine of the decision, or one more machine. It
// returns the pods that nothing takes.
func (p *planner) repair(s *settled, left []*v1.Pod) (unplaced []*v1.Pod, err error) {
	left = slices.Clone(left)
	cluster, slipped, err := p.stageNamed(s)
	if err == nil && len(slipped) > 0 {
		// Machines that stay empty must not stand in the way of a limit.
		s.withdrawPods(slipped)
		left = append(left, slipped...)
		p.dropEmpty(s)
		cluster, slipped, err = p.stageNamed(s)
	}
	if err != nil {
		return nil, err
	}
	defer func() { p.filterCalls += cluster.FilterCalls() }()
	s.withdrawPods(slipped)
	left = append(left, slipped...)
	p.queueOrder(left)
	r := &repairer{p: p, s: s, cluster: cluster, hopeless: map[*class]int{}}
	// What one pod brings may be what another waits for: go round as long as
	// that helps.
	for progress := true; progress && len(left) > 0; {
		progress = false
		var waiting []*v1.Pod
		for i, pod := range left {
			placed, err := r.place(pod, left[i:])
			if err != nil {
				return nil, err
			}
			if placed {
				progress = true
			} else {
				waiting = append(waiting, pod)
			}
		}
		left = waiting
	}
	return left, nil
}

func (p *planner) stageNamed(s *settled) (*simulator.Cluster, []*v1.Pod, error) {
	p.name(s)
	return p.stage(s)
}

func (s *settled) withdrawPods(pods []*v1.Pod) {
	refusals := make([]verify.Refusal, len(pods))
	for i, pod := range pods {
		refusals[i].Pod = nameOf(pod)
	}
	s.withdraw(refusals)
}

type repairer struct {
	p       *planner
	s       *settled
	cluster *simulator.Cluster
	// changes counts placements; hopeless holds the count at which a class was
	// refused everywhere, for its next pods need not be tried before another change.
	changes  int
	hopeless map[*class]int
}

// place finds a place for one pod; rest are the pods still waiting, itself
// first.
func (r *repairer) place(pod *v1.Pod, rest []*v1.Pod) (bool, error) {
	c := r.p.classOf[pod]
	if at, ok := r.hopeless[c]; ok && at == r.changes && !c.irregular {
		return false, nil
	}
	placed, err := r.onExisting(pod, c)
	if err != nil || placed {
		return placed, err
	}
	placed, err = r.onNew(pod, c, rest)
	if err == nil && !placed {
		r.hopeless[c] = r.changes
	}
	return placed, err
}

func (r *repairer) onExisting(pod *v1.Pod, c *class) (bool, error) {
	cycle, err := r.cluster.Cycle(pod)
	if err != nil {
		return false, err
	}
	if cycle.Refused() != nil {
		return false, nil
	}
	try := func(name string) (bool, error) {
		if !r.roomy(name, c) || !cycle.Filter(name).IsSuccess() {
			return false, nil
		}
		return true, r.put(cycle, name)
	}
	for i, n := range r.p.nodes {
		if r.p.needsPreemption(c, i) {
			continue
		}
		if placed, err := try(n.name); err != nil || placed {
			if placed {
				r.s.onNode[i] = append(r.s.onNode[i], pod)
			}
			return placed, err
		}
	}
	for _, m := range r.s.machines {
		if placed, err := try(m.name); err != nil || placed {
			if placed {
				m.pods = append(m.pods, pod)
			}
			return placed, err
		}
	}
	return false, nil
}

// onNominatedNodes places each pod on the node that it is nominated to, if that
// holds it. Those that wait for one another are tried again: pods of one spread
// pass when others of it are placed, and those on one node object to each other
// for as long as they are only nominated, so that the first of them has to go by
// what is placed alone.
func (r *repairer) onNominatedNodes(pods []*v1.Pod) error {
	filters := []func(*simulator.Cycle, string) *fwk.Status{(*simulator.Cycle).FilterNominated, (*simulator.Cycle).Filter}
	for i := 0; i < len(filters); i++ {
		var left []*v1.Pod
		for _, pod := range pods {
			placed, err := r.onNominated(pod, filters[i])
			if err != nil {
				return err
			}
			if !placed {
				left = append(left, pod)
			}
		}
		if len(left) < len(pods) {
			i = -1
		}
		pods = left
	}
	return nil
}

func (r *repairer) onNominated(pod *v1.Pod, filter func(*simulator.Cycle, string) *fwk.Status) (placed bool, err error) {
	cycle, err := r.cluster.Cycle(pod)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(r.p.nodes, func(n *node) bool { return n.name == pod.Status.NominatedNodeName })
	if r.p.needsPreemption(r.p.classOf[pod], i) || !filter(cycle, r.p.nodes[i].name).IsSuccess() {
		return false, nil
	}
	r.s.onNode[i] = append(r.s.onNode[i], pod)
	return true, r.put(cycle, r.p.nodes[i].name)
}

func (r *repairer) put(cycle *simulator.Cycle, name string) error {
	r.changes++
	return cycle.Place(name)
}

// roomy spares the framework the nodes that are plainly full.
func (r *repairer) roomy(name string, c *class) bool {
	info := r.cluster.Node(name)
	return info.Allocatable.MilliCPU-info.Requested.MilliCPU >= c.size[0] &&
		(c.size[1] == 0 || info.Allocatable.Memory-info.Requested.Memory >= c.size[1]) &&
		info.Allocatable.AllowedPodNumber > len(info.Pods)
}

// onNew buys the machine that is cheapest per pod of those waiting that look
// the same.
func (r *repairer) onNew(pod *v1.Pod, c *class, rest []*v1.Pod) (bool, error) {
	alike := 0
	for _, other := range rest {
		if oc := r.p.classOf[other]; oc == c || (oc.group == c.group && equalSizes(oc.size, c.size)) {
			alike++
		}
	}
	for _, k := range r.candidates(c, alike) {
		if r.p.pools.refuse(k, r.s.machines) != "" {
			continue
		}
		m := &machine{kind: k}
		machines := append(r.s.machines[:len(r.s.machines):len(r.s.machines)], m)
		trial := &settled{machines: machines}
		r.p.name(trial)
		r.cluster.Fork()
		if err := r.cluster.AddNode(k.Node(m.name)); err != nil {
			return false, err
		}
		cycle, err := r.cluster.Cycle(pod)
		if err != nil {
			return false, err
		}
		if !cycle.Filter(m.name).IsSuccess() {
			r.cluster.Revert()
			continue
		}
		if err := r.put(cycle, m.name); err != nil {
			return false, err
		}
		r.cluster.Commit()
		m.pods = []*v1.Pod{pod}
		r.s.machines = machines
		return true, nil
	}
	return false, nil
}

// candidates are the kinds that can hold the class, cheapest per pod first.
func (r *repairer) candidates(c *class, alike int) []*kind {
	type offer struct {
		kind *kind
		each float64
	}
	var offers []offer
	for i, k := range r.p.kinds {
		if r.p.fitsKind(c, i) {
			offers = append(offers, offer{k, k.Offering.PricePerHour / float64(min(alike, fill(k.free, c.size)))})
		}
	}
	sort.SliceStable(offers, func(i, j int) bool { return offers[i].each < offers[j].each })
	kinds := make([]*kind, len(offers))
	for i := range offers {
		kinds[i] = offers[i].kind
	}
	return kinds
}

func equalSizes(a, b []int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
