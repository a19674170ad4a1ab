package scaleup

import (
	"sync"

	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
)

// covered are the pods that the latest decision spoke of: what kube-scheduler
// says of them again is no news.
type covered struct {
	mu sync.Mutex
	// placed says whether the plan has a place for the pod.
	placed map[types.UID]bool
}

func (c *covered) set(placed map[types.UID]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.placed = placed
}

func (c *covered) get(uid types.UID) (known, placed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	placed, known = c.placed[uid]
	return known, placed
}

// listen lets the controller hear what may mean that machines are needed, or that
// pods can be handed to one that has joined.
func (c *Controller) listen(o *observe.Observer) {
	o.Handle("pods", changes[*v1.Pod]{added: c.podAdded, changed: c.podChanged, deleted: c.podDeleted})
	o.Handle("events", changes[*eventsv1.Event]{added: c.eventSeen, changed: func(_, event *eventsv1.Event) { c.eventSeen(event) }})
	o.Handle("nodes", changes[*v1.Node]{
		added: func(*v1.Node) {
			c.attempts.stir()
			c.handover.hint()
		},
		changed: func(before, after *v1.Node) {
			if stirs(before, after) {
				c.attempts.stir()
			}
			c.handover.hint()
		},
		deleted: func(*v1.Node) { c.trigger.hint() },
	})
	o.Handle("csinodes", anyChange(c.handover.hint))
	o.Handle("vpsienodes", changes[*v1alpha1.VPSieNode]{
		added: func(*v1alpha1.VPSieNode) {
			c.trigger.hint()
			c.handover.hint()
		},
		changed: c.machineChanged,
		deleted: func(*v1alpha1.VPSieNode) { c.trigger.hint() },
	})
	o.Handle("nodegroups", changes[*v1alpha1.NodeGroup]{
		added: func(*v1alpha1.NodeGroup) { c.trigger.hint() },
		changed: func(before, after *v1alpha1.NodeGroup) {
			if before.Generation != after.Generation || before.DeletionTimestamp == nil && after.DeletionTimestamp != nil ||
				!equality.Semantic.DeepEqual(verdicts(before), verdicts(after)) {
				c.trigger.hint()
			}
		},
		deleted: func(*v1alpha1.NodeGroup) { c.trigger.hint() },
	})
}

// verdicts are what the group's conditions say, whenever they said it.
func verdicts(group *v1alpha1.NodeGroup) map[string]string {
	said := map[string]string{}
	for _, condition := range group.Status.Conditions {
		switch condition.Type {
		case v1alpha1.NodeGroupValid, v1alpha1.NodeGroupCannotDelete:
			said[condition.Type] = string(condition.Status)
		}
	}
	return said
}

func (c *Controller) podAdded(pod *v1.Pod) {
	if pod.Spec.NodeName != "" {
		return
	}
	c.attempts.sawPod(pod.UID)
	c.podSeen(pod)
}

func (c *Controller) podChanged(before, after *v1.Pod) {
	switch {
	case before.Spec.NodeName == "" && after.Spec.NodeName != "":
		c.attempts.forgetPod(after.UID)
		if c.comparer.bound(after) {
			c.trigger.hint()
		}
		c.handover.hint()
	case after.Spec.NodeName == "" && attempted(before, after):
		c.attempts.sawPod(after.UID)
		c.podSeen(after)
		if before.Status.NominatedNodeName != after.Status.NominatedNodeName {
			c.handover.within(retryHandover)
		}
	}
}

func (c *Controller) podDeleted(pod *v1.Pod) {
	c.attempts.forgetPod(pod.UID)
	c.comparer.gone(pod.UID)
}

// podSeen judges a pod that has no node.
func (c *Controller) podSeen(pod *v1.Pod) {
	if pod.DeletionTimestamp != nil || len(pod.Spec.SchedulingGates) > 0 {
		return
	}
	if unschedulable(pod) == nil {
		// kube-scheduler has not tried it yet: it may be of the same burst.
		c.trigger.more()
		return
	}
	switch known, placed := c.covered.get(pod.UID); {
	case !known:
		c.trigger.hint()
	case !placed:
		// kube-scheduler words it differently: something has changed, perhaps
		// for the better.
		c.trigger.within(c.options.MaxBatch)
	}
}

// eventSeen judges kube-scheduler's event that a pod found no node.
func (c *Controller) eventSeen(event *eventsv1.Event) {
	if event.Regarding.Kind != "Pod" {
		return
	}
	pod := c.options.Observer.Pod(event.Regarding.Namespace + "/" + event.Regarding.Name)
	if pod == nil || pod.UID != event.Regarding.UID || pod.Spec.NodeName != "" {
		return
	}
	c.attempts.sawPod(pod.UID)
	if known, _ := c.covered.get(pod.UID); !known {
		c.trigger.hint()
	}
}

func (c *Controller) machineChanged(before, after *v1alpha1.VPSieNode) {
	switch {
	case before.Status.Phase != v1alpha1.PhaseFailed && after.Status.Phase == v1alpha1.PhaseFailed:
		// Its pods need another machine at once.
		c.trigger.now()
	case before.DeletionTimestamp == nil && after.DeletionTimestamp != nil:
		c.trigger.hint()
	}
	c.handover.hint()
}

// changes is a listener for one type of object. Functions may be nil.
type changes[T any] struct {
	added   func(T)
	changed func(before, after T)
	deleted func(T)
}

var _ toolscache.ResourceEventHandler = changes[*v1.Pod]{}

func anyChange(f func()) changes[any] {
	return changes[any]{added: func(any) { f() }, changed: func(any, any) { f() }, deleted: func(any) { f() }}
}

// OnAdd hears of a new object.
func (c changes[T]) OnAdd(object any, _ bool) {
	if c.added != nil {
		c.added(object.(T))
	}
}

// OnUpdate hears of a changed object.
func (c changes[T]) OnUpdate(before, after any) {
	if c.changed != nil {
		c.changed(before.(T), after.(T))
	}
}

// OnDelete hears of an object that is gone, also when its end was missed.
func (c changes[T]) OnDelete(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	if last, ok := object.(T); ok && c.deleted != nil {
		c.deleted(last)
	}
}
