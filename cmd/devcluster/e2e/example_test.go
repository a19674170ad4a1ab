package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/demo"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/hollow"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/cli"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

const (
	// enabled is the environment variable that asks for these tests.
	enabled = "VPSIE_E2E"

	settling = 8 * time.Minute
	// quiet is longer than a back-off of kube-scheduler's, and than the time after
	// which the controller makes another plan.
	quiet = 25 * time.Second
	tick  = 250 * time.Millisecond
	// asPlanned is the least share of the pods that must be where they, or their
	// equals, were planned.
	asPlanned = 0.95

	catalogue = "../../../offerings/sample.yaml"
)

// build builds the controller once.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "controller")
	out, err := exec.Command("go", "build", "-o", program, "../../controller").CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// start starts a cluster without a controller, with the example's nodes of today.
func start(t *testing.T) *cluster.Cluster {
	t.Helper()
	if os.Getenv(enabled) == "" {
		t.Skipf("takes minutes: set %s or run make e2e", enabled)
	}
	planetest.Binaries(t)
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: filepath.Join(t.TempDir(), "cluster"), BootTime: 5 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			keepLogs(t, c)
		}
		c.Stop()
	})
	nodes, err := demo.Begin(t.Context(), c)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running []<-chan error
	for _, run := range []func() error{
		func() error { return hollow.Run(ctx, c.Client(), nodes...) },
		func() error { return demo.RunCNI(ctx, c.Client()) },
	} {
		done := make(chan error, 1)
		go func() { done <- run() }()
		running = append(running, done)
	}
	t.Cleanup(func() {
		stop()
		for _, done := range running {
			assert.NoError(t, <-done)
		}
	})
	return c
}

// keepLogs copies what the programs said to where a failed test can be looked at.
func keepLogs(t *testing.T, c *cluster.Cluster) {
	from := filepath.Join(filepath.Dir(c.State().Kubeconfig), cluster.LogsFolder)
	to := filepath.Join(os.TempDir(), "vpsie-e2e-logs")
	_ = os.RemoveAll(to)
	if err := os.CopyFS(to, os.DirFS(from)); err == nil {
		t.Logf("logs: %s", to)
	}
}

// apply creates the example's workloads; StatefulSets start all their pods at
// once, so that one moment holds them all.
func apply(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	workloads, err := demo.Objects(demo.Workloads)
	require.NoError(t, err)
	for _, o := range workloads {
		if o.GetKind() == "StatefulSet" {
			require.NoError(t, unstructured.SetNestedField(o.Object, "Parallel", "spec", "podManagementPolicy"))
		}
	}
	require.NoError(t, demo.Create(t.Context(), c.Plane.Config(), workloads))
}

// settle waits until nothing has changed for a while.
func settle(t *testing.T, c *cluster.Cluster) *cluster.View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settling)
	defer cancel()
	view, err := demo.Watch(ctx, c, tick, quiet, func(*cluster.View) {})
	require.NoError(t, err)
	return view
}

// whatif asks the CLI about the live cluster.
func whatif(t *testing.T, c *cluster.Cluster) *plan.Plan {
	t.Helper()
	var out, errOut bytes.Buffer
	streams := genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut}
	cli.Run(t.Context(), []string{"whatif", "plan", "-o", "json", "--kubeconfig", c.Plane.Kubeconfig(), "--offerings", catalogue}, streams)
	p := &plan.Plan{}
	require.NoError(t, json.Unmarshal(out.Bytes(), p), errOut.String())
	return p
}

// series reads one counter or gauge of the controller's; labels as it prints them.
func series(t *testing.T, c *cluster.Cluster, name string) map[string]float64 {
	t.Helper()
	response, err := http.Get(c.State().Metrics)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	values := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok {
			continue
		}
		labels, value, _ := strings.Cut(rest, " ")
		values[labels], err = strconv.ParseFloat(value, 64)
		require.NoError(t, err)
	}
	return values
}

