package binpack

import (
	v1 "k8s.io/api/core/v1"
)

// early are pods that the scheduler puts onto today's nodes before anything is
// packed: pods that are nominated to a node, whose room kube-scheduler keeps for
// them, and pods of hostname spreads. How many of those a node may hold depends
// on the node that holds fewest, which a cap per machine cannot express; the
// simulator knows.
type early struct {
	nodeOf map[*v1.Pod]int
	// free per node and onNode per matcher as they were before; swap exchanges
	// them with those after.
	free   [][]int64
	onNode [][]int
}

// placeEarly lets the simulator place nominated pods on their nodes, and the
// pods of hostname spreads on today's nodes, in queue order, as far as they go.
func (p *planner) placeEarly() error {
	p.early = &early{nodeOf: map[*v1.Pod]int{}}
	nominated, pods := p.nominated(), p.spreadOverHosts()
	if len(nominated)+len(pods) == 0 {
		return nil
	}
	s := &settled{onNode: make([][]*v1.Pod, len(p.nodes))}
	cluster, _, err := p.stage(s)
	if err != nil {
		return err
	}
	defer func() { p.filterCalls += cluster.FilterCalls() }()
	r := &repairer{p: p, s: s, cluster: cluster, hopeless: map[*class]int{}}
	if err := r.onNominatedNodes(nominated); err != nil {
		return err
	}
	for progress := true; progress; {
		progress = false
		for _, pod := range pods {
			c := p.classOf[pod]
			if at, ok := r.hopeless[c]; cluster.NodeOf(pod) != "" || (ok && at == r.changes) {
				continue
			}
			placed, err := r.onExisting(pod, c)
			if err != nil {
				return err
			}
			if !placed {
				r.hopeless[c] = r.changes
			}
			progress = progress || placed
		}
	}
	p.takeEarly(s.onNode)
	return nil
}

// nominated lists the pods that are nominated to a node of today, in queue order.
func (p *planner) nominated() []*v1.Pod {
	var pods []*v1.Pod
	for _, c := range p.classes {
		for _, pod := range c.pods {
			if name := pod.Status.NominatedNodeName; name != "" && p.cluster.Node(name) != nil {
				pods = append(pods, pod)
			}
		}
	}
	p.queueOrder(pods)
	return pods
}

// spreadOverHosts lists the pods of hostname spreads that some node of today
// may take, in queue order.
func (p *planner) spreadOverHosts() []*v1.Pod {
	var pods []*v1.Pod
	for i, c := range p.classes {
		if c.irregular {
			continue
		}
		overHosts, fits := false, false
		for _, s := range p.model.of[i].spreads {
			overHosts = overHosts || s.TopologyKey == v1.LabelHostname
		}
		for n := range p.nodes {
			fits = fits || (overHosts && p.fitsNode(c, n))
		}
		if fits {
			pods = append(pods, c.pods...)
		}
	}
	p.queueOrder(pods)
	return pods
}

// takeEarly makes today's nodes look as they will with the placed pods.
func (p *planner) takeEarly(onNode [][]*v1.Pod) {
	for i, n := range p.nodes {
		p.early.free = append(p.early.free, n.free)
		n.free = p.without(n.free, onNode[i])
		for _, pod := range onNode[i] {
			p.early.nodeOf[pod] = i
		}
	}
	for j, matcher := range p.model.matchers {
		p.early.onNode = append(p.early.onNode, matcher.onNode)
		if !matcher.counted {
			continue
		}
		matcher.onNode = append([]int(nil), matcher.onNode...)
		for i, pods := range onNode {
			matcher.onNode[i] += p.selected(j, pods)
		}
	}
}

// swap exchanges the nodes as they are today with the nodes as they will be.
func (e *early) swap(p *planner) {
	for i := range e.free {
		e.free[i], p.nodes[i].free = p.nodes[i].free, e.free[i]
	}
	for j, matcher := range p.model.matchers[:len(e.onNode)] {
		e.onNode[j], matcher.onNode = matcher.onNode, e.onNode[j]
	}
}

// forgetEarly takes the early pods off again.
func (p *planner) forgetEarly() {
	p.early.swap(p)
	p.early = &early{}
}

// earlyOnNode lists the early pods per node.
func (p *planner) earlyOnNode() [][]*v1.Pod {
	onNode := make([][]*v1.Pod, len(p.nodes))
	for _, c := range p.classes {
		for _, pod := range c.pods {
			if i, ok := p.early.nodeOf[pod]; ok {
				onNode[i] = append(onNode[i], pod)
			}
		}
	}
	return onNode
}

// later are the class's pods that are not placed early.
func (p *planner) later(c *class) []*v1.Pod {
	if len(p.early.nodeOf) == 0 {
		return c.pods
	}
	var pods []*v1.Pod
	for _, pod := range c.pods {
		if _, ok := p.early.nodeOf[pod]; !ok {
			pods = append(pods, pod)
		}
	}
	return pods
}
