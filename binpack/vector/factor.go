package vector

import (
	"cmp"
	"math"
	"slices"
)

// entry is one non-zero of a sparse vector.
type entry struct {
	at int32
	v  float64
}

// factor keeps a basis matrix B as sparse triangular factors and the pivots since then (the product form):
//
//	B = L·U·E_1·…·E_t      E_s: the identity with one column replaced by a pivot column
//
// so that a system with B costs about the non-zeros of the factors. L and U come from left-looking elimination: columns
// with few non-zeros first, and within a column the pivot is a large enough entry in the row with the fewest.
//
// Step k of the elimination eliminates row pivotRow[k] with the column in position position[k] of the basis.
type factor struct {
	m        int
	pivotRow []int32
	position []int32
	diagonal []float64
	lower    [][]entry // per step: multiples of the pivot row to take from later rows
	upper    [][]entry // per step: entries above the diagonal, at = earlier step
	etas     []eta

	work  []float64
	meter *meter
}

// eta is a pivot since the factors were made: position r of the basis was taken by a column that had these coordinates.
type eta struct {
	r     int32
	pivot float64
	rest  []entry
}

func newFactor(m int, meter *meter) *factor {
	return &factor{m: m, meter: meter, pivotRow: make([]int32, m), position: make([]int32, m), diagonal: make([]float64, m),
		lower: make([][]entry, m), upper: make([][]entry, m), work: make([]float64, m)}
}

// clone shares the factors, which are replaced as a whole, and copies the list of pivots.
func (f *factor) clone() *factor {
	c := *f
	c.etas = slices.Clip(f.etas)
	c.work = make([]float64, f.m)
	return &c
}

// build factors the matrix of the given columns, one per position. Positions whose columns depend on others are returned
// with rows that no column could pivot on, paired: the caller puts the rows' own columns there and builds again.
func (f *factor) build(columns []sparse, basis []int32) (dependent, rows []int32) {
	m := f.m
	rowCount := make([]int32, m)
	order := make([]int32, m)
	for r, j := range basis {
		order[r] = int32(r)
		for _, i := range columns[j].rows {
			rowCount[i]++
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(len(columns[basis[a]].rows), len(columns[basis[b]].rows)), cmp.Compare(a, b))
	})
	*f = factor{m: m, meter: f.meter, pivotRow: make([]int32, m), position: make([]int32, m), diagonal: make([]float64, m),
		lower: make([][]entry, m), upper: make([][]entry, m), work: f.work}
	stepOf := make([]int32, m) // per row: the step that it was pivoted in, or -1
	for i := range stepOf {
		stepOf[i] = -1
	}
	var heap []int32 // steps still to apply to the present column
	queued := make([]int32, m)
	touched := make([]int32, 0, m)
	step := int32(0)
	cost := m
	for mark, r := range order {
		c := &columns[basis[r]]
		touched = touched[:0]
		heap = heap[:0]
		touch := func(i int32) {
			if queued[i] == int32(mark)+1 {
				return
			}
			queued[i] = int32(mark) + 1
			touched = append(touched, i)
			if t := stepOf[i]; t >= 0 {
				heap = pushStep(heap, t)
			}
		}
		for t, i := range c.rows {
			touch(i)
			f.work[i] += c.coef[t]
		}
		var up []entry
		for len(heap) > 0 {
			var t int32
			t, heap = popStep(heap)
			u := f.work[f.pivotRow[t]]
			if u == 0 {
				continue
			}
			up = append(up, entry{t, u})
			for _, l := range f.lower[t] {
				touch(l.at)
				f.work[l.at] -= l.v * u
			}
			cost += len(f.lower[t])
		}
		pivot := choosePivot(f.work, touched, stepOf, rowCount)
		if pivot < 0 {
			dependent = append(dependent, r)
		} else {
			d := f.work[pivot]
			var low []entry
			for _, i := range touched {
				if v := f.work[i]; stepOf[i] < 0 && i != pivot && math.Abs(v) > 1e-14 {
					low = append(low, entry{i, v / d})
				}
			}
			f.pivotRow[step], f.position[step], f.diagonal[step] = pivot, r, d
			f.lower[step], f.upper[step] = low, up
			stepOf[pivot] = step
			step++
		}
		cost += 4 * len(touched)
		for _, i := range touched {
			f.work[i] = 0
		}
	}
	f.meter.spend(2 * cost)
	if len(dependent) > 0 {
		for i := range int32(m) {
			if stepOf[i] < 0 {
				rows = append(rows, i)
			}
		}
	}
	return dependent, rows
}

