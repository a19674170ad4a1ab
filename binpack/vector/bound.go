package vector

import (
	"cmp"
	"math"
	"slices"
)

// Why dual prices prove a lower bound. Let y_c ≥ 0 be any prices of items, μ_r any prices of limit rows (≤ 0 for a ≤ row,
// ≥ 0 for a ≥ row) with coefficients a_rk and right-hand sides b_r, and let u_k bound from above what one bin of kind k
// is worth: u_k ≥ max over loads of Σ_c y_c·a_c, plus Σ_r μ_r·a_rk. For every scale θ ≥ 0 a packing costs at least
//
//	L(θ) = θ·(Σ_c y_c·d_c + Σ_r μ_r·b_r) − Σ_{k with n_k finite} n_k·max(0, θ·u_k − p_k)
//
// provided θ·u_k ≤ p_k for every kind without a count (Farley; the sum is the dual price of the counts). L is concave and
// piecewise linear, so its best θ is a breakpoint p_k/u_k. An existing machine has p_k = 0 and counts as minus its value.
// When at most U items may stay unserved, the U most valuable ones are struck from the demand: the others are served.
// Everything that is left out (couplings, limits without a row, wholeness) only lowers L.

// duals are prices of one linear program, from which a bound follows.
type duals struct {
	y      []float64 // per item
	upper  []float64 // u_k per kind
	limits float64   // Σ_r μ_r·b_r
}

// bound is the best L(θ) for a demand of which at most unplaced items stay unserved.
func (in *instance) bound(q *duals, demand []int, unplaced int) float64 {
	slope := q.limits - in.mostValuable(q.y, demand, unplaced)
	for i, n := range demand {
		slope += q.y[i] * float64(n)
	}
	most := math.Inf(1)
	type hinge struct{ theta, slope float64 } // from theta on, L rises by slope less
	var hinges []hinge
	for k := range in.kinds {
		u := q.upper[k]
		if u <= 1e-12 {
			continue
		}
		kd := &in.kinds[k]
		switch {
		case kd.count == math.MaxInt32:
			most = min(most, kd.price/u)
		case kd.price == 0:
			slope -= float64(kd.count) * u
		default:
			hinges = append(hinges, hinge{kd.price / u, float64(kd.count) * u})
		}
	}
	slices.SortFunc(hinges, func(a, b hinge) int { return cmp.Or(cmp.Compare(a.theta, b.theta), cmp.Compare(a.slope, b.slope)) })
	best, theta := 0.0, 0.0
	for _, h := range hinges {
		if slope <= 0 || h.theta >= most {
			break
		}
		best += slope * (h.theta - theta)
		theta, slope = h.theta, slope-h.slope
	}
	if slope > 0 && !math.IsInf(most, 1) {
		best += slope * (most - theta)
	}
	return best
}

// mostValuable sums the value of the n most valuable items that are asked for.
func (in *instance) mostValuable(y []float64, demand []int, n int) float64 {
	if n == 0 {
		return 0
	}
	order := make([]int, len(in.items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(y[b], y[a]) })
	sum := 0.0
	for _, i := range order {
		t := min(n, demand[i])
		sum += y[i] * float64(t)
		if n -= t; n == 0 {
			break
		}
	}
	return sum
}

// resourceWeights solves the relaxation that pours all items together,
//
//	minimise Σ_k p_k·x_k   subject to   Σ_k C_k·x_k ≥ Σ_c d_c·size_c per dimension,  x_k ≤ n_k
//
// and returns the price of a unit of each dimension.
func (in *instance) resourceWeights(meter *meter) []float64 {
	scale, total := make([]float64, in.dims), make([]float64, in.dims)
	for k := range in.kinds {
		for d, c := range in.kinds[k].capacity {
			scale[d] = max(scale[d], float64(c))
		}
	}
	for i := range in.items {
		for d, s := range in.items[i].size {
			total[d] += float64(s) * float64(in.items[i].demand)
		}
	}
	var b, shortfall []float64
	var atLeast []bool
	var rowDim []int
	for d := range in.dims {
		if total[d] > 0 && scale[d] > 0 {
			rowDim = append(rowDim, d)
			b, atLeast, shortfall = append(b, total[d]/scale[d]), append(atLeast, true), append(shortfall, 100*in.maxPrice+1)
		}
	}
	resources := len(b)
	var limited []int
	for k := range in.kinds {
		if n := in.kinds[k].count; n != math.MaxInt32 && in.kinds[k].price > 0 {
			limited = append(limited, k)
			b, atLeast, shortfall = append(b, float64(n)), append(atLeast, false), append(shortfall, 0)
		}
	}
	w := make([]float64, in.dims)
	if resources == 0 {
		return w
	}
	lp := newSimplex(atLeast, b, shortfall, meter)
	for k := range in.kinds {
		kd := &in.kinds[k]
		if kd.price == 0 {
			continue // free room is taken off by bound, at the prices of what must be bought
		}
		c := sparse{cost: kd.price}
		for r, d := range rowDim {
			if kd.capacity[d] > 0 {
				c.rows, c.coef = append(c.rows, int32(r)), append(c.coef, float64(kd.capacity[d])/scale[d])
			}
		}
		if at := slices.Index(limited, k); at >= 0 {
			c.rows, c.coef = append(c.rows, int32(resources+at)), append(c.coef, 1)
		}
		lp.add(c)
	}
	lp.primal()
	for r, d := range rowDim {
		w[d] = max(lp.y[r], 0) / scale[d]
	}
	return w
}

// resourceDuals prices every item by the resources it takes; a bin is worth its capacity.
func (in *instance) resourceDuals(w []float64) *duals {
	q := &duals{y: make([]float64, len(in.items)), upper: make([]float64, len(in.kinds))}
	for i := range in.items {
		for d, s := range in.items[i].size {
			q.y[i] += w[d] * float64(s)
		}
	}
	for k := range in.kinds {
		for d, c := range in.kinds[k].capacity {
			q.upper[k] += w[d] * float64(max(c, 0))
		}
	}
	return q
}

// roundUp lifts a bound to the next price that can be had at all, when all prices are whole multiples of one unit.
func (in *instance) roundUp(bound float64) float64 {
	const perDollar = 1e6
	unit := int64(0)
	for k := range in.kinds {
		micro := in.kinds[k].price * perDollar
		whole := math.Round(micro)
		if math.Abs(micro-whole) > 1e-9*max(1, micro) || whole > 1e15 {
			return bound
		}
		for a, b := unit, int64(whole); ; {
			if b == 0 {
				unit = a
				break
			}
			a, b = b, a%b
		}
	}
	if unit <= 0 {
		return bound
	}
	step := float64(unit) / perDollar
	return max(bound, math.Ceil(bound/step-1e-6)*step)
}
