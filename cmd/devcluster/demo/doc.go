// Package demo brings the cluster that is bundled with whatif (Tulip & Co, package
// cmd/whatif/example) to life on a real API server: the nodes of today and what
// runs on them, the NodeGroups, and the workloads that have just been applied and
// are pending. Controllers make the pods, the scheduler refuses what has no room.
//
// It owns what must be said differently to an API server than in a file: who a pod
// belongs to, which claim a volume is bound to. It owns neither the workloads nor
// what comes of them.
package demo
