package chaos

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// rulesOf says what a fault may hit. "" is any request.
var rulesOf = map[fake.FaultKind][]fake.Operation{
	fake.TimeoutAfterSuccess: {fake.CreateVM, fake.DeleteVM, fake.ListVMs},
	fake.LostResponse:        {fake.CreateVM, fake.DeleteVM, fake.AddScript},
	fake.ErrorAfterSuccess:   {fake.CreateVM, fake.DeleteVM, fake.DropScript},
	fake.ConnectionReset:     {fake.CreateVM, fake.DeleteVM, ""},
	fake.ServerError:         {fake.CreateVM, fake.DeleteVM, ""},
	fake.Slow:                {fake.CreateVM, fake.ListVMs, ""},
	fake.Duplicate:           {fake.CreateVM},
	fake.WrongPassword:       {fake.DeleteVM},
	fake.TokenExpired:        {fake.CreateVM, fake.ListVMs, fake.DeleteVM},
	fake.RateLimited:         {fake.CreateVM, fake.DeleteVM, ""},
	fake.StockOut:            {fake.CreateVM},
	fake.QuotaExceeded:       {fake.CreateVM},
	fake.BusinessError:       {fake.CreateVM, fake.DeleteVM, ""},
	fake.Garbage:             {fake.CreateVM, fake.ListVMs, fake.PendingVMs, fake.Plans, ""},
	fake.PartialList:         {fake.ListVMs, fake.ListAllVMs, fake.PendingVMs},
	fake.EmptyList:           {fake.ListVMs, fake.ListAllVMs, fake.PendingVMs, fake.Scripts},
}

// weather is what is wrong with VPSie. A fault stays until it has hit as often as
// it was to.
type weather struct {
	chance *rand.Rand
	deck   []fake.FaultKind
	rules  []fake.Fault
	// hits are counted by kind.
	hits map[fake.FaultKind]int
}

func newWeather(chance *rand.Rand) *weather {
	return &weather{chance: chance, hits: map[fake.FaultKind]int{}}
}

// change adds so many kinds of faults: every kind comes before one comes again.
func (f *weather) change(w *world, kinds int) {
	f.count(w)
	for range kinds {
		if len(f.deck) == 0 {
			f.deck = slices.Sorted(maps.Keys(rulesOf))
			f.chance.Shuffle(len(f.deck), func(i, j int) { f.deck[i], f.deck[j] = f.deck[j], f.deck[i] })
		}
		kind := f.deck[0]
		f.deck = f.deck[1:]
		operations := rulesOf[kind]
		rule := fake.Fault{
			Kind: kind, Operation: operations[f.chance.IntN(len(operations))],
			Count: 1 + f.chance.IntN(3), After: f.chance.IntN(2),
		}
		if kind == fake.ServerError && rule.Operation == "" {
			// A burst, in which the circuit breaker opens.
			rule.Count = 8
		}
		if kind == fake.TimeoutAfterSuccess {
			rule.Duration = fake.Duration(2 * time.Second)
		}
		f.rules = append(f.rules, rule)
	}
	require.NoError(w, w.vpsie.SetFaults(f.rules...))
}

// clear ends all faults.
func (f *weather) clear(w *world) {
	f.count(w)
	f.rules = nil
	require.NoError(w, w.vpsie.SetFaults())
}

// count takes note of what hit since the last time, and drops what has hit enough.
func (f *weather) count(w *world) {
	for i, hits := range w.vpsie.Fired() {
		f.hits[f.rules[i].Kind] += hits
		f.rules[i].After = 0
		if f.rules[i].Count -= hits; f.rules[i].Count == 0 {
			f.rules[i].Kind = ""
		}
	}
	f.rules = slices.DeleteFunc(f.rules, func(rule fake.Fault) bool { return rule.Kind == "" })
}

// missing are the kinds that have not hit yet.
func (f *weather) missing() []fake.FaultKind {
	var kinds []fake.FaultKind
	for _, kind := range slices.Sorted(maps.Keys(rulesOf)) {
		if f.hits[kind] == 0 {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
