// Package app is the controller's command line: flags, a configuration file with
// the same names, logging, and the manager that everything runs in.
//
// It owns what is decided once for the whole process, and wires the packages
// under controllers together. It refuses to own decisions and API calls: those
// are theirs.
package app
