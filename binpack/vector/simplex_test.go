package vector

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"
	"pgregory.net/rapid"
)

// randomProgram draws a covering program with a few ≤ rows; the artificial columns keep it feasible.
func randomProgram(t *rapid.T) (atLeast []bool, b, shortfall []float64, columns []sparse) {
	m := rapid.IntRange(1, 7).Draw(t, "rows")
	for range m {
		atLeast = append(atLeast, rapid.IntRange(0, 3).Draw(t, "≥") > 0)
		b = append(b, float64(rapid.IntRange(0, 9).Draw(t, "b")))
		shortfall = append(shortfall, 100)
	}
	for range rapid.IntRange(1, 12).Draw(t, "columns") {
		c := sparse{cost: float64(rapid.IntRange(0, 9).Draw(t, "cost"))}
		for i := range m {
			if v := rapid.IntRange(-1, 4).Draw(t, "a"); v > 0 {
				c.rows, c.coef = append(c.rows, int32(i)), append(c.coef, float64(v))
			}
		}
		if len(c.rows) > 0 {
			columns = append(columns, c)
		}
	}
	return atLeast, b, shortfall, columns
}

// reference solves the same program with gonum's dense simplex.
func reference(t *rapid.T, s *simplex) float64 {
	var keep []int
	for j := range s.columns {
		if j >= s.m && j < 2*s.m && !s.atLeast[j-s.m] {
			continue // a ≤ row has no artificial column
		}
		keep = append(keep, j)
	}
	a, cost := mat.NewDense(s.m, len(keep), nil), make([]float64, len(keep))
	for at, j := range keep {
		cost[at] = s.columns[j].cost
		for t, i := range s.columns[j].rows {
			a.Set(int(i), at, s.columns[j].coef[t])
		}
	}
	best, _, err := lp.Simplex(cost, a, s.b, 1e-12, nil)
	require.NoError(t, err)
	return best
}

func value(s *simplex) float64 {
	sum := 0.0
	for r, j := range s.basis {
		sum += s.columns[j].cost * s.x[r]
	}
	return sum
}

func requireOptimal(t *rapid.T, s *simplex) {
	for j := range s.columns {
		if j >= s.m && j < 2*s.m && !s.atLeast[j-s.m] {
			continue
		}
		require.GreaterOrEqual(t, s.reduced(j), -1e-7, "column %d could enter", j)
	}
	dualValue := 0.0
	for i, y := range s.y {
		dualValue += y * s.b[i]
	}
	require.InDelta(t, value(s), dualValue, 1e-6, "primal and dual value meet")
	for _, x := range s.x {
		require.GreaterOrEqual(t, x, -1e-6)
	}
}

func TestSimplexAgreesWithGonum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		atLeast, b, shortfall, columns := randomProgram(t)
		s := newSimplex(atLeast, b, shortfall, newMeter(Budget{}))
		for _, c := range columns[:len(columns)/2] {
			s.add(c)
		}
		require.True(t, s.primal())
		requireOptimal(t, s)
		for _, c := range columns[len(columns)/2:] {
			s.add(c)
		}
		require.True(t, s.primal(), "from the basis at hand")
		requireOptimal(t, s)
		require.InDelta(t, reference(t, s), value(s), 1e-6)
	})
}

func TestDualSimplexFollowsANewRightHandSide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		atLeast, b, shortfall, columns := randomProgram(t)
		s := newSimplex(atLeast, b, shortfall, newMeter(Budget{}))
		for _, c := range columns {
			s.add(c)
		}
		require.True(t, s.primal())
		next := make([]float64, len(b))
		for i := range next {
			next[i] = float64(rapid.IntRange(0, 9).Draw(t, "next"))
		}
		c := s.clone(nil)
		c.setB(next)
		require.True(t, c.dual())
		requireOptimal(t, c)
		require.InDelta(t, reference(t, c), value(c), 1e-6)
		requireOptimal(t, s)
	})
}