// bought describes machines by what they are.
func bought(machines []v1alpha1.VPSieNode) []string {
	var list []string
	for _, m := range machines {
		list = append(list, fmt.Sprintf("%s %s %s", m.Spec.NodeGroup, m.Spec.Offering, m.Spec.Datacenter))
	}
	slices.Sort(list)
	return list
}

func planned(p *plan.Plan) []string {
	var list []string
	for _, m := range p.Add {
		list = append(list, fmt.Sprintf("%s %s %s", m.NodeGroup, m.Offering, m.Datacenter))
	}
	slices.Sort(list)
	return list
}

func TestTheExampleGoesFromPendingToBound(t *testing.T) {
	c := start(t)
	settle(t, c)
	apply(t, c)
	before := settle(t, c)
	t.Logf("before: %d running, %d pending, $%.4f/h", before.Pods.Running, before.Pods.Pending, before.PricePerHour)
	want := whatif(t, c)
	t.Logf("whatif: %d machines for $%.4f/h, %d pods have no place, placement %s", len(want.Add), want.PricePerHour.Added, len(want.Unschedulable), want.Placement)

	began := time.Now()
	absolute, err := filepath.Abs(catalogue)
	require.NoError(t, err)
	require.NoError(t, c.RunController(t.Context(), build(t), "--offerings="+absolute, "--log-level=debug"))

	ours, err := client.New(c.Plane.Config(), client.Options{})
	require.NoError(t, err)
	require.NoError(t, v1alpha1.AddToScheme(ours.Scheme()))
	var machines v1alpha1.VPSieNodeList
	require.Eventually(t, func() bool {
		return ours.List(t.Context(), &machines) == nil && len(machines.Items) >= len(want.Add)
	}, settling, tick, "the plan is written down")
	assert.Equal(t, planned(want), bought(machines.Items), "the machines are the plan's")
	t.Logf("%d machines written down after %.1f s", len(machines.Items), time.Since(began).Seconds())

	require.Eventually(t, func() bool {
		return ours.List(t.Context(), &machines) == nil && !slices.ContainsFunc(machines.Items, func(m v1alpha1.VPSieNode) bool {
			return m.Status.Phase != v1alpha1.PhaseReady
		})
	}, settling, tick, "every machine takes pods")
	after := settle(t, c)
	t.Logf("after %.0f s: %d running, %d pending, %d machines, $%.4f/h", time.Since(began).Seconds(), after.Pods.Running, after.Pods.Pending, len(after.Nodes), after.PricePerHour)
	held, all := 0.0, 0.0
	for labels, value := range series(t, c, "vpsie_autoscaler_planned_vs_bound_total") {
		t.Logf("planned against bound %s: %.0f", labels, value)
		all += value
		if strings.Contains(labels, `"as_planned"`) || strings.Contains(labels, `"swapped"`) {
			held += value
		}
	}
	require.Positive(t, all)
	assert.GreaterOrEqual(t, held/all, asPlanned, "pods are bound where they were planned")
	assert.InDelta(t, want.PricePerHour.After, after.PricePerHour, 1e-6, "the price is what whatif printed")
	assert.Equal(t, map[string]float64{`{result="bought"}`: 1}, only(series(t, c, "vpsie_autoscaler_scaleup_decisions_total"), `{result="bought"}`), "no corrective scale-up")

	var hopeless []string
	for _, u := range want.Unschedulable {
		hopeless = append(hopeless, u.Pod)
	}
	assert.ElementsMatch(t, hopeless, pending(t, c), "pending is what no machine can host")
}

func only(values map[string]float64, key string) map[string]float64 {
	return map[string]float64{key: values[key]}
}

// pending names the pods without a node.
func pending(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	pods, err := c.Client().CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var names []string
	for _, pod := range pods.Items {
		if pod.Spec.NodeName == "" && pod.Status.Phase == corev1.PodPending {
			names = append(names, pod.Namespace+"/"+pod.Name)
		}
	}
	return names
}
