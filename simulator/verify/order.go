package verify

import (
	"fmt"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// localPlugins judge a pod by the node's own properties and by what runs on the
// node, and more of the latter never turns a refusal into consent.
var localPlugins = map[string]bool{
	names.NodeUnschedulable:    true,
	names.NodeName:             true,
	names.TaintToleration:      true,
	names.NodeAffinity:         true,
	names.NodePorts:            true,
	names.NodeResourcesFit:     true,
	names.NodeDeclaredFeatures: true,
}

// couplingPlugins are the others that leave nothing behind when a pod is
// placed: a pod that only these and local ones look at owns no claims.
var couplingPlugins = map[string]bool{
	names.PodTopologySpread: true,
	names.InterPodAffinity:  true,
}

// lockstep tries every unit once, in queue order, with each pod held against
// its planned node as both the order replay and the nominated replay do. It
// returns the units from the first disagreement or refusal on; everything
// before stands in both replays. Without any, one pass has answered both.
//
// The nominated replay asks FilterNominated: with and without the pods that are
// still to come to the node. For a pod that only local plugins look at, Filter
// is enough. What those plugins read of other pods is the requests on the node,
// the number of pods and the host ports. Say such a pod p passes Filter with
// what is on its node by then, and every pod still to come to the node passes
// Filter in its turn; otherwise the plan is refused and there is no nominated
// replay. Then of each resource that p requests, the last pod to come that
// requests it too passed with all the others there, so the sum of all fits; the
// last pod to come found its place in the number of pods; and each pod to come
// passed its ports against p's, a conflict being mutual. So p passes with any
// subset of them added, which is what FilterNominated would have asked. A node
// on which pods outside the plan are nominated is excepted: nobody promises
// that those will fit.
func (v *verifier) lockstep() ([]unit, error) {
	q := &queue{ctx: v.ctx, cluster: v.cluster}
	for i, u := range v.units {
		if u.group != nil {
			v.cluster.Fork()
		}
		left, err := q.tryUnit(u, v.tryLockstep)
		if err != nil {
			return nil, err
		}
		if len(left.pods) > 0 {
			if u.group != nil {
				v.cluster.Revert()
			}
			return v.units[i:], nil
		}
		if u.group != nil {
			v.cluster.Commit()
		}
	}
	return nil, nil
}

func (v *verifier) tryLockstep(p *planned) (bool, error) {
	cycle, err := v.kept.begin(p.pod)
	if err != nil {
		return false, err
	}
	local := v.look(cycle, p)
	if !v.request.Nominate || local && !v.reserved[p.node] {
		return v.settle(cycle, p, p.node, cycle.Filter(p.node))
	}
	if err := v.nominate(p.node); err != nil {
		return false, err
	}
	return v.settle(cycle, p, p.node, cycle.FilterNominated(p.node))
}

// look notes which plugins have a say on the pod and says whether all of them
// are local.
func (v *verifier) look(cycle *simulator.Cycle, p *planned) (local bool) {
	beyond, ok := v.beyond[p.pod.Spec.SchedulerName]
	if !ok {
		for _, plugin := range v.cluster.FilterPlugins(p.pod) {
			if !localPlugins[plugin] {
				beyond = append(beyond, plugin)
			}
		}
		v.beyond[p.pod.Spec.SchedulerName] = beyond
	}
	local, p.claims = true, false
	for _, plugin := range beyond {
		if !cycle.Skips(plugin) {
			local = false
			p.claims = p.claims || !couplingPlugins[plugin]
		}
	}
	return local
}

// order places the units as planned, in queue order, and returns what the
// planned nodes refuse.
func (v *verifier) order(units []unit) ([]Refusal, error) {
	q := &queue{ctx: v.ctx, cluster: v.cluster}
	left, err := q.run(units, v.tryPlanned)
	if err != nil {
		return nil, err
	}
	return sortRefusals(left), nil
}

func (v *verifier) tryPlanned(p *planned) (bool, error) {
	cycle, err := v.kept.begin(p.pod)
	if err != nil {
		return false, err
	}
	v.look(cycle, p)
	status := cycle.Filter(p.node)
	if !status.IsSuccess() && localPlugins[status.Plugin()] && groupOf(p.pod).Name == "" {
		p.final = true
	}
	return v.settle(cycle, p, p.node, status)
}

// settle places the pod on a node that accepted it and notes a refusal
// otherwise.
func (v *verifier) settle(cycle *simulator.Cycle, p *planned, node string, status *fwk.Status) (bool, error) {
	if !status.IsSuccess() {
		p.refuse(status.Plugin(), status.Message())
		return false, nil
	}
	if !p.claims {
		if err := cycle.Place(node); err != nil {
			return false, err
		}
		v.kept.note(p.pod, node)
		return true, nil
	}
	v.cluster.Fork()
	if err := cycle.Place(node); err != nil {
		v.cluster.Revert()
		p.refuse("Reserve", fmt.Sprint(err))
		return false, nil
	}
	v.cluster.Commit()
	v.kept.note(p.pod, node)
	return true, nil
}
