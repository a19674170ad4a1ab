package verify

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// PlanCheck is the Plugin of a Refusal that needs no plugin: the plan names a
// pod or a node that is not there.
const PlanCheck = "Plan"

// DefaultScoreOrderLimit is the work limit of a replay, in evaluations of one
// pod on one node; it is spent in about one second on one core.
const DefaultScoreOrderLimit = 150_000

// Request is a plan and the cluster that it was made for.
type Request struct {
	// Objects is today's cluster with its pending pods.
	Objects simulator.Objects
	Config  *simulator.SchedulerConfig
	// Added are the plan's machines: name, labels, the taints that stay,
	// allocatable, CSINode, DaemonSet pods.
	Added []simulator.NodeSpec
	// Planned maps each planned pod to a node, an added one or one of today's.
	Planned map[types.NamespacedName]string
	// Nominate says that the executor can hold placements with nominations.
	Nominate bool
	// HeldOnly says that of the nominated replay only Held matters: once a pod
	// has lost its nomination, the replay is not followed further and is not Done.
	HeldOnly bool
	// HostnameFastPath judges anti-affinity over hostnames by a faster code of
	// kube-scheduler's own that is alpha there. The verdict is the same; it is
	// used only where it can be relied on, see
	// simulator.SchedulerConfig.WithHostnameFastPath.
	HostnameFastPath bool
	// ScoreOrderLimit bounds the work of the replays that search nodes, in
	// evaluations of one pod on one node. 0 stands for
	// DefaultScoreOrderLimit; with a negative limit there is no score-order
	// replay.
	ScoreOrderLimit int
}

// Result is the verdict on a plan.
type Result struct {
	// Refused lists, in queue order, the planned pods that do not get onto
	// their planned nodes. The plan is feasible when it is empty; the replays
	// below are made for feasible plans only.
	Refused []Refusal
	// Nominated is what kube-scheduler does when every planned pod is
	// nominated to its node. Done is false when the executor cannot nominate,
	// and when the work limit ended the replay.
	Nominated Replay
	// ScoreOrder is what kube-scheduler does without nominations.
	ScoreOrder Replay
	// FilterCalls counts how often a pod was held against a node.
	FilterCalls int
}

// Feasible says that every planned pod gets onto its planned node.
func (r *Result) Feasible() bool { return len(r.Refused) == 0 }

// Refusal is a planned pod that its planned node refuses.
type Refusal struct {
	Pod  types.NamespacedName
	Node string
	// Plugin is the first plugin that refuses, GangScheduling for a pod group
	// that stays below its minCount, PlanCheck for a plan that cannot be read.
	Plugin  string
	Message string
}

// Replay is what kube-scheduler would do with the planned pods.
type Replay struct {
	// Done says that the replay was made, to its end.
	Done bool
	// Sampled says that only some of the pods were left to kube-scheduler, the
	// others having been placed as planned before.
	Sampled bool
	// Moved lists the pods that land elsewhere, in queue order.
	Moved []Move
	// Pending lists the pods that land nowhere, in queue order.
	Pending []types.NamespacedName
}

// Move is a pod that lands on another node than planned.
type Move struct {
	Pod             types.NamespacedName
	Planned, Actual string
}

// Held says that every pod lands on its planned node.
func (r Replay) Held() bool { return r.AllLand() && len(r.Moved) == 0 }

// AllLand says that every pod lands on some node: no machine is missing even
// where the placement is not held.
func (r Replay) AllLand() bool { return r.Done && len(r.Pending) == 0 }
