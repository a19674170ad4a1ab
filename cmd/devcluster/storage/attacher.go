package storage

import (
	"context"

	storagev1 "k8s.io/api/storage/v1"
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

// attacher reports volumes that the controller-manager wants attached as such.
// Detaching is the deletion of the VolumeAttachment, which needs nobody as there
// is no finalizer on it.
type attacher struct {
	client  kubernetes.Interface
	factory informers.SharedInformerFactory
	queue   workqueue.TypedRateLimitingInterface[string]
}

func newAttacher(client kubernetes.Interface) *attacher {
	a := &attacher{
		client:  client,
		factory: informers.NewSharedInformerFactory(client, 0),
		queue:   workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}
	enqueue := func(object any) {
		if attachment, ok := object.(*storagev1.VolumeAttachment); ok && wanted(attachment) {
			a.queue.Add(attachment.Name)
		}
	}
	// Fails only for an informer that has stopped.
	_, _ = a.factory.Storage().V1().VolumeAttachments().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, object any) { enqueue(object) },
	})
	return a
}

func wanted(a *storagev1.VolumeAttachment) bool {
	return a.Spec.Attacher == DriverName && !a.Status.Attached && a.DeletionTimestamp == nil
}

func (a *attacher) run(ctx context.Context) {
	a.factory.Start(ctx.Done())
	defer a.factory.Shutdown()
	var running wait.Group
	for range workers {
		running.Start(func() {
			for a.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	a.queue.ShutDown()
	running.Wait()
}

func (a *attacher) next(ctx context.Context) bool {
	name, shutdown := a.queue.Get()
	if shutdown {
		return false
	}
	defer a.queue.Done(name)
	_, err := a.client.StorageV1().VolumeAttachments().Patch(ctx, name, types.MergePatchType,
		[]byte(`{"status":{"attached":true}}`), metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) {
		klog.FromContext(ctx).Error(err, "Attaching a volume", "volumeAttachment", name)
		a.queue.AddRateLimited(name)
		return true
	}
	a.queue.Forget(name)
	return true
}
