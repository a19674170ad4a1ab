// Package hollow keeps Nodes alive that no machine stands behind: it renews their
// Leases and says of their pods that they run, and that they have ended when they
// should. So a cluster can begin with nodes that were there before the autoscaler.
//
// It owns no Node: whoever wants one creates it, and what the control plane does
// with it is not influenced. Machines that are bought are offerings/vpsie/fake's,
// which join as real ones do.
package hollow
