package binpack

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

const traces = "../../shared/traces"

func loadList[T any](t testing.TB, dir, name string) []T {
	var list []T
	data, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &list))
	return list
}

func loadTrace(t testing.TB, name string) Request {
	dir := filepath.Join(traces, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the workload %s is not here; the project's own tests do not need it", name)
	}
	data, err := os.ReadFile(filepath.Join(dir, "offerings.json"))
	require.NoError(t, err)
	catalog, err := offerings.ParseWorkloadOfferings("offerings.json", data)
	require.NoError(t, err)
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	objects := simulator.Objects{
		Nodes:                  loadList[*v1.Node](t, dir, "nodes.json"),
		Pods:                   loadList[*v1.Pod](t, dir, "pods.json"),
		DaemonSets:             loadList[*appsv1.DaemonSet](t, dir, "daemonsets.json"),
		PersistentVolumeClaims: loadList[*v1.PersistentVolumeClaim](t, dir, "pvcs.json"),
		StorageClasses:         loadList[*storagev1.StorageClass](t, dir, "storageclasses.json"),
		PriorityClasses:        loadList[*schedulingv1.PriorityClass](t, dir, "priorityclasses.json"),
		PodDisruptionBudgets:   loadList[*policyv1.PodDisruptionBudget](t, dir, "pdbs.json"),
	}
	for _, pod := range objects.Pods {
		if pod.Spec.SchedulerName == "" {
			pod.Spec.SchedulerName = v1.DefaultSchedulerName
		}
	}
	return Request{Objects: objects, Scheduler: config, Catalog: catalog}
}

func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestTrace(t *testing.T) {
	name := os.Getenv("TRACE")
	if name == "" {
		t.Skip("set TRACE")
	}
	var request Request
	switch name {
	case "mix":
		request = testRequest(t, simulator.Objects{Pods: upstreamMix(5000)})
	case "zone":
		request = testRequest(t, simulator.Objects{Pods: zoneSpread(5000)})
	case "plain100k":
		request = testRequest(t, simulator.Objects{Pods: plain(100000)})
	case "plain20k":
		request = testRequest(t, simulator.Objects{Pods: plain(20000)})
	default:
		request = loadTrace(t, name)
	}
	last, at := "load", cpu()
	spent := map[string]time.Duration{}
	request.Stage = func(stage string) {
		now := cpu()
		spent[last] += now - at
		last, at = stage, now
	}
	answer, err := ScaleUp(context.Background(), request)
	require.NoError(t, err)
	request.Stage("end")
	t.Logf("%s: %d machines $%.4f/h bound %.4f (%s) gap %.3f%% unschedulable %d placement %s %v stats %+v alternatives %v", name, len(answer.Add), answer.PricePerHour.Added,
		answer.LowerBound.PricePerHour, answer.LowerBound.Method, 100*answer.LowerBound.Gap, len(answer.Unschedulable), answer.Placement, spent, answer.Stats, answer.Alternatives)
	for i, u := range answer.Unschedulable {
		if i < 20 {
			t.Logf("%s: %s %v", u.Pod, u.Summary, u.Reasons[:min(3, len(u.Reasons))])
		}
	}
	_ = plan.Kind
}
