package hollow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	// leaseNamespace is where kubelets keep their Leases.
	leaseNamespace = "kube-node-lease"
	// heartbeat is how often a kubelet renews its Lease, leaseSeconds how long it
	// promises to be good for.
	heartbeat    = 10 * time.Second
	leaseSeconds = int32(40)
	// workers is how many pods are worked on at once.
	workers = 4
)

// kubelets stands in for those of some nodes.
type kubelets struct {
	client kubernetes.Interface
	nodes  []string
	pods   cache.SharedIndexInformer
	queue  workqueue.TypedRateLimitingInterface[cache.ObjectName]
}

// Run keeps the named nodes and their pods alive until ctx is done.
func Run(ctx context.Context, client kubernetes.Interface, nodes ...string) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	k := &kubelets{
		client: client,
		nodes:  nodes,
		pods:   factory.Core().V1().Pods().Informer(),
		queue:  workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
	}
	enqueue := func(object any) {
		if pod, ok := object.(*corev1.Pod); ok && k.mine(pod) {
			k.queue.Add(cache.MetaObjectToName(pod))
		}
	}
	if _, err := k.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, object any) { enqueue(object) },
	}); err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	var running wait.Group
	for range workers {
		running.Start(func() {
			for k.next(ctx) {
			}
		})
	}
	running.Start(func() { wait.UntilWithContext(ctx, k.renew, heartbeat) })
	<-ctx.Done()
	k.queue.ShutDown()
	running.Wait()
	return nil
}

// mine says whether there is something to do for a pod.
func (k *kubelets) mine(pod *corev1.Pod) bool {
	return slices.Contains(k.nodes, pod.Spec.NodeName) &&
		(pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodPending)
}

// renew renews the Leases of the nodes that exist.
func (k *kubelets) renew(ctx context.Context) {
	for _, name := range k.nodes {
		if err := k.renewLease(ctx, name); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Renewing a Lease", "node", name)
		}
	}
}

func (k *kubelets) renewLease(ctx context.Context, name string) error {
	leases := k.client.CoordinationV1().Leases(leaseNamespace)
	now, seconds := metav1.NowMicro(), leaseSeconds
	patch, err := json.Marshal(map[string]any{"spec": coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: &seconds, RenewTime: &now}})
	if err != nil {
		return err
	}
	_, err = leases.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	node, err := k.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = leases.Create(ctx, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: name, UID: node.UID}},
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &name, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}, metav1.CreateOptions{})
	return err
}

func (k *kubelets) next(ctx context.Context) bool {
	name, shutdown := k.queue.Get()
	if shutdown {
		return false
	}
	defer k.queue.Done(name)
	if err := k.sync(ctx, name); err != nil && !apierrors.IsNotFound(err) {
		k.queue.AddRateLimited(name)
		return true
	}
	k.queue.Forget(name)
	return true
}

// sync starts a pod, or ends one that is being deleted.
func (k *kubelets) sync(ctx context.Context, name cache.ObjectName) error {
	object, exists, err := k.pods.GetIndexer().GetByKey(name.String())
	if err != nil || !exists {
		return err
	}
	pod, ok := object.(*corev1.Pod)
	if !ok || !k.mine(pod) {
		return nil
	}
	pods := k.client.CoreV1().Pods(name.Namespace)
	if pod.DeletionTimestamp != nil {
		atOnce := int64(0)
		return pods.Delete(ctx, name.Name, metav1.DeleteOptions{GracePeriodSeconds: &atOnce, Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": started(pod, metav1.Now())})
	if err != nil {
		return err
	}
	_, err = pods.Patch(ctx, name.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// started is the status of a pod whose containers all run.
func started(pod *corev1.Pod, now metav1.Time) corev1.PodStatus {
	status := corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &now}
	for _, kind := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		status.Conditions = append(status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for _, container := range pod.Spec.Containers {
		yes := true
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: true, Started: &yes,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	return status
}
