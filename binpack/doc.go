// Package binpack decides what to buy: the cheapest set of machines, over all
// NodeGroups and offerings at once, on which kube-scheduler will run every
// pending pod, together with a bound below which no set of machines can cost.
//
// The way of a decision, one file each:
//
//	template   offering × NodeGroup × datacenter → the node it will be
//	class      pending pods that get one verdict everywhere
//	feasible   class × template and class × node, asked of the scheduler framework
//	coupling   constraints between pods as counters
//	domains    how many pods of a coupled class go to each zone
//	pack       the vector bin packing problem, solved by package vector
//	assign     which pod goes to which machine, in queue order
//	repair     what packing cannot express or verification refuses, through the simulator
//	document   the plan, its price, its bound, its reasons
//
// Arithmetic proposes, kube-scheduler disposes: nothing leaves this package
// that simulator/verify has not let through. The package has no clock, does no
// I/O and holds no client; equal input gives equal plans.
package binpack
