// Package cli is the command line of whatif: its commands, their flags, what
// goes to which stream, and the exit code.
//
// It owns the way from flags to a Question (the cluster, the catalogue, the
// NodeGroups and the what-if changes, each read by the package that knows how)
// and the accounting of --stats. It neither decides (package binpack does) nor
// draws (package report does).
//
// Run is the whole program on given streams, so that tests run it in-process.
package cli
