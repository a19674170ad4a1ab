package vector

import (
	"math"

	"github.com/stretchr/testify/require"
)

// requireFeasible holds a solution against its problem from first principles, sharing no code with the solver.
func requireFeasible(t require.TestingT, p *Problem, s Solution) {
	placed := make([]int, len(p.Classes))
	used := make([]int, len(p.Bins))
	price := 0.0
	for _, b := range s.Bins {
		bin := &p.Bins[b.Kind]
		used[b.Kind]++
		price += bin.Price
		room := append([]int64(nil), bin.Capacity...)
		count := make([]int, len(p.Classes))
		for at, it := range b.Items {
			require.Positive(t, it.Count)
			if at > 0 {
				require.Less(t, b.Items[at-1].Class, it.Class, "items are ordered and distinct")
			}
			require.True(t, bin.Fits == nil || bin.Fits[it.Class], "class %d may lie in bin %d", it.Class, b.Kind)
			placed[it.Class] += it.Count
			count[it.Class] += it.Count
			c := &p.Classes[it.Class]
			require.True(t, c.MaxPerBin == 0 || it.Count <= c.MaxPerBin, "cap of class %d", it.Class)
			for d, size := range c.Size {
				if size > 0 {
					room[d] -= size * int64(it.Count)
					require.GreaterOrEqual(t, room[d], int64(0), "bin %d dimension %d overflows", b.Kind, d)
				}
			}
		}
		for _, pair := range p.Conflicts {
			if pair[0] == pair[1] {
				require.LessOrEqual(t, count[pair[0]], 1)
			} else {
				require.False(t, count[pair[0]] > 0 && count[pair[1]] > 0, "conflict %v", pair)
			}
		}
		for u, c := range p.Caps {
			sum, mine := 0, 0
			if bin.Held != nil {
				sum = bin.Held[u]
			}
			seen := map[int]bool{}
			for _, class := range c.Classes {
				if !seen[class] {
					mine += count[class]
				}
				seen[class] = true
			}
			require.True(t, mine == 0 || sum+mine <= c.Max, "cap %d: %d of %d", u, sum+mine, c.Max)
		}
		for r, q := range p.Requires {
			if count[q.Class] == 0 || bin.Meets != nil && bin.Meets[r] {
				continue
			}
			met := false
			for _, c := range q.AnyOf {
				met = met || count[c] > 0
			}
			require.True(t, met, "requirement %d", r)
		}
	}
	for c := range p.Classes {
		require.Equal(t, p.Classes[c].Demand, placed[c]+s.Unplaced[c], "class %d is complete", c)
		require.GreaterOrEqual(t, s.Unplaced[c], 0)
	}
	for k, n := range used {
		require.True(t, p.Bins[k].Count == NoLimit || n <= p.Bins[k].Count, "count of bin %d", k)
	}
	for index := range p.Pools {
		requireWithin(t, p, used, &p.Pools[index], index)
	}
	if p.Global != nil {
		requireWithin(t, p, used, p.Global, -1)
	}
	require.InDelta(t, price, s.Price, 1e-6)
	require.LessOrEqual(t, s.LowerBound, s.Price+1e-9)
	require.False(t, math.IsNaN(s.LowerBound))
}

func requireWithin(t require.TestingT, p *Problem, used []int, l *Pool, index int) {
	bins, price := 0, 0.0
	total := make([]int64, len(l.MaxTotal))
	for k, n := range used {
		if p.Bins[k].Pool == NoLimit || index >= 0 && p.Bins[k].Pool != index {
			continue
		}
		bins += n
		price += float64(n) * p.Bins[k].Price
		for d := range total {
			total[d] += int64(n) * p.Bins[k].Capacity[d]
		}
	}
	require.True(t, l.MaxBins == NoLimit || bins <= l.MaxBins, "pool %d: %d bins of %d", index, bins, l.MaxBins)
	require.True(t, l.MaxPrice == NoLimit || price <= l.MaxPrice+1e-6, "pool %d: price %v of %v", index, price, l.MaxPrice)
	for d, most := range l.MaxTotal {
		require.True(t, most == NoLimit || total[d] <= most, "pool %d: dimension %d", index, d)
	}
}
