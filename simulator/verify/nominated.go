package verify

// nominate nominates the planned pods of a node that have no node yet. It is
// put off until somebody reads the node's nominations.
func (v *verifier) nominate(node string) error {
	if v.nominated[node] {
		return nil
	}
	v.nominated[node] = true
	for _, p := range v.byNode[node] {
		if v.cluster.NodeOf(p.pod) != "" {
			continue
		}
		if err := v.cluster.Nominate(p.pod, node); err != nil {
			return err
		}
	}
	return nil
}

// nominatedReplay goes on from where the order replay and the nominated one
// parted: rest is what they did not place together.
func (v *verifier) nominatedReplay(rest []unit) error {
	if len(rest) > 0 && v.fast {
		// Pods will look for other nodes, and meet nominations that they
		// were not planned beside: the fast path is not theirs.
		return v.nominatedAfresh()
	}
	for _, p := range v.pods {
		if err := v.nominate(p.node); err != nil {
			return err
		}
	}
	s := &search{verifier: v, budget: v.budget()}
	q := &queue{ctx: v.ctx, cluster: v.cluster, failed: func(p *planned) error {
		// A failed scheduling cycle ends in a preemption result that clears
		// the nomination, whether or not there is anything to preempt.
		return v.cluster.Nominate(p.pod, "")
	}}
	if _, err := q.run(rest, s.tryNominated); err != nil {
		return err
	}
	v.result.Nominated.Done = !s.exhausted
	v.result.Nominated.Moved, v.result.Nominated.Pending = v.outcome(v.pods)
	return nil
}

// tryNominated is kube-scheduler's cycle for a pod with status.nominatedNodeName:
// that node first, and all the others when it refuses.
func (s *search) tryNominated(p *planned) (bool, error) {
	if s.exhausted {
		return false, nil
	}
	v := s.verifier
	cycle, err := v.cluster.Cycle(p.pod)
	if err != nil {
		return false, err
	}
	v.look(cycle, p)
	if node := v.cluster.NominatedNode(p.pod); node != "" {
		if status := cycle.FilterNominated(node); status.IsSuccess() {
			return v.settle(cycle, p, node, status)
		}
	}
	return s.placeBest(cycle, p)
}

// nominatedAfresh is the whole nominated replay on a cluster of its own.
func (v *verifier) nominatedAfresh() error {
	plain, _, err := newVerifier(v.ctx, v.request, false)
	if err != nil {
		return err
	}
	if err := plain.nominatedReplay(plain.units); err != nil {
		return err
	}
	v.result.Nominated = plain.result.Nominated
	v.filterCalls += plain.cluster.FilterCalls()
	return nil
}
