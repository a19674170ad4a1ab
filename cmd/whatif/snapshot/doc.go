// Package snapshot is a cluster in one file: what planning reads of it and
// nothing else, on request with every name replaced.
//
// It owns the document (a ClusterSnapshot: versioned JSON in gzip, the same
// bytes for the same cluster), the list of fields that are kept (file kept.go;
// what is not on it does not get into a file) and the pseudonyms that stand in
// for names. A plan made from a snapshot is the plan made from the cluster; from
// an anonymised one it is the same up to names, as docs/snapshot.md says.
//
// It opens no file, talks to no cluster, and knows no prices. The objects in a
// snapshot are decoded and checked by package input.
package snapshot
