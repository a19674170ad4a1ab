// Package example is the cluster of a company that does not exist, Tulip & Co,
// bundled with whatif so that a plan can be seen without a cluster at hand.
//
// It owns the manifests: the nodes, volumes and pods of today, some forty
// workloads with about four hundred pending pods, one file per team, and the
// NodeGroups that machines may be bought for. The offerings are package
// offerings' sample. A few workloads are mistakes that no machine can host; each
// of those carries the annotation tulip.example/mistake, which says what it is.
//
// It reads and decides nothing; package input reads the files as it reads a
// user's own.
package example
