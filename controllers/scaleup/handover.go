package scaleup

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

const (
	// retryHandover is how long to wait after the API server refused something, and
	// before pods that have lost their nominations, or could not be given any yet,
	// are looked at again.
	retryHandover = time.Second
)

// handOver is the loop that hands machines that have joined over to
// kube-scheduler. All of a plan that are ready go in one round: taking one taint
// away makes kube-scheduler try every pod again, and a cycle that fails clears the
// nomination of a pod whose own machine is still tainted.
func (c *Controller) handOver(ctx context.Context) {
	for c.handover.wait(ctx) {
		if !c.options.Observer.HasSynced() {
			c.handover.within(retryHandover)
			continue
		}
		c.round(ctx)
	}
}

func (c *Controller) round(ctx context.Context) {
	ready, next := c.ready()
	began := c.options.Clock.Now()
	if !next.IsZero() {
		c.handover.within(next.Sub(began))
	}
	places := c.places(ready)
	if len(ready) == 0 && !slices.ContainsFunc(places, place.missing) {
		return
	}
	nominated := c.nominate(ctx, ready, c.standing(ctx, places, ready))
	// All at the same moment: between one and the next, pods nominated to the next
	// would be tried elsewhere.
	if err := parallel(ctx, -1, c.held(ctx, nominated, began), c.untaint); err != nil {
		c.options.Logger.Error(err, "removing a startup taint; trying again")
	}
	// Who was not let go, or not nominated, is looked at again.
	c.handover.within(retryHandover)
}

// gathering is the machines of one plan that are ready, while others of it may
// still come.
type gathering struct {
	ready []*arrival
	// first is when the first of them was ready.
	first time.Time
	// toCome says that some are not.
	toCome bool
}

// ready lists the arrivals to hand over now, and when to look at the others; zero
// when there are none. One without pods goes at once. Those of a plan go together:
// when all of it have come or Patience is over, and then kube-scheduler lets the
// pods of all of them be or MaxQuiet is over.
func (c *Controller) ready() (list []*arrival, next time.Time) {
	now := c.options.Clock.Now()
	seen := map[string]*waiting{}
	plans := map[string]*gathering{}
	plan := func(id string) *gathering {
		if plans[id] == nil {
			plans[id] = &gathering{}
		}
		return plans[id]
	}
	for _, machine := range c.options.Observer.Machines() {
		a := c.arrival(machine)
		if a == nil {
			if c.toCome(machine) {
				plan(machine.Spec.PlanID).toCome = true
			}
			continue
		}
		w := c.waiting[machine.Name]
		if w == nil {
			w = &waiting{since: now}
		}
		seen[machine.Name] = w
		a.waiting = w
		switch {
		case !w.opened.IsZero() && now.Sub(w.opened) < slow:
		case len(a.pods) == 0:
			list = append(list, a)
		default:
			plan(machine.Spec.PlanID).add(a)
		}
	}
	c.waiting = seen
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	var together []*arrival
	for _, g := range plans {
		if len(g.ready) == 0 {
			continue
		}
		if end := g.first.Add(c.options.Patience); g.toCome && end.After(now) {
			sooner(end)
			continue
		}
		for _, a := range g.ready {
			if a.called.IsZero() {
				a.called = now
			}
		}
		together = append(together, g.ready...)
	}
	if quiet := c.quiet(together); quiet.After(now) {
		sooner(quiet)
		return list, next
	}
	slices.SortFunc(together, func(a, b *arrival) int {
		return cmp.Or(a.since.Compare(b.since), strings.Compare(a.machine.Name, b.machine.Name))
	})
	return append(list, together...), next
}

func (g *gathering) add(a *arrival) {
	g.ready = append(g.ready, a)
	if g.first.IsZero() || a.since.Before(g.first) {
		g.first = a.since
	}
}

// quiet is when kube-scheduler lets the pods of all the arrivals be, as far as is
// known, or has not done so for long enough.
func (c *Controller) quiet(arrivals []*arrival) (quiet time.Time) {
	var end time.Time
	for _, a := range arrivals {
		if q := c.attempts.over(a.pods).Add(c.options.Quiet); q.After(quiet) {
			quiet = q
		}
		if e := a.called.Add(c.options.MaxQuiet); end.IsZero() || e.Before(end) {
			end = e
		}
	}
	if end.Before(quiet) {
		return end
	}
	return quiet
}
