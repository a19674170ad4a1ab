// Package vector owns the mathematics of buying machines: multi-dimensional vector bin packing with several kinds of
// bins, each with its own price.
//
// What is minimised, and subject to what. Let c run over classes of interchangeable items (size s_c ∈ ℤ^D, demand d_c),
// k over kinds of bins (capacity C_k ∈ ℤ^D, price p_k $/h, count n_k) and j over loads: a load a_j ∈ ℤ^classes of kind
// k(j) is what one bin holds, so Σ_c a_jc·s_c ≤ C_k(j), and it obeys the caps, conflicts and requirements of its classes.
//
//	minimise   Σ_j p_k(j)·x_j
//	subject to Σ_j a_jc·x_j ≥ d_c          every class c is served
//	           Σ_{j of kind k} x_j ≤ n_k   no more bins than there are
//	           limits of pools             number, bought capacity and price of the bins of a pool, and of all pools
//	           x_j ≥ 0, whole
//
// There are far too many loads to list, so they are generated: the linear relaxation is solved over a few of them, its
// dual prices y_c say what serving one more item of c is worth, and for each kind a bounded integer knapsack asks for the
// load of greatest value; a load worth more than its bin enters. The dual prices also prove a lower bound (bound.go).
// Rounding is diving (dive.go) followed by local search (improve.go). What shares its bins with nothing else needs none of
// this: it is taken apart and solved exactly by dynamic programming.
//
// The files follow the thought: problem.go says what is asked; instance.go brings it into canonical form; simplex.go over
// factor.go solves linear programs; knapsack.go over relax.go finds valuable loads; columns.go generates them; bound.go
// proves; plan.go is a packing that always keeps to the rules; greedy.go, dive.go, improve.go and existing.go make and
// improve plans; parts.go takes apart what is independent and exact.go solves it; solve.go runs the whole under a budget.
// What cannot be placed is handed back, the rest is still served: the order of merit is items served, then price, then
// fewer bins, then lower rank.
//
// The package knows nothing of Kubernetes, clocks or randomness from outside: effort is counted in work (Budget), and the
// same problem gives the same solution, bit for bit.
package vector
