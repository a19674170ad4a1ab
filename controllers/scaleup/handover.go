package scaleup

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// arrival is a machine that has joined and waits for its pods.
type arrival struct {
	machine *v1alpha1.VPSieNode
	node    *v1.Node
	// pods planned for it that still have no node.
	pods []*v1.Pod
	// waiting is what is remembered of it.
	*waiting
}

// waiting is what is remembered of an arrival between rounds.
type waiting struct {
	// since is when it was first seen ready to take pods.
	since time.Time
	// opened is when its taint was taken away, which the copy may not show yet.
	opened time.Time
}

const (
	// podsPerRound bounds what is nominated before the taints go: the sooner they
	// go, the fewer scheduling cycles come between.
	podsPerRound = 300
	// retryHandover is how long to wait after the API server refused something.
	retryHandover = time.Second
)

// handOver is the loop that hands machines that have joined over to
// kube-scheduler. All that are ready go in one round: taking one taint away makes
// kube-scheduler try every pod again, and a cycle that fails clears the
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
	now := c.options.Clock.Now()
	if !next.IsZero() {
		c.handover.within(next.Sub(now))
	}
	if len(ready) == 0 {
		return
	}
	if len(ready) > 1 {
		ready = firstPods(ready, podsPerRound)
	}
	nominated := c.nominate(ctx, ready)
	// All at the same moment: between one and the next, pods nominated to the next
	// would be tried elsewhere.
	if err := parallel(ctx, -1, c.held(ctx, nominated, now), c.untaint); err != nil {
		c.options.Logger.Error(err, "removing a startup taint; trying again")
	}
	// Who was not let go is looked at again.
	c.handover.within(retryHandover)
}

// firstPods takes arrivals, at least one, until they have so many pods.
func firstPods(ready []*arrival, most int) []*arrival {
	pods := 0
	for i, a := range ready {
		if pods += len(a.pods); i > 0 && pods > most {
			return ready[:i]
		}
	}
	return ready
}

// ready lists the arrivals to hand over now, longest waiting first, and when to
// look at the others; zero when there are none. One without pods goes at once.
// The others go together, when kube-scheduler lets the pods of all of them be or
// the first has waited for that long enough.
func (c *Controller) ready() (list []*arrival, next time.Time) {
	now := c.options.Clock.Now()
	seen := map[string]*waiting{}
	var together []*arrival
	for _, machine := range c.options.Observer.Machines() {
		a := c.arrival(machine)
		if a == nil {
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
			together = append(together, a)
		}
	}
	c.waiting = seen
	if len(together) == 0 {
		return list, next
	}
	var quiet, patience time.Time
	for _, a := range together {
		if q := c.attempts.over(a.pods).Add(c.options.Quiet); q.After(quiet) {
			quiet = q
		}
		if p := a.since.Add(c.options.MaxQuiet); patience.IsZero() || p.Before(patience) {
			patience = p
		}
	}
	if patience.Before(quiet) {
		quiet = patience
	}
	if quiet.After(now) {
		return list, quiet
	}
	slices.SortFunc(together, func(a, b *arrival) int {
		return cmp.Or(a.since.Compare(b.since), strings.Compare(a.machine.Name, b.machine.Name))
	})
	return append(list, together...), next
}

// arrival returns a machine that only our taint keeps from taking pods, nil if
// it is not (or no longer) that.
func (c *Controller) arrival(machine *v1alpha1.VPSieNode) *arrival {
	if machine.Status.Phase != v1alpha1.PhaseJoining || machine.DeletionTimestamp != nil {
		return nil
	}
	node, group := c.options.Observer.Node(machine.Spec.Hostname), c.options.Observer.NodeGroup(machine.Spec.NodeGroup)
	if node == nil || group == nil || !c.complete(machine, node, group) {
		return nil
	}
	a := &arrival{machine: machine, node: node}
	for _, name := range machine.Spec.Pods {
		if pod := c.options.Observer.Pod(name); pod != nil && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
			a.pods = append(a.pods, pod)
		}
	}
	return a
}

// complete says that the Node carries everything that it should, and the startup
// taint as the last thing that it should not.
func (c *Controller) complete(machine *v1alpha1.VPSieNode, node *v1.Node, group *v1alpha1.NodeGroup) bool {
	if !hasTaint(node, v1alpha1.StartupTaint) || !nodeReady(node) || node.DeletionTimestamp != nil ||
		node.Spec.ProviderID == "" || node.Labels[v1alpha1.VPSieNodeLabel] != machine.Name ||
		node.Labels[v1alpha1.NodeGroupLabel] != machine.Spec.NodeGroup {
		return false
	}
	for _, taint := range node.Spec.Taints {
		lasting := slices.ContainsFunc(group.Spec.Taints, func(t v1alpha1.Taint) bool { return t.Key == taint.Key && t.Effect == taint.Effect })
		if taint.Key != v1alpha1.StartupTaint && !lasting {
			return false
		}
	}
	if c.options.Observer.CSIDriver(binpack.CSIDriver) == nil {
		return true
	}
	csi := c.options.Observer.CSINode(node.Name)
	return csi != nil && slices.ContainsFunc(csi.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == binpack.CSIDriver })
}
