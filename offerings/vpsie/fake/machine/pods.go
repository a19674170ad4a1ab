package machine

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// FinishAfter is the annotation of a pod that ends by itself, successfully, so
// long after its start: a duration such as 30s.
const FinishAfter = "fake.vpsie.com/finish-after"

// pods that were bound to the node.
type pods struct {
	kubelet *kubelet
	mu      sync.Mutex
	known   map[types.UID]*life
}

// life of a pod on the node.
type life struct {
	cancel   context.CancelFunc // of what the pod does while it is not asked to end
	ending   bool
	finished chan struct{} // closed when it does nothing more
}

// watch sees the node's own pods, all that it may see, until the machine ends.
func (p *pods) watch(ctx context.Context) {
	api := p.kubelet.client.CoreV1().Pods(metav1.NamespaceAll)
	own := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", p.kubelet.settings.name).String()}
	for ctx.Err() == nil {
		list, err := api.List(ctx, own)
		if err == nil {
			p.reconcile(ctx, list.Items)
			from := own
			from.ResourceVersion = list.ResourceVersion
			err = p.follow(ctx, from)
		}
		if err != nil && p.kubelet.pause(ctx, p.kubelet.config.RetryPeriod) != nil {
			return
		}
	}
}

// reconcile compares with a list: what is not in it is over.
func (p *pods) reconcile(ctx context.Context, list []corev1.Pod) {
	listed := make(map[types.UID]bool, len(list))
	for i := range list {
		listed[list[i].UID] = true
		p.see(ctx, &list[i])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for uid, l := range p.known {
		if !listed[uid] {
			l.cancel()
			delete(p.known, uid)
		}
	}
}

// follow the changes until the watch ends, as each does some time.
func (p *pods) follow(ctx context.Context, from metav1.ListOptions) error {
	changes, err := p.kubelet.client.CoreV1().Pods(metav1.NamespaceAll).Watch(ctx, from)
	if err != nil {
		return err
	}
	defer changes.Stop()
	for change := range changes.ResultChan() {
		pod, isPod := change.Object.(*corev1.Pod)
		switch {
		case change.Type == watch.Error:
			return apierrors.FromObject(change.Object)
		case isPod && change.Type == watch.Deleted:
			p.forget(pod.UID)
		case isPod:
			p.see(ctx, pod)
		}
	}
	return nil
}

func (p *pods) forget(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.known[uid]; l != nil {
		l.cancel()
		delete(p.known, uid)
	}
}

// see begins the life of a pod that is new, and ends that of one that is to end.
func (p *pods) see(ctx context.Context, pod *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.known[pod.UID]
	if l == nil {
		alive, cancel := context.WithCancel(ctx)
		l = &life{cancel: cancel, finished: make(chan struct{})}
		p.known[pod.UID] = l
		p.kubelet.tasks.Go(func() {
			defer close(l.finished)
			if pod.DeletionTimestamp == nil {
				p.live(alive, pod)
			}
		})
	}
	if pod.DeletionTimestamp != nil && !l.ending {
		l.ending = true
		l.cancel()
		p.kubelet.tasks.Go(func() { p.end(ctx, pod, l) })
	}
}

// live takes a pod from bound to running, and some to their end.
func (p *pods) live(ctx context.Context, pod *corev1.Pod) {
	k := p.kubelet
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	if !pod.Spec.HostNetwork { // those with the host's network bring the pods' network up
		select {
		case <-ctx.Done():
			return
		case <-k.ready:
		}
	}
	if !k.insist(ctx, func(ctx context.Context) error { return k.volumes.mount(ctx, pod) }) {
		return
	}
	if k.pause(ctx, k.config.PodDelay) != nil {
		return
	}
	started := metav1.NewTime(k.config.Clock.Now())
	if !k.insist(ctx, func(ctx context.Context) error { return p.write(ctx, pod, k.runningStatus(pod, started)) }) {
		return
	}
	span, err := time.ParseDuration(pod.Annotations[FinishAfter])
	if err != nil || k.pause(ctx, span) != nil {
		return
	}
	k.insist(ctx, func(ctx context.Context) error {
		return p.write(ctx, pod, k.finishedStatus(pod, started, metav1.NewTime(k.config.Clock.Now())))
	})
	k.volumes.unmount(ctx, pod)
}

// end stops a pod within its grace period, then deletes it for good.
func (p *pods) end(ctx context.Context, pod *corev1.Pod, l *life) {
	k := p.kubelet
	<-l.finished
	grace := time.Duration(0)
	if pod.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
	}
	if k.pause(ctx, min(k.config.StopDelay, grace)) != nil {
		return
	}
	k.volumes.unmount(ctx, pod)
	now := int64(0)
	k.insist(ctx, func(ctx context.Context) error {
		return k.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
		})
	})
}
