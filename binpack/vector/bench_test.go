package vector

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func benchmarkSolve(b *testing.B, p *Problem) {
	b.ReportAllocs()
	var s Solution
	start := cpuSeconds(b)
	for b.Loop() {
		var err error
		s, err = Solve(p, Budget{})
		require.NoError(b, err)
	}
	b.ReportMetric((cpuSeconds(b)-start)/float64(b.N), "cpu-s/op")
	b.ReportMetric(s.Price, "$/h")
	b.ReportMetric(100*(s.Price/s.LowerBound-1), "%gap")
	b.ReportMetric(float64(s.Work)/1e6, "Mwork")
}

// cpuSeconds is the CPU time of this process, which a busy machine disturbs less than the clock.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func BenchmarkAzureBurst(b *testing.B)  { benchmarkSolve(b, loadTrace(b, "azure/dev-burst-5k")) }
func BenchmarkAzureReplay(b *testing.B) { benchmarkSolve(b, loadTrace(b, "azure/replay-2d")) }
func BenchmarkOpenB(b *testing.B)       { benchmarkSolve(b, loadTrace(b, "openb/default")) }
func BenchmarkPlanted100(b *testing.B)  { benchmarkSolve(b, loadTrace(b, "planted/plain-100")) }
func BenchmarkPlanted20(b *testing.B)   { benchmarkSolve(b, loadTrace(b, "planted/plain-20")) }

// BenchmarkPublicVBP is all 49 instances: the best of about 350 published heuristic runs needs 4,299 bins.
func BenchmarkPublicVBP(b *testing.B) {
	bins, optima := 0, 0
	for b.Loop() {
		bins, optima = packPublic(b, func(int) bool { return true })
		require.Less(b, bins, 4250)
	}
	b.ReportMetric(float64(bins), "bins")
	b.ReportMetric(float64(optima), "optima")
}

// offerings makes n kinds of machines in families of 2, 4 and 8 GiB per core, priced a little below linear.
func offerings(n int) []Bin {
	rnd := newRandom(7)
	var bins []Bin
	for i := range n {
		cores := int64(1) << (1 + i%6)
		ratio := int64(2) << (i / 6 % 3)
		price := (0.02*float64(cores) + 0.003*float64(cores*ratio)) * (0.9 + 0.3*rnd.unit())
		bins = append(bins, Bin{Capacity: []int64{cores*1000 - 110, (cores*ratio - 1) << 30, 110}, Price: price, Count: NoLimit})
	}
	return bins
}

func synthetic(items, shapes, kinds int) *Problem {
	rnd := newRandom(uint64(items + shapes))
	p := &Problem{Pools: []Pool{NoLimits()}, Bins: offerings(kinds)}
	for range shapes {
		cpu := int64(50 + rnd.below(80)*50)
		if rnd.below(3) > 0 {
			cpu /= 4
		}
		size := []int64{cpu, int64(64+rnd.below(100)*80) << 20, 1}
		if shapes == items {
			size[0], size[1] = size[0]+int64(rnd.below(50)), size[1]+int64(rnd.below(1<<20))
		}
		p.Classes = append(p.Classes, Class{Size: size, Demand: items / shapes})
	}
	return p
}

func Benchmark20000Of10Shapes(b *testing.B)     { benchmarkSolve(b, synthetic(20_000, 10, 144)) }
func Benchmark100000Of50Shapes(b *testing.B)    { benchmarkSolve(b, synthetic(100_000, 50, 144)) }
func Benchmark5000DistinctShapes(b *testing.B)  { benchmarkSolve(b, synthetic(5_000, 5_000, 144)) }
func Benchmark20000DistinctShapes(b *testing.B) { benchmarkSolve(b, synthetic(20_000, 20_000, 144)) }

// Benchmark5000OntoExisting packs 5,000 items of 60 shapes onto 1,000 machines that are mostly full, and what is left
// onto new ones.
func Benchmark5000OntoExisting(b *testing.B) { benchmarkSolve(b, ontoExisting(5_000, 60, 1_000)) }

// Benchmark5000DistinctOntoExisting is the same with every item of its own size.
func Benchmark5000DistinctOntoExisting(b *testing.B) {
	benchmarkSolve(b, ontoExisting(5_000, 5_000, 1_000))
}

func ontoExisting(items, shapes, machines int) *Problem {
	p := synthetic(items, shapes, 144)
	rnd := newRandom(3)
	for range machines {
		p.Bins = append(p.Bins, Bin{Pool: NoLimit, Count: 1, Capacity: []int64{
			int64(rnd.below(6000)), int64(rnd.below(16000)) << 20, int64(rnd.below(60))}})
	}
	return p
}
