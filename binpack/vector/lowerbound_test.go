package vector

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLowerBoundIsBelowTheEnumeratedOptimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		price, _, err := LowerBound(p, Budget{})
		require.NoError(t, err)
		if optimum := enumerate(p)[0]; !math.IsInf(optimum, 1) {
			require.LessOrEqual(t, price, optimum+1e-6)
		}
	})
}

func TestLowerBoundNeedsNoPackingToBeTight(t *testing.T) {
	p := synthetic(2_000, 10, 40)
	price, proven, err := LowerBound(p, Budget{})
	require.NoError(t, err)
	packed, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.True(t, proven)
	require.LessOrEqual(t, price, packed.Price)
	require.Greater(t, price, 0.99*packed.Price)
}

func TestLowerBoundWithManyFreeMachines(t *testing.T) {
	p := ontoExisting(500, 10, 100)
	price, _, err := LowerBound(p, Budget{})
	require.NoError(t, err)
	packed, err := Solve(p, Budget{})
	require.NoError(t, err)
	require.LessOrEqual(t, price, packed.Price+1e-9)
}

func TestLowerBoundOfManySizesIsTheResourceSum(t *testing.T) {
	_, proven, err := LowerBound(synthetic(2_000, 2_000, 40), Budget{})
	require.NoError(t, err)
	require.False(t, proven)
}

func TestLowerBoundRefusesWhatSolveRefuses(t *testing.T) {
	_, _, err := LowerBound(&Problem{Classes: []Class{{Size: []int64{-1}, Demand: 1}}}, Budget{})
	require.ErrorContains(t, err, "class 0: size")
}
