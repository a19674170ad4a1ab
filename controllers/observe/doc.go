// Package observe keeps a copy of the cluster in memory and hands it out as the
// simulator's Objects of a moment.
//
// It rests on the manager's cache (CacheOptions says what that cache must keep),
// so that there is one copy of each pod in the process. A Snapshot costs pointers,
// not copies: 30,000 pods take milliseconds. What is not there yet but was bought
// is in it too: a machine that is on its way stands in the Snapshot as the node
// that it will be, with the pods that were planned for it nominated to it.
//
// Kinds that the cluster does not serve or that may not be listed are left out
// and noted, except for pods, nodes, NodeGroups and VPSieNodes, without which
// there is no Snapshot.
//
// It changes nothing in the cluster, and decides nothing: which NodeGroups may
// buy, and what, is package scaleup's affair.
package observe
