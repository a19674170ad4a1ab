package binpack

import (
	"crypto/sha256"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/verify"
)

// settled is a decision that verification let through.
type settled struct {
	machines []*machine
	onNode   [][]*v1.Pod
	// unplaced in queue order.
	unplaced []*v1.Pod
	// waiting are the pods of groups that the decision has no room for.
	waiting []*v1.Pod
	verdict *verify.Result
}

// serves says whether there is a pod like this among those that get a place.
func (s *settled) serves(like func(*v1.Pod) bool) bool {
	return slices.ContainsFunc(s.onNode, func(pods []*v1.Pod) bool { return slices.ContainsFunc(pods, like) }) ||
		slices.ContainsFunc(s.machines, func(m *machine) bool { return slices.ContainsFunc(m.pods, like) })
}

// maxRepairs bounds how often refused pods are placed anew; after that they
// count as unplaced.
const maxRepairs = 4

// settle repairs and verifies the decision until nothing of it is refused.
func (p *planner) settle() (*settled, error) {
	s := &settled{machines: p.decision.machines, onNode: p.decision.onNode}
	left := p.decision.left
	for round := 0; ; round++ {
		if len(left) > 0 {
			p.request.stage("repair")
			unplaced, err := p.repair(s, left)
			if err != nil {
				return nil, err
			}
			s.unplaced = append(s.unplaced, unplaced...)
		}
		if p.dropShortGangs(s) {
			p.dropEmpty(s)
			left, s.unplaced = s.unplaced, nil
			round--
			continue
		}
		p.dropEmpty(s)
		p.name(s)
		p.request.stage("verify")
		verdict, err := verify.Verify(p.ctx, p.verification(s))
		if err != nil {
			return nil, err
		}
		p.filterCalls += verdict.FilterCalls
		if verdict.Feasible() {
			s.verdict = verdict
			s.unplaced = append(s.unplaced, s.waiting...)
			p.queueOrder(s.unplaced)
			return s, nil
		}
		left = s.withdraw(verdict.Refused)
		if len(left) == 0 {
			return nil, fmt.Errorf("verification refuses what the plan does not hold: %v", verdict.Refused[0])
		}
		if round >= maxRepairs {
			s.unplaced = append(s.unplaced, left...)
			left = nil
			continue
		}
		// A machine that lost all its pods stands in the way of others when a
		// limit is reached; who was refused before may fit now.
		p.dropEmpty(s)
		left = append(left, s.unplaced...)
		s.unplaced = nil
		p.queueOrder(left)
	}
}

// verification puts the decision to the judge.
func (p *planner) verification(s *settled) verify.Request {
	r := verify.Request{
		Objects:  *p.cluster.Objects(),
		Config:   p.request.Scheduler,
		Planned:  map[types.NamespacedName]string{},
		Nominate: true,
		HeldOnly: true,
		// Equal verdicts with and without are a property test of verify's.
		HostnameFastPath: true,
	}
	for _, m := range s.machines {
		r.Added = append(r.Added, m.kind.Node(m.name))
		r.Nominate = r.Nominate && m.kind.NodeGroup.Spec.Bootstrap.Mode != v1alpha1.BootstrapManaged
		for _, pod := range m.pods {
			r.Planned[nameOf(pod)] = m.name
		}
	}
	for i, pods := range s.onNode {
		for _, pod := range pods {
			r.Planned[nameOf(pod)] = p.nodes[i].name
		}
	}
	if p.request.SkipScoreOrder && r.Nominate || len(r.Planned)*(len(p.nodes)+len(r.Added)) > verify.DefaultScoreOrderLimit {
		// A sample would not show that nothing stays pending.
		r.ScoreOrderLimit = -1
	}
	return r
}

