package verify

import (
	"context"
	"slices"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// attempt is one scheduling cycle of one pod. It says whether the pod was
// placed; where it was not, the pod's refusal says why.
type attempt func(p *planned) (placed bool, err error)

// queue is kube-scheduler's queue: every unit is tried in order, and those that
// failed are tried again after the others, as long as that gets one placed.
type queue struct {
	ctx     context.Context
	cluster *simulator.Cluster
	// failed hears of each pod whose cycle ended without a node; may be nil.
	failed func(p *planned) error
}

// run tries the units until nothing moves and returns the pods that are left.
func (q *queue) run(units []unit, try attempt) ([]*planned, error) {
	waiting := units
	for progress := true; progress && len(waiting) > 0; {
		progress = false
		var failed []unit
		for _, u := range waiting {
			left, err := q.tryUnit(u, try)
			if err != nil {
				return nil, err
			}
			progress = progress || len(left.pods) < len(u.pods)
			if len(left.pods) > 0 {
				failed = append(failed, left)
			}
		}
		waiting = failed
	}
	var pods []*planned
	for _, u := range waiting {
		pods = append(pods, u.pods...)
	}
	sortByQueue(pods)
	return pods, nil
}

// tryUnit tries each pod of a unit and returns what is left of it.
func (q *queue) tryUnit(u unit, try attempt) (left unit, err error) {
	if err := q.ctx.Err(); err != nil {
		return unit{}, err
	}
	if u.group == nil {
		left, err = q.tryEach(u, try)
	} else {
		left, err = q.tryGroup(u, try)
	}
	if err != nil || q.failed == nil {
		return left, err
	}
	for _, p := range left.pods {
		if err := q.failed(p); err != nil {
			return unit{}, err
		}
	}
	return left, nil
}

func (q *queue) tryEach(u unit, try attempt) (left unit, err error) {
	left.group = u.group
	for _, p := range u.pods {
		if p.final {
			left.pods = append(left.pods, p)
			continue
		}
		placed, err := try(p)
		if err != nil {
			return unit{}, err
		}
		if !placed {
			left.pods = append(left.pods, p)
		}
	}
	return left, nil
}

// tryGroup takes the whole group back when too few of its pods would run.
func (q *queue) tryGroup(u unit, try attempt) (left unit, err error) {
	q.cluster.Fork()
	left, err = q.tryEach(u, try)
	if err != nil {
		return unit{}, err
	}
	running := u.group.running(q.cluster)
	if running >= u.group.minCount {
		q.cluster.Commit()
		return left, nil
	}
	var placeable []*planned
	for _, p := range u.pods {
		if q.cluster.NodeOf(p.pod) != "" {
			placeable = append(placeable, p)
		}
	}
	q.cluster.Revert()
	u.group.refuse(placeable, running)
	return u, nil
}

func sortByQueue(pods []*planned) {
	slices.SortFunc(pods, func(a, b *planned) int { return a.order - b.order })
}
