package vector

// DefaultWork is the budget of a Budget without one; which lasts half a second to a second on one core of 2026.
const DefaultWork = 100_000_000

// DefaultGap is one hundredth of a percent, the default of common mixed integer solvers.
const DefaultGap = 1e-4

// Budget limits the effort of Solve in work, never in seconds, so that equal input gives equal output on any machine.
type Budget struct {
	// Work is counted in inner-loop steps of the simplex, the knapsack and the moves, a few nanoseconds each. 0 means DefaultWork.
	Work int64
	// Gap is the relative difference between price and lower bound at which the search stops, as in any solver of mixed
	// integer programs. 0 means DefaultGap.
	Gap float64
}

// meter counts down the work of a Solve.
type meter struct {
	limit, spent                                 int64
	rounds, columns, pivots, nodes, dives, moves int
}

func newMeter(b Budget) *meter {
	if b.Work <= 0 {
		b.Work = DefaultWork
	}
	return &meter{limit: b.Work}
}

func (m *meter) spend(steps int) { m.spent += int64(steps) }

func (m *meter) left() int64 { return m.limit - m.spent }

// random is a xorshift64* generator: ours, so that a new Go release cannot change a plan.
type random struct{ state uint64 }

func newRandom(seed uint64) *random { return &random{state: seed*0x9E3779B97F4A7C15 | 1} }

func (r *random) next() uint64 {
	r.state ^= r.state >> 12
	r.state ^= r.state << 25
	r.state ^= r.state >> 27
	return r.state * 0x2545F4914F6CDD1D
}

// below returns a number in [0, n).
func (r *random) below(n int) int { return int((r.next() >> 33) % uint64(n)) }

// unit returns a number in [0, 1).
func (r *random) unit() float64 { return float64(r.next()>>11) / (1 << 53) }
