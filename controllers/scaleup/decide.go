package scaleup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/catalog"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// decision is one plan and what it was made from.
type decision struct {
	snapshot *observe.Snapshot
	catalog  *offerings.Catalog
	groups   map[string]*v1alpha1.NodeGroup
	// pods are the pending pods, by name, without those that stand for spare room.
	pods map[string]*v1.Pod
	// committed are those of them, by node, that stay where an earlier plan put them.
	committed map[string][]string
	// closed are the groups that buy nothing now, with the reason.
	closed map[string]string
	// unavailable are binpack's patterns of templates that are not bought now.
	unavailable []string
	// plan is nil when there was nothing to decide.
	plan *plan.Plan
	// buy and held are the plan's machines.
	buy, held []plan.Machine
	// next is when something that stood in the way ends; zero for never.
	next time.Time
}

// sooner keeps the earlier of two moments, of which zero is none.
func (d *decision) sooner(at time.Time) {
	if !at.IsZero() && (d.next.IsZero() || at.Before(d.next)) {
		d.next = at
	}
}

// decide asks what must be bought. It changes nothing.
func (c *Controller) decide(ctx context.Context, sold *offerings.Catalog, snapshot *observe.Snapshot) (*decision, error) {
	now := c.options.Clock.Now()
	d := &decision{
		snapshot: snapshot, catalog: sold,
		groups: map[string]*v1alpha1.NodeGroup{}, pods: map[string]*v1.Pod{}, closed: map[string]string{},
	}
	for _, group := range snapshot.NodeGroups {
		d.groups[group.Name] = group
	}
	for _, pod := range snapshot.Objects.Pods {
		if pod.Spec.NodeName == "" {
			d.pods[observe.PodKey(pod)] = pod
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.TimeBudget)
	defer cancel()
	if err := d.commit(ctx, c.options.Scheduler, d.earlier(c.comparer.places(), now.Add(-c.options.Overdue))); err != nil {
		return nil, err
	}
	request := binpack.Request{
		Objects:         snapshot.Objects,
		Scheduler:       c.options.Scheduler,
		FeatureGates:    c.options.FeatureGates,
		Catalog:         sold,
		NodeGroups:      c.mayBuy(d, now),
		Limits:          c.options.Limits,
		ExpendableBelow: c.options.ExpendableBelow,
		Work:            c.work,
		SkipScoreOrder:  true,
		Sums:            &c.sums,
		// An empty list would stand for a group without limits.
		NoScaleUp: len(snapshot.NodeGroups) == 0,
	}
	request.Unavailable = d.unavailable
	for _, machine := range snapshot.Machines {
		request.TakenNames = append(request.TakenNames, machine.Spec.Hostname, machine.Name)
	}
	for _, group := range snapshot.NodeGroups {
		if d.closed[group.Name] == "" {
			request.Objects.Pods = append(request.Objects.Pods, c.options.Headroom(group)...)
		}
	}
	request.Objects.Pods = append(request.Objects.Pods, c.options.Spare()...)
	if len(request.Objects.Pods) == len(snapshot.Objects.Pods) && len(d.pods) == 0 && !d.belowMinimum() {
		return d, nil
	}
	var err error
	if d.plan, err = binpack.ScaleUp(ctx, request); err != nil {
		return nil, err
	}
	var next time.Time
	d.buy, d.held, next = hold(d.plan.Add, d.groups, d.pods, c.handed.notBefore(d.pods, now), now)
	d.sooner(next)
	return d, nil
}

// mayBuy lists the NodeGroups for binpack. Those that may not buy now are in it,
// for their nodes count, and their templates are unavailable.
func (c *Controller) mayBuy(d *decision, now time.Time) []*v1alpha1.NodeGroup {
	b := backoffs(d.snapshot.Machines, d.snapshot.NodeGroups, now, c.options.Backoff, c.options.MaxBackoff)
	d.sooner(b.until)
	d.unavailable = b.templates
	groups := make([]*v1alpha1.NodeGroup, len(d.snapshot.NodeGroups))
	for i, group := range d.snapshot.NodeGroups {
		groups[i] = catalog.Restrict(group, d.catalog)
		why := ""
		if ok, reason := c.options.Buyable(group); !ok {
			why = reason
		} else if reason := b.groups[group.Name]; reason != "" {
			why = fmt.Sprintf("it buys nothing for a while because machines failed: %s", reason)
		} else if until := cooling(group, d.snapshot.Machines, now); !until.IsZero() {
			why = fmt.Sprintf("cooldown until %s", until.UTC().Format(time.RFC3339))
			d.sooner(until)
		}
		if err := binpack.CheckNames(d.catalog, group); err != nil {
			// One group that names what is not sold must not stop the others.
			why = err.Error()
			nameless := *groups[i]
			nameless.Spec.OfferingIDs, nameless.Spec.DatacenterIDs, nameless.Spec.PreferredInstanceType = nil, nil, ""
			groups[i] = &nameless
		}
		if why != "" {
			d.closed[group.Name] = why
			d.unavailable = append(d.unavailable, groupPattern(group.Name))
		}
	}
	return groups
}

// belowMinimum says that some group lacks machines to its minNodes.
func (d *decision) belowMinimum() bool {
	have := map[string]int{}
	for _, node := range d.snapshot.Objects.Nodes {
		have[node.Labels[v1alpha1.NodeGroupLabel]]++
	}
	return slices.ContainsFunc(d.snapshot.NodeGroups, func(group *v1alpha1.NodeGroup) bool {
		return d.closed[group.Name] == "" && have[group.Name] < int(group.Spec.MinNodes)
	})
}

// planned lists, by machine or node, the pending pods that the plan puts there.
// Pods that stand for spare room are left out, and so are machines held back.
func (d *decision) planned() map[string][]string {
	at := map[string][]string{}
	for _, m := range d.buy {
		at[m.Name] = d.real(m.Pods)
	}
	for _, n := range d.plan.Existing {
		at[n.Name] = d.real(n.Pods)
	}
	for node, pods := range d.committed {
		at[node] = append(at[node], pods...)
	}
	return at
}

// real leaves out the pods that stand for spare room.
func (d *decision) real(names []string) []string {
	kept := make([]string, 0, len(names))
	for _, name := range names {
		if d.pods[name] != nil {
			kept = append(kept, name)
		}
	}
	return kept
}

// closedGroups are the groups that buy nothing, sorted.
func (d *decision) closedGroups() []string { return slices.Sorted(maps.Keys(d.closed)) }

// outOfTime says that a decision took longer than its budget.
func outOfTime(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
