// Package garbage finds what belongs to nobody any more, in both directions, and
// after a grace period gives it back:
//
//   - A machine at VPSie that carries this cluster's mark and has no VPSieNode. If
//     it is a Node, it may have pods: it gets a VPSieNode again, which is deleted at
//     once (and so drained) when its NodeGroup is gone. If not, it is deleted.
//   - A Node that names a VPSieNode that does not exist, and whose machine VPSie
//     no longer has. It is deleted unless its kubelet still reports.
//   - A script at VPSie that was stored for a VPSieNode that does not exist.
//
// A VPSieNode whose machine is gone is the business of package vpsienode: an
// object's status has one writer. Bootstrap tokens need no collector: they belong
// to their VPSieNode, with which Kubernetes deletes them, and they expire.
//
// Nothing is done on one observation. What VPSie has must be in both of its
// lists, what Kubernetes lacks is asked of the API server itself, and both must
// be so again, the grace period later. While any list cannot be read, nothing is
// concluded. Machines without this cluster's mark do not exist to this package.
package garbage
