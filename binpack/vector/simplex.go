package vector

import (
	"math"
	"slices"
)

// sparse is one column of a linear program: its cost and its non-zero coefficients, row by row.
type sparse struct {
	cost float64
	rows []int32
	coef []float64
}

// dot is the product with a dense row.
func (c *sparse) dot(row []float64) float64 {
	sum := 0.0
	for t, i := range c.rows {
		sum += row[i] * c.coef[t]
	}
	return sum
}

// simplex solves
//
//	minimise c·x   subject to   A x ≥ b or ≤ b, row by row,   x ≥ 0
//
// by the revised simplex method over sparse factors of the basis (factor.go), with Devex pricing. Columns may be added and
// the right-hand side may change between solves; the basis is kept, so primal goes on from there after new columns and
// dual after a new b.
//
// Shapes, with m rows: basis[r] is the column that is basic in position r, x[r] its value, y[i] the dual price of row i.
//
// Columns 0 … m-1 are the rows' own: surplus (-1) of a ≥ row, slack (+1) of a ≤ row. Columns m … 2m-1 are artificial:
// they let a ≥ row fall short at a given cost, so that a first basis is at hand and every program is feasible.
type simplex struct {
	m       int
	atLeast []bool // per row: ≥, else ≤
	b       []float64
	columns []sparse
	where   []int32 // per column: its position in the basis, or -1

	basis []int32
	f     *factor
	x, y  []float64

	alpha []float64 // scratch: a column in terms of the basis
	unit  []float64 // scratch: a row selector, destroyed by backward
	row   []float64 // scratch: a row of the basis' inverse
	cost  []float64 // primal only, per column: its reduced cost
	devex []float64 // primal only, per column: Devex reference weight
	meter *meter
}

const (
	reducedTolerance = 1e-9
	pivotTolerance   = 1e-9
	primalTolerance  = 1e-9
)

// newSimplex starts with one artificial column per ≥ row, at the given cost, and the slack of each ≤ row as the basis.
func newSimplex(atLeast []bool, b, shortfall []float64, meter *meter) *simplex {
	m := len(b)
	s := &simplex{m: m, atLeast: atLeast, b: b, meter: meter,
		columns: make([]sparse, 0, 8*m), where: make([]int32, 2*m, 8*m), basis: make([]int32, m), f: newFactor(m, meter),
		x: make([]float64, m), y: make([]float64, m),
		alpha: make([]float64, m), unit: make([]float64, m), row: make([]float64, m)}
	for i := range m {
		own := 1.0
		if atLeast[i] {
			own = -1
		}
		s.columns = append(s.columns, sparse{rows: []int32{int32(i)}, coef: []float64{own}})
		s.where[i], s.where[m+i] = -1, -1
	}
	for i := range m {
		s.columns = append(s.columns, sparse{cost: shortfall[i], rows: []int32{int32(i)}, coef: []float64{1}})
		first := int32(i)
		if atLeast[i] {
			first = int32(m + i)
		}
		s.basis[i], s.where[first] = first, int32(i)
	}
	s.refactor()
	return s
}

// add appends a column outside the basis.
func (s *simplex) add(c sparse) {
	s.columns = append(s.columns, c)
	s.where = append(s.where, -1)
}

// clone copies the program without the given columns, ascending, of which none is basic or a row's own.
func (s *simplex) clone(without []int) *simplex {
	c := *s
	c.b = slices.Clone(s.b)
	c.columns = make([]sparse, 0, len(s.columns))
	c.where = make([]int32, 0, len(s.columns))
	c.basis = slices.Clone(s.basis)
	for j := range s.columns {
		if len(without) > 0 && without[0] == j {
			without = without[1:]
			continue
		}
		if r := s.where[j]; r >= 0 {
			c.basis[r] = int32(len(c.columns))
		}
		c.columns, c.where = append(c.columns, s.columns[j]), append(c.where, s.where[j])
	}
	c.f = s.f.clone()
	c.x, c.y = slices.Clone(s.x), slices.Clone(s.y)
	c.alpha, c.unit, c.row = make([]float64, s.m), make([]float64, s.m), make([]float64, s.m)
	c.cost, c.devex = nil, nil
	s.meter.spend(len(s.columns))
	return &c
}

// reduced is the reduced cost of column j: what the objective changes by per unit of it.
func (s *simplex) reduced(j int) float64 {
	c := &s.columns[j]
	d := c.cost
	for t, r := range c.rows {
		d -= s.y[r] * c.coef[t]
	}
	return d
}

// refactor builds the factors afresh, putting rows' own columns in place of dependent ones, and derives x and y.
func (s *simplex) refactor() {
	for {
		dependent, rows := s.f.build(s.columns, s.basis)
		if len(dependent) == 0 {
			break
		}
		for t, r := range dependent {
			s.where[s.basis[r]] = -1
			s.basis[r], s.where[rows[t]] = rows[t], r
		}
	}
	s.recompute()
}

// recompute derives x and y from the factors.
func (s *simplex) recompute() {
	copy(s.row, s.b)
	s.f.forwardDense(s.row, s.x)
	for r, j := range s.basis {
		s.unit[r] = s.columns[j].cost
	}
	s.f.backward(s.unit, s.y)
}

// setB replaces the right-hand side; x follows and may become negative until dual has run.
func (s *simplex) setB(b []float64) {
	copy(s.b, b)
	s.recompute()
}

