// Package verify judges a plan: would kube-scheduler let every planned pod run
// on the node that was planned for it, and would it do so by itself?
//
// It builds the cluster afresh from API objects and asks the real scheduler
// framework about each pod with a PreFilter and a Filter of its own. It shares
// no class, no kept state and no feasibility table with the planner, so that a
// mistake there cannot hide here. It repairs nothing, chooses no nodes of its
// own and knows no prices.
//
// Three questions are answered:
//
//   - the order replay: the pods go to their planned nodes in kube-scheduler's
//     queue order. What a node refuses makes the plan wrong.
//   - the nominated replay: the same queue when every planned pod is nominated
//     to its node before the first one is tried; this is what the executor
//     arranges where it can.
//   - the score-order replay: the same queue without nominations, each pod on
//     the best-scored node.
//
// Not modelled: preemption (a pod that finds no room evicts nobody here),
// pending pods outside the plan, extenders, and the random choice among nodes
// of equal score, where the first one is taken.
package verify
