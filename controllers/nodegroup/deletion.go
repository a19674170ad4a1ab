package nodegroup

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// waitForMachines is how soon a deleted group is looked at again while no event
// about its machines arrives.
const waitForMachines = 30 * time.Second

// deleted takes the machines of a group away that is being deleted, and lets it
// go once the API server, not the cache, has none of them.
func (r *Reconciler) deleted(ctx context.Context, group *v1alpha1.NodeGroup) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(group, v1alpha1.Finalizer) {
		return ctrl.Result{}, nil
	}
	machines, err := machinesOf(ctx, r.options.Reader, group.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if len(machines) > 0 {
		if err := r.remove(ctx, machines); err != nil {
			return ctrl.Result{}, err
		}
		r.mu.Lock()
		v := unchecked
		if last, ok := r.checked[group.Name]; ok {
			v = last.verdict
		}
		r.mu.Unlock()
		if err := r.report(ctx, group, v); err != nil && !apierrors.IsNotFound(err) {
			return ctrl.Result{}, err
		}
		return ctrl.Result{RequeueAfter: waitForMachines}, nil
	}
	before := group.DeepCopy()
	controllerutil.RemoveFinalizer(group, v1alpha1.Finalizer)
	err = r.options.Client.Patch(ctx, group, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("take the finalizer from NodeGroup %s: %w", group.Name, err)
	}
	r.forget(group.Name)
	return ctrl.Result{}, nil
}

// remove deletes the VPSieNodes that are not being deleted yet, exactly these
// and no successor of the same name.
func (r *Reconciler) remove(ctx context.Context, machines []v1alpha1.VPSieNode) error {
	for i := range machines {
		m := &machines[i]
		if m.DeletionTimestamp != nil {
			continue
		}
		uid := m.UID
		err := r.options.Client.Delete(ctx, m, client.Preconditions{UID: &uid})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete VPSieNode %s: %w", m.Name, err)
		}
	}
	return nil
}

// gone looks after VPSieNodes whose group is not there: it was let go in the
// moment when one more was written, or somebody took its finalizer away. They
// are removed after a grace period, in which a restored group may return.
func (r *Reconciler) gone(ctx context.Context, name string) (ctrl.Result, error) {
	r.forget(name)
	var group v1alpha1.NodeGroup
	err := r.options.Reader.Get(ctx, client.ObjectKey{Name: name}, &group)
	if !apierrors.IsNotFound(err) {
		// It is there and the cache will say so, or nobody knows.
		return ctrl.Result{}, err
	}
	machines, err := machinesOf(ctx, r.options.Reader, name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if len(machines) == 0 {
		r.found(name)
		return ctrl.Result{}, nil
	}
	now := r.options.Clock.Now()
	r.mu.Lock()
	since, known := r.missing[name]
	if !known {
		since = now
		r.missing[name] = now
	}
	r.mu.Unlock()
	left := r.options.OrphanGrace - now.Sub(since)
	if left > 0 {
		if !known {
			for i := range machines {
				r.options.Recorder.Eventf(&machines[i], nil, corev1.EventTypeWarning, "NodeGroupGone", "Validate",
					"NodeGroup %s does not exist; the machine will be removed unless the NodeGroup returns within %s", name, r.options.OrphanGrace)
			}
		}
		return ctrl.Result{RequeueAfter: left}, nil
	}
	log.FromContext(ctx).Info("removing machines without a NodeGroup", "machines", len(machines))
	return ctrl.Result{RequeueAfter: waitForMachines}, r.remove(ctx, machines)
}

// found ends the wait for a missing group.
func (r *Reconciler) found(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.missing, name)
}

// forget drops what is kept of a group.
func (r *Reconciler) forget(name string) {
	r.metrics.forget(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.checked, name)
}