// primal pivots until no column can lower the objective, and leaves x and y optimal. It returns false when the work ran
// out first; x and y are then feasible and consistent, but not optimal.
func (s *simplex) primal() bool {
	s.priceAll()
	stalled, fresh := 0, true
	for {
		if s.meter.left() <= 0 {
			return false
		}
		j := s.entering(stalled > 2*s.m+50)
		if j < 0 {
			if fresh {
				return true
			}
			s.priceAll() // reduced costs that were only updated may hide a column
			fresh = true
			continue
		}
		fresh = false
		s.f.forward(s.columns[j], s.alpha)
		r, step := s.leaving()
		if r < 0 {
			return true // unbounded cannot be: costs are not negative
		}
		if step <= 1e-12 {
			stalled++
		} else {
			stalled = 0
		}
		s.inverseRow(r)
		s.updatePrices(r, j)
		s.pivot(r, j)
	}
}

// priceAll computes the reduced cost of every column and starts a new Devex reference framework.
func (s *simplex) priceAll() {
	n := len(s.columns)
	if cap(s.cost) < n {
		s.cost, s.devex = make([]float64, n, 2*n), make([]float64, n, 2*n)
	}
	s.cost, s.devex = s.cost[:n], s.devex[:n]
	for j := range n {
		s.cost[j], s.devex[j] = 0, 1
		if s.where[j] < 0 {
			s.cost[j] = s.reduced(j)
		}
	}
	s.meter.spend(3 * n)
}

// entering picks a column of negative reduced cost: the steepest by Devex weights, or, when careful, the first of all
// (Bland's rule, which cannot cycle).
func (s *simplex) entering(careful bool) int {
	best, steepest := -1, 0.0
	for j, d := range s.cost {
		if d >= -reducedTolerance || s.where[j] >= 0 {
			continue
		}
		if careful {
			return j
		}
		if steep := d * d / s.devex[j]; steep > steepest {
			best, steepest = j, steep
		}
	}
	s.meter.spend(len(s.cost) / 2)
	return best
}

// leaving is the ratio test: the position whose variable reaches zero first as the column in alpha enters, the largest
// pivot among (nearly) equals, and how far the column can go.
func (s *simplex) leaving() (int, float64) {
	limit := math.Inf(1)
	for i, a := range s.alpha {
		if a > pivotTolerance {
			limit = min(limit, (max(s.x[i], 0)+primalTolerance)/a)
		}
	}
	r, largest := -1, 0.0
	for i, a := range s.alpha {
		if a > pivotTolerance && max(s.x[i], 0) <= limit*a && a > largest {
			r, largest = i, a
		}
	}
	if r < 0 {
		return -1, 0
	}
	return r, max(s.x[r], 0) / largest
}

// inverseRow writes row r of the basis' inverse into row.
func (s *simplex) inverseRow(r int) {
	clear(s.unit)
	s.unit[r] = 1
	s.f.backward(s.unit, s.row)
}

// updatePrices carries reduced costs and Devex weights over the pivot of column q, written in alpha, into position r,
// whose row of the inverse is in row.
func (s *simplex) updatePrices(r, q int) {
	pivot := s.alpha[r]
	step, weight := s.cost[q]/pivot, s.devex[q]/(pivot*pivot)
	work := len(s.columns)
	for j := range s.columns {
		if s.where[j] >= 0 {
			continue
		}
		c := &s.columns[j]
		a := c.dot(s.row)
		work += len(c.rows)
		if a == 0 {
			continue
		}
		s.cost[j] -= step * a
		s.devex[j] = max(s.devex[j], a*a*weight)
	}
	s.cost[q] = 0
	out := s.basis[r]
	s.cost[out], s.devex[out] = -step, max(weight, 1)
	s.meter.spend(work)
}

// pivot lets column j, written in alpha, take position r of the basis, whose row of the inverse is in row.
func (s *simplex) pivot(r, j int) {
	d := s.reduced(j) / s.alpha[r]
	for i, v := range s.row {
		if v != 0 {
			s.y[i] += d * v
		}
	}
	step := s.x[r] / s.alpha[r]
	for i, a := range s.alpha {
		if a != 0 {
			s.x[i] -= a * step
		}
	}
	s.x[r] = step
	s.where[s.basis[r]] = -1
	s.basis[r], s.where[j] = int32(j), int32(r)
	s.f.replace(r, s.alpha)
	s.meter.pivots++
	s.meter.spend(2 * s.m)
	if s.f.stale() {
		s.refactor()
	}
}

// dual pivots until no basic variable is negative, keeping reduced costs from becoming negative. It returns false when
// work or columns to pivot on ran out.
func (s *simplex) dual() bool {
	for range 20*s.m + 1000 {
		if s.meter.left() <= 0 {
			return false
		}
		r, least := -1, -1e-8
		for i, v := range s.x {
			if v < least {
				r, least = i, v
			}
		}
		if r < 0 {
			return true
		}
		s.inverseRow(r)
		j := s.dualEntering()
		if j < 0 {
			return false
		}
		s.f.forward(s.columns[j], s.alpha)
		if math.Abs(s.alpha[r]) < pivotTolerance {
			return false
		}
		s.pivot(r, j)
	}
	return false
}

// dualEntering is the dual ratio test over the row of the inverse in row: the column whose reduced cost reaches zero first.
func (s *simplex) dualEntering() int {
	best, bestRatio, bestPivot := -1, math.Inf(1), 0.0
	work := len(s.columns)
	for j := range s.columns {
		if s.where[j] >= 0 {
			continue
		}
		c := &s.columns[j]
		a := c.dot(s.row)
		work += len(c.rows)
		if a > -1e-7 {
			continue
		}
		ratio := max(s.reduced(j), 0) / -a
		if ratio < bestRatio-1e-12 || ratio <= bestRatio+1e-12 && -a > bestPivot {
			best, bestRatio, bestPivot = j, min(ratio, bestRatio), -a
		}
	}
	s.meter.spend(work)
	return best
}
