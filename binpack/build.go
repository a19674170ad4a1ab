package binpack

import (
	"context"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// ScaleUp answers the request with a verified plan. The error is about the
// input; pods that nobody can host are part of the plan, with reasons.
func ScaleUp(ctx context.Context, request Request) (*plan.Plan, error) {
	// The scheduler frameworks keep goroutines until their context ends.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := newPlanner(ctx, &request)
	if err != nil {
		return nil, err
	}
	return p.run()
}
