package vpsienode

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// failed machines are given back, if there is anything to give back. The object
// stays a while: decisions learn from its reason.
func (v *visit) failed(ctx context.Context) (reconcile.Result, error) {
	if done, result, err := v.giveBack(ctx); !done || err != nil {
		return result, err
	}
	if left := v.r.options.FailedRetention - v.now.Sub(v.m.Status.FailedAt.Time); left > 0 {
		return again(left)
	}
	if err := v.r.options.Client.Delete(ctx, v.m, client.Preconditions{UID: &v.m.UID}); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("deleting the failed VPSieNode %s: %w", v.m.Name, err)
	}
	return reconcile.Result{}, nil
}
