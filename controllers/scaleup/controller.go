package scaleup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/scaleup/record"
)

// Controller is the loop from pending pods to VPSieNodes, and from machines that
// joined to bound pods. It is a Runnable of the manager's that only the leader runs.
type Controller struct {
	options   Options
	metrics   *metrics
	trigger   *trigger
	handover  *trigger
	expected  *expectations
	attempts  *attempts
	comparer  *comparer
	announcer *announcer
	records   *record.Store
	covered   covered
	handed    handed
	// work is what a decision may cost at most, less than Options.Work after one
	// that took too long.
	work int64
	sums binpack.Sums
	// dropped counts the plans that were stale since the last that was not.
	dropped int
	// recorded is what the latest record said.
	recorded string
	// waiting are the arrivals, by the VPSieNode's name; the hand-over's own.
	waiting map[string]*waiting
}

const (
	// gatherArrivals is how long machines that arrive together are waited for.
	gatherArrivals = 50 * time.Millisecond
	// retryDecision is how long to wait before what failed is tried again.
	retryDecision = 5 * time.Second
	// retrySoon is how long to wait for the copy of the cluster to catch up.
	retrySoon = 100 * time.Millisecond
	// leastWork is binpack's that even a slow machine should manage in time.
	leastWork = 100_000
)

// New makes a Controller and adds its listeners to the Observer.
func New(options Options) (*Controller, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	m, err := newMetrics(options.Registerer)
	if err != nil {
		return nil, fmt.Errorf("scaleup: %w", err)
	}
	c := &Controller{
		options:   options,
		metrics:   m,
		trigger:   newTrigger(options.Clock, options.Idle, options.MaxBatch),
		handover:  newTrigger(options.Clock, gatherArrivals, 2*gatherArrivals),
		expected:  newExpectations(options.Clock),
		attempts:  newAttempts(options.Clock),
		comparer:  newComparer(options.Clock, options.Logger, m),
		announcer: newAnnouncer(options.Events, options.Clock),
		records:   &record.Store{Client: options.Client, Live: options.Live, Namespace: options.Namespace},
		work:      options.Work,
		waiting:   map[string]*waiting{},
	}
	c.listen(options.Observer)
	return c, nil
}

// NeedLeaderElection says that only the leader decides.
func (c *Controller) NeedLeaderElection() bool { return true }

// Start decides and hands over until ctx ends.
func (c *Controller) Start(ctx context.Context) error {
	var loops sync.WaitGroup
	defer loops.Wait()
	if !c.options.DryRun {
		loops.Go(func() { c.handOver(ctx) })
	}
	loops.Go(func() { c.watchOverdue(ctx.Done()) })
	// What was pending before is decided on first.
	c.trigger.hint()
	for c.trigger.wait(ctx) {
		c.step(ctx)
	}
	return nil
}

// step makes one decision and carries it out.
func (c *Controller) step(ctx context.Context) {
	if !c.options.Observer.HasSynced() {
		c.trigger.within(retrySoon)
		return
	}
	if met, err := c.expected.met(ctx, c.options.Observer.Machine, c.options.Live); err != nil || !met {
		if err != nil {
			c.options.Logger.Error(err, "waiting for what was written")
		}
		c.trigger.within(retrySoon)
		return
	}
	began := c.options.Clock.Now()
	d, result, err := c.carryOut(ctx)
	if ctx.Err() != nil {
		return
	}
	c.metrics.decisions.WithLabelValues(result).Inc()
	if err != nil {
		c.retry(result, err)
		return
	}
	c.dropped = 0
	c.metrics.decisionDuration.Observe(c.options.Clock.Since(began).Seconds())
	c.tell(ctx, d, result)
	c.trigger.within(c.options.Resync)
	if !d.next.IsZero() {
		c.trigger.within(max(0, d.next.Sub(c.options.Clock.Now())))
	}
}