func TestCloneWithoutColumnsKeepsTheSolution(t *testing.T) {
	s := newSimplex([]bool{true, true}, []float64{3, 5}, []float64{100, 100}, newMeter(Budget{}))
	s.add(sparse{cost: 9, rows: []int32{0}, coef: []float64{1}})
	s.add(sparse{cost: 2, rows: []int32{0, 1}, coef: []float64{1, 1}})
	s.add(sparse{cost: 9, rows: []int32{1}, coef: []float64{1}})
	s.add(sparse{cost: 1, rows: []int32{1}, coef: []float64{1}})
	require.True(t, s.primal())
	require.InDelta(t, 8, value(s), 1e-9)
	c := s.clone([]int{4, 6})
	require.Len(t, c.columns, 6)
	require.True(t, c.primal())
	require.InDelta(t, 8, value(c), 1e-9)
}

func TestSimplexStopsWhenWorkRunsOut(t *testing.T) {
	meter := newMeter(Budget{Work: 1})
	s := newSimplex([]bool{true}, []float64{3}, []float64{100}, meter)
	s.add(sparse{cost: 1, rows: []int32{0}, coef: []float64{1}})
	require.False(t, s.primal())
	require.False(t, s.dual())
}

func TestFactorsSolveBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.IntRange(1, 8).Draw(t, "m")
		draw := func() sparse {
			c := sparse{}
			for i := range m {
				if v := rapid.IntRange(-6, 3).Draw(t, "a"); v != 0 && v > -3 {
					c.rows, c.coef = append(c.rows, int32(i)), append(c.coef, float64(v))
				}
			}
			return c
		}
		columns := make([]sparse, 0, 2*m)
		basis := make([]int32, m)
		for r := range m {
			columns = append(columns, draw())
			basis[r] = int32(r)
		}
		f := newFactor(m, newMeter(Budget{}))
		dependent, rows := f.build(columns, basis)
		require.Len(t, rows, len(dependent))
		for s, r := range dependent { // a unit column mends each dependency
			basis[r] = int32(len(columns))
			columns = append(columns, sparse{rows: []int32{rows[s]}, coef: []float64{1}})
		}
		dependent, _ = f.build(columns, basis)
		require.Empty(t, dependent)

		alpha := make([]float64, m)
		for range rapid.IntRange(0, 3).Draw(t, "pivots") {
			in := draw()
			f.forward(in, alpha)
			r, largest := -1, 1e-3
			for i, a := range alpha {
				if math.Abs(a) > largest {
					r, largest = i, math.Abs(a)
				}
			}
			if r < 0 {
				continue
			}
			basis[r] = int32(len(columns))
			columns = append(columns, in)
			f.replace(r, alpha)
		}
		a := draw()
		x := make([]float64, m)
		f.forward(a, x)
		residual := make([]float64, m)
		scale := 1.0
		for r, j := range basis {
			scale = max(scale, math.Abs(x[r]))
			for s, i := range columns[j].rows {
				residual[i] += columns[j].coef[s] * x[r]
			}
		}
		for s, i := range a.rows {
			residual[i] -= a.coef[s]
		}
		for _, v := range residual {
			require.InDelta(t, 0, v, 1e-7*scale, "B·x = a")
		}
		c, y := make([]float64, m), make([]float64, m)
		for r := range c {
			c[r] = float64(rapid.IntRange(-3, 3).Draw(t, "c"))
		}
		f.backward(append([]float64(nil), c...), y)
		scale = 1
		for _, v := range y {
			scale = max(scale, math.Abs(v))
		}
		for r, j := range basis {
			sum := 0.0
			for s, i := range columns[j].rows {
				sum += columns[j].coef[s] * y[i]
			}
			require.InDelta(t, c[r], sum, 1e-7*scale, "y·B = c")
		}
	})
}
