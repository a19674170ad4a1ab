// Package live reads a cluster through its API server: every kind that
// scheduling looks at, once, as the simulator's Objects, and the cluster's
// NodeGroups.
//
// It only lists. Secrets, ConfigMaps and every other kind that is not in Objects
// are never asked for. What the user may not list, or the cluster does not
// serve, is left out with a note, except for pods and nodes. It decides nothing,
// keeps nothing up to date and knows no file format.
package live
