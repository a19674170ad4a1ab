// Package input reads what `whatif` decides about: manifests, cluster dumps and
// workload directories become the simulator's Objects.
//
// It owns the way from bytes to objects: strict decoding with file, line and
// field in every complaint; what the API server would have added to an object
// (defaults, priority, tolerations, merged label keys) and what it would have
// refused; the pods, claims and namespaces that controllers would have made from
// a workload; and the what-if changes of a cluster (a workload more, a node less,
// a node cordoned).
//
// It decides nothing about scheduling, reads no prices (the bytes of a workload
// directory's offerings.json are handed on unread) and talks to no cluster. The
// content of Secrets and of every other kind that nobody needs is skipped
// without being decoded.
//
// Objects that come out may share memory: equal pod specs of one file are
// decoded and defaulted once. Whoever wants to change an object copies it first.
//
// Not modelled, because they are configuration of one cluster's API server:
// admission webhooks, LimitRanges, quotas and the overhead of RuntimeClasses.
package input
