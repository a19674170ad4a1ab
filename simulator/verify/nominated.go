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
	s := v.newSearch()
	for _, p := range v.pods {
		if v.cluster.NodeOf(p.pod) != "" {
			continue
		}
		s.nominated++
		if v.cluster.NominatedNode(p.pod) == "" {
			if err := v.cluster.Nominate(p.pod, p.node); err != nil {
				return err
			}
		}
	}
	q := &queue{ctx: v.ctx, cluster: v.cluster, failed: s.failed}
	if _, err := q.run(rest, s.tryNominated); err != nil {
		return err
	}
	v.result.Nominated = s.outcome(v.pods)
	return nil
}

// failed ends a failed scheduling cycle: it leaves a preemption result that
// clears the nomination, whether or not there was anything to preempt.
func (s *search) failed(p *planned) error {
	if s.verifier.cluster.NominatedNode(p.pod) == "" {
		return nil
	}
	s.nominated--
	return s.verifier.cluster.Nominate(p.pod, "")
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
	node := v.cluster.NominatedNode(p.pod)
	var placed bool
	if node != "" && cycle.FilterNominated(node).IsSuccess() {
		placed, err = v.settle(cycle, p, node, nil)
	} else {
		placed, err = s.placeBest(cycle, p)
	}
	if placed && node != "" {
		s.nominated--
	}
	return placed, err
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