// choosePivot picks, among the rows not yet pivoted on, one with an entry of at least a tenth of the largest and few
// entries in the basis; -1 when all are (nearly) zero.
func choosePivot(work []float64, touched, stepOf, rowCount []int32) int32 {
	largest := 1e-9
	for _, i := range touched {
		if stepOf[i] < 0 {
			largest = max(largest, math.Abs(work[i]))
		}
	}
	best := int32(-1)
	for _, i := range touched {
		if v := math.Abs(work[i]); stepOf[i] < 0 && v > 1e-9 && v >= 0.1*largest {
			if best < 0 || rowCount[i] < rowCount[best] || rowCount[i] == rowCount[best] && i < best {
				best = i
			}
		}
	}
	return best
}

// pushStep and popStep keep a binary heap of steps, least first.
func pushStep(h []int32, t int32) []int32 {
	h = append(h, t)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up] <= h[i] {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	return h
}

func popStep(h []int32) (int32, []int32) {
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1] < h[down] {
			down++
		}
		if h[i] <= h[down] {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	return top, h
}

// forward solves B·x = a: a, per row, goes in; x, per position of the basis, comes out in out.
func (f *factor) forward(a sparse, out []float64) {
	w := f.work
	for t, i := range a.rows {
		w[i] += a.coef[t]
	}
	f.forwardDense(w, out)
}

// forwardDense is forward for a dense right-hand side, which is cleared.
func (f *factor) forwardDense(w, out []float64) {
	cost := 2 * f.m
	for t, i := range f.pivotRow {
		if v := w[i]; v != 0 {
			for _, l := range f.lower[t] {
				w[l.at] -= l.v * v
			}
			cost += len(f.lower[t])
		}
	}
	for t := f.m - 1; t >= 0; t-- {
		i := f.pivotRow[t]
		v := w[i]
		if v == 0 {
			out[f.position[t]] = 0
			continue
		}
		w[i] = 0
		v /= f.diagonal[t]
		out[f.position[t]] = v
		for _, u := range f.upper[t] {
			w[f.pivotRow[u.at]] -= u.v * v
		}
		cost += len(f.upper[t])
	}
	for e := range f.etas {
		eta := &f.etas[e]
		v := out[eta.r]
		if v == 0 {
			continue
		}
		v /= eta.pivot
		out[eta.r] = v
		for _, x := range eta.rest {
			out[x.at] -= x.v * v
		}
		cost += len(eta.rest)
	}
	f.meter.spend(cost)
}

// backward solves y·B = c: c, per position of the basis, goes in and is overwritten; y, per row, comes out in out.
func (f *factor) backward(c, out []float64) {
	cost := 2 * f.m
	for e := len(f.etas) - 1; e >= 0; e-- {
		eta := &f.etas[e]
		v := c[eta.r]
		for _, x := range eta.rest {
			v -= x.v * c[x.at]
		}
		c[eta.r] = v / eta.pivot
		cost += len(eta.rest)
	}
	z := f.work
	for t := range f.m {
		v := c[f.position[t]]
		for _, u := range f.upper[t] {
			v -= u.v * z[u.at]
		}
		z[t] = v / f.diagonal[t]
		cost += len(f.upper[t])
	}
	for t := f.m - 1; t >= 0; t-- {
		v := z[t]
		z[t] = 0
		for _, l := range f.lower[t] {
			v -= l.v * out[l.at]
		}
		out[f.pivotRow[t]] = v
		cost += len(f.lower[t])
	}
	f.meter.spend(cost)
}

// replace records that a column with coordinates alpha took position r.
func (f *factor) replace(r int, alpha []float64) {
	n := 0
	for _, a := range alpha {
		if math.Abs(a) > 1e-13 {
			n++
		}
	}
	rest := make([]entry, 0, n)
	for i, a := range alpha {
		if i != r && math.Abs(a) > 1e-13 {
			rest = append(rest, entry{int32(i), a})
		}
	}
	f.etas = append(f.etas, eta{r: int32(r), pivot: alpha[r], rest: rest})
	f.meter.spend(f.m)
}

// stale says whether it is time to build afresh.
func (f *factor) stale() bool { return len(f.etas) >= 32 }
