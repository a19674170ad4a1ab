package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/demo"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/hollow"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/cli"
)

func TestMain(m *testing.M) { planetest.Main(m) }

const (
	waiting = time.Minute
	tick    = 100 * time.Millisecond
)

// objects of one part that are, or are not, of a kind.
func objects(t *testing.T, part, kind string, are bool) []*unstructured.Unstructured {
	t.Helper()
	all, err := demo.Objects(part)
	require.NoError(t, err)
	return slices.DeleteFunc(all, func(o *unstructured.Unstructured) bool { return (o.GetKind() == kind) != are })
}

// settled waits until the cluster shows the numbers of pods that run and pend.
func settled(t *testing.T, client kubernetes.Interface, running, pending int) {
	t.Helper()
	got := [2]int{}
	if !assert.Eventually(t, func() bool {
		pods, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
		got = [2]int{}
		for _, pod := range pods.Items {
			switch {
			case pod.Status.Phase == corev1.PodRunning:
				got[0]++
			case pod.Spec.NodeName == "":
				got[1]++
			}
		}
		return err == nil && got == [2]int{running, pending}
	}, waiting, tick) {
		t.Fatalf("%d pods run and %d are pending, want %d and %d", got[0], got[1], running, pending)
	}
}

// answer is what is compared of whatif's.
type answer struct {
	PricePerHour map[string]float64
}

func whatif(t *testing.T, args ...string) answer {
	t.Helper()
	var out, errOut bytes.Buffer
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut}
	code := cli.Run(t.Context(), append([]string{"whatif", "plan", "-o", "json"}, args...), streams)
	require.Equal(t, cli.ExitUnschedulable, code, errOut.String())
	var plan answer
	require.NoError(t, json.Unmarshal(out.Bytes(), &plan))
	return plan
}

func TestTheExampleComesToLife(t *testing.T) {
	cluster := planetest.Get(t)
	client, err := kubernetes.NewForConfig(cluster.Config())
	require.NoError(t, err)
	present, err := demo.Objects(demo.Today)
	require.NoError(t, err)
	require.NoError(t, demo.Create(t.Context(), cluster.Config(), present))
	require.NoError(t, demo.Create(t.Context(), cluster.Config(), present), "again")
	var nodes []string
	for _, node := range objects(t, demo.Today, "Node", true) {
		nodes = append(nodes, node.GetName())
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- hollow.Run(ctx, client, nodes...) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
		planetest.Reset(t, cluster)
	})
	settled(t, client, 34, 0)
	require.NoError(t, demo.Create(t.Context(), cluster.Config(), objects(t, demo.Workloads, "DaemonSet", true)))
	settled(t, client, 81, 0)
	var unbound []string
	require.Eventually(t, func() bool {
		claims, err := client.CoreV1().PersistentVolumeClaims("").List(t.Context(), metav1.ListOptions{})
		unbound = nil
		for _, claim := range claims.Items {
			if claim.Status.Phase != corev1.ClaimBound {
				unbound = append(unbound, claim.Name)
			}
		}
		return err == nil && len(unbound) == 0
	}, waiting, tick, "claims are bound by name")

	// The moment the file describes: nothing of what is new has a place yet.
	cluster.StopScheduler()
	defer func() { assert.NoError(t, cluster.StartScheduler(context.Background())) }()
	require.NoError(t, demo.Create(t.Context(), cluster.Config(), objects(t, demo.NodeGroups, "", false)))
	workloads := objects(t, demo.Workloads, "DaemonSet", false)
	for _, o := range workloads {
		// One makes its pods one after the other; the files' reader knows of no time.
		if o.GetKind() == "StatefulSet" {
			require.NoError(t, unstructured.SetNestedField(o.Object, "Parallel", "spec", "podManagementPolicy"))
		}
	}
	require.NoError(t, demo.Create(t.Context(), cluster.Config(), workloads))
	settled(t, client, 81, 414)
	assert.Equal(t, whatif(t, "--example"), whatif(t, "--kubeconfig", cluster.Kubeconfig()), "the same plan for the cluster and for the files")
}
