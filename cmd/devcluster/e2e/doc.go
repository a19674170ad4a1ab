// Package e2e holds the product against its word, on a whole cluster (package
// cluster): the bundled example goes from pending to bound, with the machines and
// the price that whatif printed, by the controller's own binary, with what
// deploy/rbac allows.
//
// It has tests only. They take minutes, so they run when $VPSIE_E2E is set, as
// `make e2e` does.
package e2e
