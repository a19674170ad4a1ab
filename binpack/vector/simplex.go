package vector

import "math"

// sparse is one column of a linear program: its cost and its non-zero coefficients, row by row.
type sparse struct {
	cost float64
	rows []int32
	coef []float64
}

// simplex solves
//
//	minimise c·x   subject to   A x ≥ b or ≤ b, row by row,   x ≥ 0
//
// by the revised simplex method with an explicit inverse of the basis. Columns may be added and the right-hand side may
// change between solves; the basis is kept, so primal goes on from there after new columns and dual after a new b.
//
// Shapes, with m rows: basis[r] is the column that is basic in position r, inverse is m × m (row r belongs to basis[r],
// columns to the rows of A), x[r] its value, y[i] the dual price of row i of A.
//
// Columns 0 … m-1 are the rows' own: surplus (-1) of a ≥ row, slack (+1) of a ≤ row. Columns m … 2m-1 are artificial:
// they let a ≥ row fall short at a given cost, so that a first basis is at hand and every program is feasible.
type simplex struct {
	m       int
	atLeast []bool // per row: ≥, else ≤
	b       []float64
	columns []sparse
	where   []int32 // per column: its position in the basis, or -1

	basis   []int32
	inverse []float64
	x, y    []float64

	alpha   []float64 // scratch: a column in terms of the basis
	nonzero []int32   // scratch: where a pivot row is not zero
	cursor  int       // where partial pricing goes on
	meter   *meter
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
		columns: make([]sparse, 0, 8*m), where: make([]int32, 2*m, 8*m),
		basis: make([]int32, m), inverse: make([]float64, m*m),
		x: make([]float64, m), y: make([]float64, m), alpha: make([]float64, m), nonzero: make([]int32, 0, m)}
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
			s.y[i] = shortfall[i]
		}
		s.basis[i], s.where[first] = first, int32(i)
		s.inverse[i*m+i] = 1
		s.x[i] = b[i]
	}
	return s
}

// add appends a column outside the basis and returns its index.
func (s *simplex) add(c sparse) int {
	s.columns = append(s.columns, c)
	s.where = append(s.where, -1)
	return len(s.columns) - 1
}

func (s *simplex) clone() *simplex {
	c := *s
	c.b = append([]float64(nil), s.b...)
	c.columns = append([]sparse(nil), s.columns...)
	c.where = append([]int32(nil), s.where...)
	c.basis = append([]int32(nil), s.basis...)
	c.inverse = append([]float64(nil), s.inverse...)
	c.x = append([]float64(nil), s.x...)
	c.y = append([]float64(nil), s.y...)
	c.alpha = make([]float64, s.m)
	c.nonzero = make([]int32, 0, s.m)
	s.meter.spend(s.m * s.m / 4)
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

// express writes column j in terms of the basis into alpha.
func (s *simplex) express(j int) {
	c := &s.columns[j]
	clear(s.alpha)
	for t, r := range c.rows {
		f := c.coef[t]
		column := s.inverse[r:]
		for i, at := 0, 0; i < s.m; i, at = i+1, at+s.m {
			if v := column[at]; v != 0 {
				s.alpha[i] += f * v
			}
		}
	}
	s.meter.spend(s.m * len(c.rows))
}

// primal pivots until no column can lower the objective, and leaves x and y optimal. It returns false when the work ran
// out first; x and y are then feasible and consistent, but not optimal.
func (s *simplex) primal() bool {
	stalled := 0
	for {
		if s.meter.left() <= 0 {
			return false
		}
		j := s.entering(stalled > 2*s.m+50)
		if j < 0 {
			return true
		}
		s.express(j)
		r, step := s.leaving()
		if r < 0 {
			return true // unbounded cannot be: costs are not negative
		}
		if step <= 1e-12 {
			stalled++
		} else {
			stalled = 0
		}
		s.pivot(r, j)
	}
}

// entering picks a column of negative reduced cost: the most negative of a section of the columns that has one (partial
// pricing), or, when careful, the first of all (Bland's rule, which cannot cycle).
func (s *simplex) entering(careful bool) int {
	n := len(s.columns)
	if careful {
		for j := range n {
			if s.where[j] < 0 && s.reduced(j) < -reducedTolerance {
				return j
			}
		}
		return -1
	}
	section := max(200, n/4)
	best, bestReduced := -1, -reducedTolerance
	if s.cursor >= n {
		s.cursor = 0
	}
	for looked := 0; looked < n; {
		for range min(section, n-looked) {
			j := s.cursor
			if s.cursor++; s.cursor == n {
				s.cursor = 0
			}
			looked++
			if s.where[j] >= 0 {
				continue
			}
			if d := s.reduced(j); d < bestReduced {
				best, bestReduced = j, d
			}
		}
		if best >= 0 {
			s.meter.spend(4 * looked)
			return best
		}
	}
	s.meter.spend(4 * n)
	return -1
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
		if a > pivotTolerance && max(s.x[i], 0)/a <= limit && a > largest {
			r, largest = i, a
		}
	}
	if r < 0 {
		return -1, 0
	}
	return r, max(s.x[r], 0) / largest
}

