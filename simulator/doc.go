// Package simulator is a copy of a cluster with kube-scheduler running on it.
//
// A Cluster is filled from API objects, forked, changed (nodes that do not
// exist yet, pods placed) and reverted; every verdict in it comes from the
// plugins of k8s.io/kubernetes/pkg/scheduler, configured as the real scheduler
// is. Reasons are kept in the scheduler's own words.
//
// It knows no prices, no VPSie and no NodeGroups, and it imports nothing else
// of this project.
package simulator
