// Package cluster is a whole cluster on this machine that buys its own nodes: a
// real control plane (package plane), a fake VPSie whose machines join it
// (offerings/vpsie/fake), block storage without disks (package storage), and the
// controller as a process, which is told nothing of all that being local.
//
// It owns how these are put together, the folder they live in, and that nothing
// is left of them: Start begins by ending what an earlier run in the same folder
// left behind, Down ends a run from outside. What each part does is the part's;
// what is shown of it is package cli's.
package cluster
