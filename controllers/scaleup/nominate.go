package scaleup

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
)

// nominate names the pods' nodes in their status, and returns the arrivals for all
// of whose pods that worked.
func (c *Controller) nominate(ctx context.Context, arrivals []*arrival, places []place) []*arrival {
	var mu sync.Mutex
	failed := map[string]bool{}
	missing := slices.DeleteFunc(slices.Clone(places), func(p place) bool { return !p.missing() })
	_ = parallel(ctx, parallelNominations, missing, func(ctx context.Context, p place) error {
		if err := c.nominatePod(ctx, p.pod, p.node); err != nil {
			c.options.Logger.Error(err, "nominating a pod; trying again", "pod", client.ObjectKeyFromObject(p.pod), "node", p.node)
			mu.Lock()
			defer mu.Unlock()
			failed[p.node] = true
		}
		return nil
	})
	for _, a := range arrivals {
		a.nominated = nil
		for _, p := range places {
			if p.node == a.node.Name {
				a.nominated = append(a.nominated, p.pod)
			}
		}
	}
	return slices.DeleteFunc(arrivals, func(a *arrival) bool { return failed[a.node.Name] })
}

// nominatePod leaves alone a pod that is gone or bound, or another of the same name.
func (c *Controller) nominatePod(ctx context.Context, pod *v1.Pod, node string) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status":   map[string]any{"nominatedNodeName": node},
	})
	if err != nil {
		return err
	}
	patched := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	err = c.options.Client.Status().Patch(ctx, patched, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsInvalid(err) {
		// A pod that was bound meanwhile may not be nominated any more: Invalid.
		return nil
	}
	return err
}

// parallelNominations at a time: the sooner the last is written, the fewer
// scheduling cycles come between.
const parallelNominations = 64

// held reads back, from the API server itself, whether the nominations stayed. A
// scheduling cycle that was under way may have wiped some, and one that something
// caused since the round began will: then all arrivals of the round wait for another
// quiet moment, but for those that have waited long enough.
func (c *Controller) held(ctx context.Context, arrivals []*arrival, began time.Time) (open []*arrival) {
	wiped := make([]int, len(arrivals))
	positions := make([]int, len(arrivals))
	for i := range positions {
		positions[i] = i
	}
	err := parallel(ctx, parallelNominations, positions, func(ctx context.Context, i int) (err error) {
		wiped[i], err = c.wiped(ctx, arrivals[i])
		return err
	})
	if err != nil {
		c.options.Logger.Error(err, "reading nominations back; trying again")
		return nil
	}
	total := 0
	for _, n := range wiped {
		total += n
	}
	if total == 0 && !c.attempts.stirredSince(began) {
		return arrivals
	}
	now := c.options.Clock.Now()
	open = slices.DeleteFunc(arrivals, func(a *arrival) bool {
		return len(a.pods) > 0 && now.Before(a.called.Add(c.options.MaxQuiet))
	})
	c.options.Logger.Info("kube-scheduler is not quiet", "wipedNominations", total, "nodesThatWait", len(wiped)-len(open))
	return open
}

// wiped counts the pods of an arrival whose nominations did not stay.
func (c *Controller) wiped(ctx context.Context, a *arrival) (wiped int, err error) {
	if len(a.nominated) == 0 {
		return 0, nil
	}
	var list v1.PodList
	if err := c.options.Live.List(ctx, &list, client.MatchingFields{"status.nominatedNodeName": a.node.Name}); err != nil {
		return 0, fmt.Errorf("pods nominated to %s: %w", a.node.Name, err)
	}
	there := make(map[types.UID]bool, len(list.Items))
	for i := range list.Items {
		there[list.Items[i].UID] = true
	}
	for _, pod := range a.nominated {
		if there[pod.UID] {
			c.metrics.nominations.WithLabelValues("held").Inc()
			continue
		}
		// Bound or deleted in between is no loss.
		if current := c.options.Observer.Pod(observe.PodKey(pod)); current == nil || current.Spec.NodeName != "" {
			continue
		}
		wiped++
		c.metrics.nominations.WithLabelValues("wiped").Inc()
		c.attempts.sawPod(pod.UID)
	}
	return wiped, nil
}

// untaint takes the startup taint away. The patch refuses to take another one.
func (c *Controller) untaint(ctx context.Context, a *arrival) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value,omitempty"`
	}
	var patch []operation
	for i, taint := range slices.Backward(a.node.Spec.Taints) {
		if taint.Key == v1alpha1.StartupTaint {
			path := fmt.Sprintf("/spec/taints/%d", i)
			patch = append(patch, operation{"test", path + "/key", taint.Key}, operation{"remove", path, nil})
		}
	}
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: a.node.Name}}
	if err := c.options.Client.Patch(ctx, node, client.RawPatch(types.JSONPatchType, data)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("node %s: %w", a.node.Name, err)
	}
	a.opened = c.options.Clock.Now()
	c.handed.add(a.pods, a.opened.Add(c.options.Overdue))
	c.options.Logger.Info("node takes pods", "node", a.node.Name, "vpsienode", a.machine.Name, "pods", len(a.pods), "nominated", len(a.nominated))
	return nil
}
