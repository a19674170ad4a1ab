// Package rbactest compares what a ServiceAccount may do with what it did: the
// roles of a manifest with the audit log of an API server.
//
// It owns that comparison and no opinion: what is too much or missing, the
// caller's test says. A permission is one verb on one resource in one role; it is
// used when the log has a request that it allows.
package rbactest