func nameOf(pod *v1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

// withdraw takes refused pods off their machines and nodes.
func (s *settled) withdraw(refusals []verify.Refusal) []*v1.Pod {
	refused := make(map[types.NamespacedName]bool, len(refusals))
	for _, r := range refusals {
		refused[r.Pod] = true
	}
	var out []*v1.Pod
	keep := func(pods []*v1.Pod) []*v1.Pod {
		var kept []*v1.Pod
		for _, pod := range pods {
			if refused[nameOf(pod)] {
				out = append(out, pod)
			} else {
				kept = append(kept, pod)
			}
		}
		return kept
	}
	for _, m := range s.machines {
		m.pods = keep(m.pods)
	}
	for i := range s.onNode {
		s.onNode[i] = keep(s.onNode[i])
	}
	return out
}

// dropEmpty gives up machines that no pod needs, but for those that bring a
// NodeGroup to its minimum.
func (p *planner) dropEmpty(s *settled) {
	bought := make([]int, len(p.pools.groups))
	for _, m := range s.machines {
		bought[m.kind.pool]++
	}
	kept := s.machines[:0:0]
	for _, m := range s.machines {
		pool := m.kind.pool
		if len(m.pods) == 0 && bought[pool]+p.pools.owned[pool].nodes > int(p.pools.groups[pool].Spec.MinNodes) {
			bought[pool]--
			continue
		}
		kept = append(kept, m)
	}
	s.machines = kept
}

// name gives each machine its hostname: the NodeGroup, the plan, and a number.
// Names that are taken already are passed over.
func (p *planner) name(s *settled) {
	taken := map[string]bool{}
	for _, n := range p.nodes {
		taken[n.name] = true
	}
	for _, name := range p.request.TakenNames {
		taken[name] = true
	}
	next := make([]int, len(p.pools.groups))
	for _, m := range s.machines {
		for {
			next[m.kind.pool]++
			m.name = p.hostname(m.kind, next[m.kind.pool])
			if !taken[m.name] {
				taken[m.name] = true
				break
			}
		}
	}
}

func (p *planner) hostname(k *kind, number int) string {
	name := fmt.Sprintf("vpsie-%s-%s-%03d", k.NodeGroup.Name, p.id[len("plan-"):][:5], number)
	if len(name) > validation.DNS1123LabelMaxLength {
		// The group's name leaves room for a few characters only.
		sum := sha256.Sum256([]byte(fmt.Sprint(p.id, " ", number)))
		name = fmt.Sprintf("vpsie-%s-%06x", k.NodeGroup.Name, sum[:3])
	}
	return name
}

// stage builds the cluster as the decision will make it: its machines there,
// its pods placed. What does not get onto its place any more is left.
func (p *planner) stage(s *settled) (cluster *simulator.Cluster, left []*v1.Pod, err error) {
	// Names of machines are new, so theirs are unique if today's are.
	scheduler := p.request.Scheduler
	if simulator.UniqueHostnames(p.cluster.Objects().Nodes) {
		scheduler = scheduler.WithHostnameFastPath()
	}
	if cluster, err = simulator.New(p.ctx, *p.cluster.Objects(), scheduler); err != nil {
		return nil, nil, err
	}
	target := map[*v1.Pod]string{}
	var pods []*v1.Pod
	for _, m := range s.machines {
		if err := cluster.AddNode(m.kind.Node(m.name)); err != nil {
			return nil, nil, err
		}
		for _, pod := range m.pods {
			target[pod] = m.name
		}
		pods = append(pods, m.pods...)
	}
	for i := range s.onNode {
		for _, pod := range s.onNode[i] {
			target[pod] = p.nodes[i].name
		}
		pods = append(pods, s.onNode[i]...)
	}
	p.queueOrder(pods)
	for progress := true; progress && len(pods) > 0; {
		progress = false
		var waiting []*v1.Pod
		for _, pod := range pods {
			cycle, err := cluster.Cycle(pod)
			if err != nil {
				return nil, nil, err
			}
			if !cycle.Filter(target[pod]).IsSuccess() {
				waiting = append(waiting, pod)
				continue
			}
			if err := cycle.Place(target[pod]); err != nil {
				return nil, nil, err
			}
			progress = true
		}
		pods = waiting
	}
	return cluster, pods, nil
}
