package scaleup

import (
	"sync"
	"time"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// promise is where the latest plan puts a pending pod.
type promise struct {
	pod, node, plan string
	// class is what the pod shares with those that could stand in for it.
	class string
	// swapped says that a pod of its class has the place that was its own, and it
	// that one's.
	swapped bool
	// target is onMachine or onNode; why is the VPSieNode's reason, if it has one.
	target, why string
	created     time.Time
	// since is when the node was first seen to take pods; zero until then.
	since time.Time
	// counted says that the pod was counted as still pending.
	counted bool
}

// comparer holds what was planned against what kube-scheduler does. Pods of one
// class are the same to both: the plan says how many of them a node gets, and one
// that takes the place of another has swapped with it.
type comparer struct {
	clock   clock.PassiveClock
	logger  logr.Logger
	metrics *metrics
	mu      sync.Mutex
	// promises by the pod's UID.
	promises map[types.UID]*promise
	// vacant counts the places whose pods went elsewhere; they last as long as
	// there are promises.
	vacant map[seat]int
}

// seat is a place for one pod of a class.
type seat struct{ class, node string }

func newComparer(clock clock.PassiveClock, logger logr.Logger, metrics *metrics) *comparer {
	return &comparer{clock: clock, logger: logger, metrics: metrics, promises: map[types.UID]*promise{}, vacant: map[seat]int{}}
}

// promise takes over where a plan puts pods. What the plan does not place any
// more is nobody's promise.
func (c *comparer) promise(d *decision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.promises
	c.promises = make(map[types.UID]*promise, len(d.pods))
	if len(before) == 0 {
		clear(c.vacant)
	}
	reasons := map[string]string{}
	for _, m := range d.buy {
		reasons[m.Name] = d.why(&m, d.real(m.Pods))
	}
	for name, m := range d.snapshot.Upcoming {
		reasons[name] = m.Spec.Reason
	}
	for node, pods := range d.planned() {
		for _, name := range pods {
			pod := d.pods[name]
			p := &promise{pod: name, node: node, plan: d.plan.Metadata.ID, target: onNode, created: pod.CreationTimestamp.Time, class: classOf(pod)}
			if why, ours := reasons[node]; ours {
				p.target, p.why = onMachine, why
			}
			if old := before[pod.UID]; old != nil && old.node == node {
				p.since, p.counted, p.target, p.why, p.swapped = old.since, old.counted, old.target, old.why, old.swapped
			}
			c.promises[pod.UID] = p
		}
	}
}

// bound compares where a pod went with where it was planned. It says whether the
// plan may have come apart: the pod has taken a place that another was planned for.
func (c *comparer) bound(pod *v1.Pod) (apart bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.promises[pod.UID]; p != nil {
		return c.settle(p, pod)
	}
	return false
}

func (c *comparer) settle(p *promise, pod *v1.Pod) (apart bool) {
	delete(c.promises, pod.UID)
	if p.target == onMachine {
		c.metrics.pendingToBound.Observe(c.clock.Since(p.created).Seconds())
	}
	at := seat{p.class, pod.Spec.NodeName}
	result := boundElsewhere
	switch {
	case p.node == at.node && !p.swapped:
		result = boundAsPlanned
	case p.node == at.node, c.swap(p, at):
		result = boundSwapped
	default:
		c.vacant[seat{p.class, p.node}]++
		c.logger.Info("pod bound elsewhere than planned", "pod", p.pod, "planned", p.node, "plan", p.plan, "plannedBecause", p.why,
			"bound", at.node, "nominated", pod.Status.NominatedNodeName)
	}
	c.metrics.planned.WithLabelValues(p.target, result).Inc()
	return result == boundElsewhere && p.target == onMachine
}

// swap lets a pod that was bound to a seat that was planned for another of its
// class leave that one its own; of several, the first by name. A seat whose pod
// went elsewhere is taken from nobody.
func (c *comparer) swap(p *promise, at seat) bool {
	if c.vacant[at] > 0 {
		c.vacant[at]--
		c.vacant[seat{p.class, p.node}]++
		return true
	}
	var other *promise
	for _, o := range c.promises {
		if o.class == at.class && o.node == at.node && (other == nil || o.pod < other.pod) {
			other = o
		}
	}
	if other == nil {
		return false
	}
	other.node, other.target, other.why, other.plan = p.node, p.target, p.why, p.plan
	other.since, other.counted, other.swapped = p.since, p.counted, true
	return true
}

// places are the nodes of the pods, by name, that are not overdue there.
func (c *comparer) places() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := make(map[string]string, len(c.promises))
	for _, p := range c.promises {
		if !p.counted {
			at[p.pod] = p.node
		}
	}
	return at
}

func (c *comparer) gone(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.promises, uid)
}

// overdue counts the pods that are still pending although their nodes have taken
// pods for longer than allowed, each once. It says whether a new plan is needed.
func (c *comparer) overdue(allowed time.Duration, node func(string) *v1.Node, pod func(string) *v1.Pod) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := false
	now := c.clock.Now()
	for uid, p := range c.promises {
		current := pod(p.pod)
		switch {
		case current == nil || current.UID != uid:
			continue
		case current.Spec.NodeName != "":
			// It was bound while the plan was being made.
			found = c.settle(p, current) || found
			continue
		}
		if n := node(p.node); n == nil || !nodeReady(n) || hasTaint(n, v1alpha1.StartupTaint) {
			p.since = time.Time{}
			continue
		}
		if p.since.IsZero() {
			p.since = now
		}
		if p.counted || now.Sub(p.since) < allowed {
			continue
		}
		p.counted, found = true, true
		c.metrics.planned.WithLabelValues(p.target, stillPending).Inc()
		said := ""
		if condition := unschedulable(current); condition != nil {
			said = condition.Message
		}
		c.logger.Info("pod still pending although its node takes pods", "pod", p.pod, "planned", p.node, "plan", p.plan,
			"plannedBecause", p.why, "schedulerSays", said)
	}
	return found
}

func hasTaint(node *v1.Node, key string) bool {
	for i := range node.Spec.Taints {
		if node.Spec.Taints[i].Key == key {
			return true
		}
	}
	return false
}

// watchOverdue looks for overdue pods, often enough that none is late by more
// than a quarter of what is allowed.
func (c *Controller) watchOverdue(done <-chan struct{}) {
	for {
		timer := c.options.Clock.NewTimer(c.options.Overdue / 4)
		select {
		case <-done:
			timer.Stop()
			return
		case <-timer.C():
		}
		if c.comparer.overdue(c.options.Overdue, c.options.Observer.Node, c.options.Observer.Pod) {
			c.trigger.hint()
		}
	}
}
