package vector

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// mostValuableLoad enumerates the loads of kind k of a small problem whose classes are all different.
func mostValuableLoad(p *Problem, k int, y []float64) float64 {
	count := make([]int, len(p.Classes))
	best := 0.0
	var choose func(c int, value float64)
	choose = func(c int, value float64) {
		if c == len(count) {
			if loadAllowed(p, k, count) {
				best = max(best, value)
			}
			return
		}
		for n := 0; n <= p.Classes[c].Demand; n++ {
			count[c] = n
			choose(c+1, value+float64(n)*y[c])
		}
		count[c] = 0
	}
	choose(0, 0)
	return best
}

func TestKnapsackIsExactWhenItMaySearchAndBoundedWhenNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		in := newInstance(p)
		if len(in.kinds) == 0 {
			return
		}
		ks := newKnapsack(in, newMeter(Budget{}), make([]float64, in.dims))
		for k := range in.kinds {
			// Merged classes have the same value: price items, then enumerate over classes.
			y, perClass := make([]float64, len(in.items)), make([]float64, len(p.Classes))
			for i := range y {
				y[i] = float64(rapid.IntRange(0, 9).Draw(t, "y"))
				for _, c := range in.items[i].members {
					perClass[c] = y[i]
				}
			}
			want := mostValuableLoad(p, in.kinds[k].members[0], perClass)
			value, upper := ks.fill(k, y, in.demands(), in.wanted(), 1_000_000, 0)
			require.InDelta(t, want, value, 1e-9)
			require.InDelta(t, want, upper, 1e-6)
			held := 0.0
			for _, s := range ks.best {
				held += y[s.item] * float64(s.n)
			}
			require.InDelta(t, value, held, 1e-9)

			value, upper = ks.fill(k, y, in.demands(), in.wanted(), 1, 0)
			require.LessOrEqual(t, value, want+1e-9)
			require.GreaterOrEqual(t, upper, want-1e-9, "a cut search still bounds from above")

			_, upper = ks.fill(k, y, in.demands(), in.wanted(), 10, 1e6)
			require.GreaterOrEqual(t, upper, want-1e-9, "a load that cannot reach the floor is bounded without search")
		}
	})
}

func TestRelaxationMatchesTheSimplex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.IntRange(1, 3).Draw(t, "dims")
		capacity := rapid.SliceOfN(rapid.Int64Range(1, 20), dims, dims).Draw(t, "capacity")
		var cand []candidate
		for range rapid.IntRange(1, 6).Draw(t, "candidates") {
			cand = append(cand, candidate{value: float64(rapid.IntRange(1, 9).Draw(t, "value")), max: rapid.IntRange(1, 4).Draw(t, "max"),
				size: rapid.SliceOfN(rapid.Int64Range(0, 9), dims, dims).Draw(t, "size")})
		}
		// The dual of the relaxation: least Σ λ_d + Σ max_c·z_c with Σ λ_d·a_dc + z_c ≥ value_c.
		atLeast, b, shortfall := make([]bool, len(cand)), make([]float64, len(cand)), make([]float64, len(cand))
		for c := range cand {
			atLeast[c], b[c], shortfall[c] = true, cand[c].value, 1000
		}
		s := newSimplex(atLeast, b, shortfall, newMeter(Budget{}))
		for d := range dims {
			col := sparse{cost: 1}
			for c := range cand {
				if v := cand[c].size[d]; v > 0 {
					col.rows, col.coef = append(col.rows, int32(c)), append(col.coef, float64(v)/float64(capacity[d]))
				}
			}
			s.add(col)
		}
		for c := range cand {
			s.add(sparse{cost: float64(cand[c].max), rows: []int32{int32(c)}, coef: []float64{1}})
		}
		require.True(t, s.primal())

		r := newRelaxation(dims)
		prices, _ := r.solve(cand, capacity)
		got, taken := 0.0, 0.0
		for _, l := range prices {
			got += l
		}
		for c := range cand {
			gain := cand[c].value
			for d, l := range prices {
				gain -= l * float64(cand[c].size[d]) / float64(capacity[d])
			}
			got += max(gain, 0) * float64(cand[c].max)
			taken += r.amount(c) * cand[c].value
		}
		require.InDelta(t, value(s), got, 1e-6)
		require.InDelta(t, got, taken, 1e-6, "amounts and prices agree")
	})
}
