package vector

import "math"

// relaxation solves the linear relaxation of one knapsack,
//
//	maximise y·n   subject to   Σ_c a_dc·n_c ≤ 1 for each dimension d,   0 ≤ n_c ≤ max_c
//
// with a_dc the share of dimension d that one item takes, by the simplex method with upper bounds. There are D rows, a
// handful, so its basis is a dense D × D inverse. Only the dual prices are wanted: they are the weights with which the
// surrogate knapsack is as tight as this relaxation, and weights that are merely good still give a true bound.
type relaxation struct {
	dims   int
	share  []float64 // candidates × dims
	value  []float64
	most   []float64
	high   []bool // a variable out of the basis is at its upper bound
	basic  []bool
	basis  []int     // per row: a candidate, or -1-d for the slack of dimension d
	x      []float64 // per row: the value of its variable
	inv    []float64 // dims × dims
	lambda []float64
	alpha  []float64
}

func newRelaxation(dims int) *relaxation {
	return &relaxation{dims: dims, basis: make([]int, dims), x: make([]float64, dims), inv: make([]float64, dims*dims),
		lambda: make([]float64, dims), alpha: make([]float64, dims)}
}

// solve returns the dual price of each dimension as a share of the bin, valid until the next call, and the steps it took.
func (x *relaxation) solve(cand []candidate, capacity []int64) (prices []float64, steps int) {
	x.reset(cand, capacity)
	limit := 4*len(cand) + 20*x.dims + 20
	for steps = 1; steps < limit; steps++ {
		x.price()
		enter := x.entering()
		if enter == noVariable || !x.step(enter) {
			break
		}
	}
	for d := range x.lambda {
		x.lambda[d] = max(x.lambda[d], 0)
	}
	return x.lambda, steps
}

// amount is how many of candidate c the relaxation takes.
func (x *relaxation) amount(c int) float64 {
	if x.basic[c] {
		for r, v := range x.basis {
			if v == c {
				return x.x[r]
			}
		}
	}
	if x.high[c] {
		return x.most[c]
	}
	return 0
}

const noVariable = math.MinInt

func (x *relaxation) reset(cand []candidate, capacity []int64) {
	n := len(cand)
	if cap(x.value) < n {
		x.share, x.value, x.most = make([]float64, 2*n*x.dims), make([]float64, 2*n), make([]float64, 2*n)
		x.high, x.basic = make([]bool, 2*n), make([]bool, 2*n)
	}
	x.share, x.value, x.most, x.high, x.basic = x.share[:n*x.dims], x.value[:n], x.most[:n], x.high[:n], x.basic[:n]
	clear(x.high)
	clear(x.basic)
	for c := range cand {
		x.value[c], x.most[c] = cand[c].value, float64(cand[c].max)
		for d, s := range cand[c].size {
			share := 0.0
			if capacity[d] > 0 {
				share = float64(s) / float64(capacity[d])
			}
			x.share[c*x.dims+d] = share
		}
	}
	clear(x.inv)
	for d := range x.dims {
		x.basis[d], x.x[d], x.inv[d*x.dims+d] = -1-d, 1, 1
	}
}

// price sets lambda to the dual prices of the present basis.
func (x *relaxation) price() {
	clear(x.lambda)
	for r, v := range x.basis {
		if v < 0 || x.value[v] == 0 {
			continue
		}
		for d := range x.dims {
			x.lambda[d] += x.value[v] * x.inv[r*x.dims+d]
		}
	}
}

// entering picks the variable out of the basis that gains most per share of the bin it takes.
func (x *relaxation) entering() int {
	best, most := noVariable, 1e-9
	for d, l := range x.lambda {
		if l < 0 && -l > most { // the slack of d; while basic its price is 0
			best, most = -1-d, -l
		}
	}
	for c, v := range x.value {
		if x.basic[c] {
			continue
		}
		gain, size := v, 1e-12
		for d, a := range x.share[c*x.dims : c*x.dims+x.dims] {
			gain -= x.lambda[d] * a
			size += a
		}
		if x.high[c] {
			gain = -gain
		}
		if gain > 1e-12*(1+v) && gain/size > most {
			best, most = c, gain/size
		}
	}
	return best
}

// step moves the entering variable as far as it goes: to its other bound, or until a basic variable meets one of its own
// and leaves. It returns false when nothing stops it, which is a sign of rounding.
func (x *relaxation) step(enter int) bool {
	sign, reach := 1.0, math.Inf(1)
	for r := range x.dims {
		x.alpha[r] = 0
		if enter < 0 {
			x.alpha[r] = x.inv[r*x.dims-1-enter]
			continue
		}
		for d, a := range x.share[enter*x.dims : enter*x.dims+x.dims] {
			x.alpha[r] += x.inv[r*x.dims+d] * a
		}
	}
	if enter >= 0 {
		reach = x.most[enter]
		if x.high[enter] {
			sign = -1
		}
	}
	leave, toHigh := -1, false
	for r, a := range x.alpha {
		a *= sign
		switch {
		case a > 1e-10:
			if t := max(x.x[r], 0) / a; t < reach {
				reach, leave, toHigh = t, r, false
			}
		case a < -1e-10 && x.basis[r] >= 0:
			if t := max(x.most[x.basis[r]]-x.x[r], 0) / -a; t < reach {
				reach, leave, toHigh = t, r, true
			}
		}
	}
	if math.IsInf(reach, 1) {
		return false
	}
	for r, a := range x.alpha {
		x.x[r] -= sign * a * reach
	}
	if leave < 0 {
		x.high[enter] = !x.high[enter]
		return true
	}
	if out := x.basis[leave]; out >= 0 {
		x.basic[out], x.high[out] = false, toHigh
	}
	start := 0.0
	if enter >= 0 {
		x.basic[enter] = true
		if x.high[enter] {
			start = x.most[enter]
		}
		x.high[enter] = false
	}
	x.basis[leave], x.x[leave] = enter, start+sign*reach
	x.update(leave)
	return true
}

// update carries the inverse over a pivot on row leave with the column in alpha.
func (x *relaxation) update(leave int) {
	pivot := x.alpha[leave]
	row := x.inv[leave*x.dims : leave*x.dims+x.dims]
	for d := range row {
		row[d] /= pivot
	}
	for r, a := range x.alpha {
		if r == leave || a == 0 {
			continue
		}
		for d := range row {
			x.inv[r*x.dims+d] -= a * row[d]
		}
	}
}
