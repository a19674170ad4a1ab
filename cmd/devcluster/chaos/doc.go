// Package chaos holds the tests that break things on purpose: the controller as a
// process of its own, with what deploy/rbac allows and nothing else, on a real
// control plane, buying machines that really join from a VPSie that fails in every
// way it knows. The controller is killed, VPSie and the API server fail, machines
// come and go, and at the end everything must be as if nothing had happened:
// machines at VPSie = VPSieNodes = Nodes, none bought twice, none left over, each
// pod bound, and no secret anywhere it does not belong.
//
// It owns no production code. `go test` runs a short form; `make chaos` the long
// one, whose seed and result are in docs/chaos.md. Chance is seeded (-seed) in all
// that the tests decide; when which process gets to run is not, so a seed repeats
// the plan of a run and not its every step.
package chaos
