package chaos

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// most pods that a pool wants at once.
var most = map[string]int{general: 10, scripted: 5, batch: 5}

// storm is a run of TestChaos.
type storm struct {
	*world
	chance  *rand.Rand
	weather *weather
	current *replica
	// peak is how many pods each pool has wanted at once.
	peak map[string]int
	// struck are the kills by when they came.
	struck map[string]int
}

// The controller is killed again and again, machines come and go, and VPSie fails
// in every way there is.
func TestChaos(t *testing.T) {
	began := time.Now()
	w := newWorld(t)
	t.Logf("seed %d", *seed)
	chance := rand.New(rand.NewPCG(*seed, 0))
	s := &storm{world: w, chance: chance, weather: newWeather(chance), peak: map[string]int{}, struck: map[string]int{}}
	w.settleIn()
	s.current = w.start(alone)
	defer s.publish(began)
	for _, pool := range pools {
		s.want(pool, most[pool])
	}
	for rounds := 1; s.kills() < *kills || w.bought() < *machines || len(s.weather.missing()) > 0; rounds++ {
		require.LessOrEqual(t, rounds, 4**kills, "%d kills, %d machines, faults that never hit: %v", s.kills(), w.bought(), s.weather.missing())
		s.round()
	}
	s.calm()
	s.eventually(w.settled)

	page, err := w.scrape(s.current)
	require.NoError(t, err)
	assert.Contains(t, page, "vpsie_autoscaler_machine_orders_total", "there is something to be searched")
	w.whole()
	w.noMoreThan(s.peak)
	w.stopReplicas()
	w.noSecrets()
	w.nothingDenied()
}

func (s *storm) kills() int {
	sum := 0
	for _, count := range s.struck {
		sum += count
	}
	return sum
}

// want scales a pool and keeps the peak.
func (s *storm) want(pool string, replicas int) {
	s.Helper()
	s.peak[pool] = max(s.peak[pool], replicas)
	s.scale(pool, replicas)
}

// round is one life of the controller: something goes wrong, somebody wants
// something, and it dies.
func (s *storm) round() {
	s.Helper()
	s.restore(batch)
	kinds := 3
	if len(s.weather.missing()) == 0 {
		// All were there: machines are to come and go as well.
		kinds = s.chance.IntN(2)
	}
	s.weather.change(s.world, kinds)
	for range 1 + s.chance.IntN(2) {
		s.act()
	}
	s.kill()
	s.current = s.start(alone)
}

// act is one change that a user makes, or VPSie.
func (s *storm) act() {
	s.Helper()
	switch s.chance.IntN(8) {
	case 0, 1, 2:
		pool := pools[s.chance.IntN(len(pools))]
		s.want(pool, s.chance.IntN(most[pool]+1))
	case 3, 4, 5:
		s.removeMachines(3 + s.chance.IntN(4))
	case 6:
		s.remove(nodeGroup(batch))
	case 7:
		s.vpsie.ExpireTokens()
	}
}

// removeMachines deletes VPSieNodes, in whatever phase they are.
func (s *storm) removeMachines(count int) {
	s.Helper()
	all := s.machines()
	all = slices.DeleteFunc(all, func(m v1alpha1.VPSieNode) bool { return m.DeletionTimestamp != nil })
	s.chance.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := range all[:min(count, len(all))] {
		s.remove(&all[i])
	}
}

// longestLife is how long the controller is left alone at most. It starts in one
// or two seconds.
const longestLife = 8 * time.Second

// kill ends the controller: at some time, or at a moment when it has just asked
// VPSie for something that costs money, if that comes before.
func (s *storm) kill() {
	s.Helper()
	victim, when := s.current, "at any time"
	sprung := make(chan moment, 1)
	wait := 300*time.Millisecond + time.Duration(s.chance.Int64N(int64(longestLife)))
	if s.chance.IntN(3) > 0 {
		at := moments[s.chance.IntN(len(moments))]
		s.trap.set("", at, s.chance.IntN(3), func() {
			s.strike(victim)
			sprung <- at
		})
		wait = longestLife
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case at := <-sprung:
		when = string(at)
	case <-timer.C:
		s.trap.disarm()
		// What a scrape at this moment shows is searched for secrets.
		_, _ = s.scrape(victim)
	}
	s.strike(victim)
	s.struck[when]++
}

// calm ends all faults, and the controller once more: what it would try again in
// ten minutes, its successor tries at once.
func (s *storm) calm() {
	s.Helper()
	s.weather.clear(s.world)
	s.strike(s.current)
	s.struck["faults over"]++
	s.current = s.start(alone)
	for _, pool := range pools {
		s.want(pool, most[pool]/2)
	}
	s.eventually(func() string {
		if s.restore(batch) {
			return ""
		}
		return "NodeGroup " + batch + " is still being deleted"
	})
}

// publish writes down what was done and how it ended.
func (s *storm) publish(began time.Time) {
	r := result{
		Seed: *seed, Commit: *commit, Date: began.UTC().Truncate(time.Second), Duration: time.Since(began).Round(time.Second).String(),
		Kills: s.kills(), KillsBy: s.struck, Bought: s.bought(), Kept: len(s.vpsie.VMs()) - len(s.foreign), Twins: len(s.vpsie.BoughtTwice()),
		Requests: len(s.vpsie.Requests()), Faults: map[string]int{}, Passed: !s.Failed(),
	}
	for kind, hits := range maps.All(s.weather.hits) {
		r.Faults[string(kind)] = hits
	}
	s.Logf("%s", r.text())
	if *report != "" {
		assert.NoError(s, r.write(*report))
	}
}
