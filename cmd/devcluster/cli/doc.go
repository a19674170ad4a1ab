// Package cli is devcluster's command line: it reads flags, prints, and chooses
// exit codes. What a cluster is and how one is started and ended, package cluster
// knows.
package cli