// pivot lets column j, written in alpha, take position r of the basis, and updates inverse, x and y.
func (s *simplex) pivot(r, j int) {
	m := s.m
	row := s.inverse[r*m : r*m+m]
	inv := 1 / s.alpha[r]
	s.nonzero = s.nonzero[:0]
	for i, v := range row {
		if v != 0 {
			if math.Abs(v) < 1e-13 {
				row[i] = 0
				continue
			}
			row[i] = v * inv
			s.nonzero = append(s.nonzero, int32(i))
		}
	}
	d := s.reduced(j)
	for _, i := range s.nonzero {
		s.y[i] += d * row[i]
	}
	step := s.x[r] * inv
	work := m
	for i, a := range s.alpha {
		if a == 0 || i == r {
			continue
		}
		if math.Abs(a) < 1e-13 {
			continue
		}
		target := s.inverse[i*m : i*m+m]
		for _, t := range s.nonzero {
			target[t] -= a * row[t]
		}
		s.x[i] -= a * step
		work += len(s.nonzero)
	}
	s.x[r] = step
	s.where[s.basis[r]] = -1
	s.basis[r], s.where[j] = int32(j), int32(r)
	s.meter.pivots++
	s.meter.spend(work)
}

// setB replaces the right-hand side; x follows and may become negative until dual has run.
func (s *simplex) setB(b []float64) {
	copy(s.b, b)
	s.recompute()
}

// recompute derives x and y afresh from the inverse.
func (s *simplex) recompute() {
	m := s.m
	clear(s.y)
	for r := range m {
		row := s.inverse[r*m : r*m+m]
		cost, sum := s.columns[s.basis[r]].cost, 0.0
		for i, v := range row {
			if v != 0 {
				sum += v * s.b[i]
				s.y[i] += cost * v
			}
		}
		s.x[r] = sum
	}
	s.meter.spend(m * m)
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
		j := s.dualEntering(s.inverse[r*s.m : r*s.m+s.m])
		if j < 0 {
			return false
		}
		s.express(j)
		if math.Abs(s.alpha[r]) < pivotTolerance {
			return false
		}
		s.pivot(r, j)
	}
	return false
}

// dualEntering is the dual ratio test over a row of the inverse: the column whose reduced cost reaches zero first.
func (s *simplex) dualEntering(row []float64) int {
	best, bestRatio, bestPivot := -1, math.Inf(1), 0.0
	for j := range s.columns {
		if s.where[j] >= 0 {
			continue
		}
		c := &s.columns[j]
		a, d := 0.0, c.cost
		for t, i := range c.rows {
			a += row[i] * c.coef[t]
			d -= s.y[i] * c.coef[t]
		}
		if a > -1e-7 {
			continue
		}
		ratio := max(d, 0) / -a
		if ratio < bestRatio-1e-12 || ratio <= bestRatio+1e-12 && -a > bestPivot {
			best, bestRatio, bestPivot = j, min(ratio, bestRatio), -a
		}
	}
	s.meter.spend(5 * len(s.columns))
	return best
}

// drift is how far B·x is from b, which grows as rounding errors gather in the inverse.
func (s *simplex) drift() float64 {
	residual := append([]float64(nil), s.b...)
	for r, j := range s.basis {
		c := &s.columns[j]
		for t, i := range c.rows {
			residual[i] -= c.coef[t] * s.x[r]
		}
	}
	worst := 0.0
	for i, v := range residual {
		worst = max(worst, math.Abs(v)/(1+math.Abs(s.b[i])))
	}
	return worst
}

// refactor builds the inverse afresh from the basis columns. Columns that prove dependent are replaced by a row's own.
func (s *simplex) refactor() {
	m := s.m
	old := append([]int32(nil), s.basis...)
	for _, j := range old {
		s.where[j] = -1
	}
	clear(s.inverse)
	for i := range m {
		own := s.columns[i].coef[0]
		s.inverse[i*m+i] = 1 / own
		s.basis[i], s.where[i] = int32(i), int32(i)
	}
	s.recompute()
	for _, j := range old {
		if s.where[j] >= 0 {
			continue
		}
		s.express(int(j))
		r, largest := -1, 1e-7
		for i, a := range s.alpha {
			// Only a row's own column that the old basis did not have may leave.
			if b := s.basis[i]; int(b) < m && math.Abs(a) > largest && !contains(old, b) {
				r, largest = i, math.Abs(a)
			}
		}
		if r >= 0 {
			s.pivot(r, int(j))
		}
	}
	s.recompute()
}

func contains(list []int32, v int32) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}
