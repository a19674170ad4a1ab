// Package nodegroup reconciles NodeGroups: it checks their identifiers against
// VPSie, reports their machines in the status, and takes the machines away when
// the group is deleted.
//
// It owns the conditions of a NodeGroup, the question whether a group may buy
// (Buyable), and what a group's headroom is to the planner (HeadroomPods). What
// VPSie does not know makes a group invalid; VPSie not answering makes it unknown,
// and then nothing is bought, and nothing else changes.
//
// VPSieNodes have no ownerReference to their NodeGroup: Kubernetes would then
// delete every machine of a cluster restored from a backup, where UIDs are new. A
// finalizer keeps the group until its machines are gone instead.
//
// It refuses to buy: minNodes, too, is the planner's. It deletes VPSieNodes only
// of groups that are being deleted or gone, and never a machine: a VPSieNode's
// own finalizer does that.
package nodegroup
