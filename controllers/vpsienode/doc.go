// Package vpsienode takes one machine from a VPSieNode object to a ready Node,
// and back.
//
//	Pending ─▶ Provisioning ─▶ Provisioned ─▶ Joining ─▶ Ready
//	   │            │               │            │         │
//	   │            └───────────────┴── Failed ──┴─────────┤ machine given back, object kept a while
//	   └─ deleted ─▶ Terminating (cordon, drain) ─▶ Deleting (Node, machine) ─▶ gone
//
// There is one file per phase, and a phase's handler is a no-op once its work is
// done. Everything that a restart must know is in the object. VPSie's API
// returns no identifier for an order and does not refuse a second one, hence:
//
//   - status.requestedAt is written before an order, under the object's version;
//     from then on a machine may exist. It is removed when none does, proven.
//   - After that only the lists are believed. A machine is ours if its hostname
//     is, and its notes carry our mark with the object's UID; others of the same
//     name are never touched.
//   - An order is repeated only if VPSie's answer said that nothing was done, or
//     if the machine was in no list twice, SettleTime apart.
//   - A machine is gone when two sources of VPSie agree.
//
// While VPSie or the API server cannot be read, nothing is concluded.
//
// The package refuses to own decisions: it neither chooses what to buy nor what
// to give back, it nominates no pods, and it leaves StartupTaint to the one who
// does: NodeReady=False with reason AwaitingPods says that all else is done. It
// looks for no machines without a VPSieNode; package garbage does.
package vpsienode
