// Package explain answers why: why a pod fits here and not there, what a node
// would take, why an offering is bought or not.
//
// It asks the simulator, and for offerings the planner, about a request that
// somebody else has put together, and returns plain documents. Reasons are in
// kube-scheduler's own words. It draws nothing and changes nothing: what it
// tries out, it tries out on forks.
package explain