// carryOut decides and writes the plan down. There is a decision only when there
// is no error.
func (c *Controller) carryOut(ctx context.Context) (*decision, string, error) {
	catalog, err := c.options.Catalog(ctx)
	if err != nil {
		return nil, resultNoCatalog, err
	}
	snapshot, err := c.options.Observer.Snapshot(catalog)
	if err != nil {
		return nil, resultError, err
	}
	d, err := c.decide(ctx, catalog, snapshot)
	if outOfTime(err) {
		return nil, resultOutOfTime, err
	} else if err != nil {
		return nil, resultError, err
	}
	c.work = min(c.options.Work, 2*c.work)
	if d.plan != nil {
		if !c.options.DryRun {
			err = c.apply(ctx, d)
		}
		if errors.Is(err, errStale) {
			return nil, resultStale, err
		} else if err != nil {
			return nil, resultError, err
		}
	}
	switch {
	case len(d.buy) > 0 && c.options.DryRun:
		return d, resultDryRun, nil
	case len(d.buy) > 0:
		return d, resultBought, nil
	case len(d.held) > 0:
		return d, resultHeld, nil
	}
	return d, resultNothing, nil
}

// retry says when to try again what did not work.
func (c *Controller) retry(result string, err error) {
	switch result {
	case resultStale:
		c.options.Logger.Info("plan dropped", "why", err.Error())
		c.dropped++
		c.trigger.within(min(retryDecision, retrySoon<<min(c.dropped, 10)))
		return
	case resultOutOfTime:
		c.work = max(leastWork, c.work/4)
		c.options.Logger.Error(err, "no plan within the time budget, trying again with less work", "work", c.work)
	default:
		c.options.Logger.Error(err, "no decision", "result", result)
	}
	c.trigger.within(retryDecision)
}

// tell everybody what was decided: logs, metrics, events, the record, and the
// comparison that comes later.
func (c *Controller) tell(ctx context.Context, d *decision, result string) {
	c.metrics.describe(d)
	c.announcer.announce(d, c.options.DryRun)
	if d.plan == nil {
		c.covered.set(nil)
		return
	}
	c.comparer.promise(d)
	// Pods with a place on a node that takes pods are nominated to it at once.
	c.handover.hint()
	placed := make(map[types.UID]bool, len(d.pods))
	for _, pod := range d.pods {
		placed[pod.UID] = true
	}
	for i := range d.plan.Unschedulable {
		if pod := d.pods[d.plan.Unschedulable[i].Pod]; pod != nil {
			placed[pod.UID] = false
		}
	}
	c.covered.set(placed)
	if len(d.buy) > 0 {
		c.options.Logger.Info("scale-up", "result", result, "plan", d.plan.Metadata.ID, "buys", summary(d.buy), "gap", d.plan.LowerBound.Gap)
	}
	c.record(ctx, d, result)
}

// record keeps a decision that buys, or that says something new about pods that
// nothing can host.
func (c *Controller) record(ctx context.Context, d *decision, result string) {
	line := news(d)
	if len(d.buy) == 0 && line == c.recorded {
		return
	}
	r := &record.Record{
		DecidedAt: c.options.Clock.Now(), Result: result, Summary: "buys nothing", Plan: d.plan, HeldBack: names(d.held), Notes: d.snapshot.Notes,
	}
	if len(d.buy) > 0 {
		r.Summary = summary(d.buy)
	}
	for _, group := range d.closedGroups() {
		r.Notes = append(r.Notes, fmt.Sprintf("NodeGroup %s: %s", group, d.closed[group]))
	}
	if err := c.records.Write(ctx, r); err != nil {
		c.options.Logger.Error(err, "keeping the plan's record", "plan", d.plan.Metadata.ID)
		return
	}
	c.recorded = line
}

// news is what a record would say that the one before it may not have said.
func news(d *decision) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%q", names(d.held))
	for i := range d.plan.Unschedulable {
		u := &d.plan.Unschedulable[i]
		fmt.Fprintf(&text, "\n%s %s", u.Pod, u.Summary)
	}
	return text.String()
}

func names(machines []plan.Machine) []string {
	var list []string
	for _, m := range machines {
		list = append(list, m.Name)
	}
	return list
}
