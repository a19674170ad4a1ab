package demo

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// Begin creates the cluster of today with its NodeGroups and returns the names of
// its nodes, which are hollow: package hollow has to keep them alive. Each is a
// machine at the fake VPSie as well, which the autoscaler did not buy.
func Begin(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	objects, err := Objects(Today)
	if err != nil {
		return nil, err
	}
	var nodes []string
	for _, object := range objects {
		if object.GetKind() != "Node" {
			continue
		}
		labels := object.GetLabels()
		if _, err := c.VPSie.AddVM(fake.Foreign{
			Hostname:   object.GetName(),
			Offering:   labels[corev1.LabelInstanceTypeStable],
			Datacenter: labels[corev1.LabelTopologyZone],
		}); err != nil {
			return nil, err
		}
		nodes = append(nodes, object.GetName())
	}
	groups, err := Objects(NodeGroups)
	if err != nil {
		return nil, err
	}
	return nodes, Create(ctx, c.Plane.Config(), append(objects, groups...))
}

// Apply applies the pending workloads.
func Apply(ctx context.Context, c *cluster.Cluster) error {
	objects, err := Objects(Workloads)
	if err != nil {
		return err
	}
	return Create(ctx, c.Plane.Config(), objects)
}

// ScaleDown takes the workloads away again: no replicas, no jobs.
func ScaleDown(ctx context.Context, client kubernetes.Interface) error {
	all := metav1.ListOptions{}
	nothing := []byte(`{"spec":{"replicas":0}}`)
	deployments, err := client.AppsV1().Deployments("").List(ctx, all)
	if err != nil {
		return fmt.Errorf("listing Deployments: %w", err)
	}
	for _, d := range deployments.Items {
		if _, err := client.AppsV1().Deployments(d.Namespace).Patch(ctx, d.Name, types.MergePatchType, nothing, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("scaling Deployment %s/%s: %w", d.Namespace, d.Name, err)
		}
	}
	sets, err := client.AppsV1().StatefulSets("").List(ctx, all)
	if err != nil {
		return fmt.Errorf("listing StatefulSets: %w", err)
	}
	for _, s := range sets.Items {
		if _, err := client.AppsV1().StatefulSets(s.Namespace).Patch(ctx, s.Name, types.MergePatchType, nothing, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("scaling StatefulSet %s/%s: %w", s.Namespace, s.Name, err)
		}
	}
	jobs, err := client.BatchV1().Jobs("").List(ctx, all)
	if err != nil {
		return fmt.Errorf("listing Jobs: %w", err)
	}
	return deleteJobs(ctx, client, jobs.Items)
}

func deleteJobs(ctx context.Context, client kubernetes.Interface, jobs []batchv1.Job) error {
	background := metav1.DeletePropagationBackground
	for _, j := range jobs {
		if err := client.BatchV1().Jobs(j.Namespace).Delete(ctx, j.Name, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
			return fmt.Errorf("deleting Job %s/%s: %w", j.Namespace, j.Name, err)
		}
	}
	return nil
}

// Watch looks at the cluster every interval, gives each view to show, and returns
// the last one when nothing has changed for as long as quiet and no pod is just
// starting, or when ctx is done.
func Watch(ctx context.Context, c *cluster.Cluster, interval, quiet time.Duration, show func(*cluster.View)) (*cluster.View, error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var last *cluster.View
	since := time.Now()
	for {
		view, err := cluster.Look(ctx, c.Client(), c.State().VPSie)
		if ctx.Err() != nil {
			return last, ctx.Err()
		} else if err != nil {
			return last, err
		}
		show(view)
		if last == nil || changed(last, view) {
			since = time.Now()
		}
		last = view
		if time.Since(since) >= quiet && view.Pods.Bound == 0 {
			return view, nil
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-ticker.C:
		}
	}
}

// changed says whether something has happened between two views.
func changed(a, b *cluster.View) bool {
	if a.Pods != b.Pods || len(a.Nodes) != len(b.Nodes) {
		return true
	}
	for i := range a.Nodes {
		if a.Nodes[i] != b.Nodes[i] {
			return true
		}
	}
	return false
}
