package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// cniTaint is on every new node of the example's group general; its CNI's
// DaemonSet takes it off.
const cniTaint = "tulip.example/cni-not-ready"

// RunCNI takes the CNI's startup taint off nodes that are ready otherwise, as the
// DaemonSet would if its pods ran anything, until ctx is done.
func RunCNI(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	nodes := factory.Core().V1().Nodes()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	add := func(object any) { queue.Add(object.(*corev1.Node).Name) }
	_, err := nodes.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: add, UpdateFunc: func(_, object any) { add(object) },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	defer context.AfterFunc(ctx, queue.ShutDown)()
	for {
		name, ended := queue.Get()
		if ended {
			return nil
		}
		node, err := nodes.Lister().Get(name)
		if err == nil {
			err = openNetwork(ctx, client, node)
		}
		if err != nil && !apierrors.IsNotFound(err) {
			queue.AddRateLimited(name)
		} else {
			queue.Forget(name)
		}
		queue.Done(name)
	}
}

func openNetwork(ctx context.Context, client kubernetes.Interface, node *corev1.Node) error {
	at := slices.IndexFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == cniTaint })
	ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	if at < 0 || !ready {
		return nil
	}
	path := fmt.Sprintf("/spec/taints/%d", at)
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": path + "/key", "value": cniTaint},
		{"op": "remove", "path": path},
	})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, node.Name, types.JSONPatchType, patch, metav1.PatchOptions{})
	return err
}
