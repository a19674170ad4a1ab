// Package nodegroup reconciles NodeGroups: it checks their identifiers against
// VPSie, reports their machines in the status, and takes the machines away when
// the group is deleted.
//
// It owns the conditions of a NodeGroup, the question whether a group may buy
// (Buyable), and what a group's headroom is to the planner (HeadroomPods,
// Buffers). Two sources are told apart throughout: what VPSie does not know makes
// a group invalid; VPSie not answering makes it unknown, and then nothing is
// bought, and nothing else changes.
//
// It refuses to buy: minNodes, too, is the planner's. It deletes VPSieNodes only
// of groups that are being deleted or gone, and never a machine: a VPSieNode's
// own finalizer does that.
package nodegroup
