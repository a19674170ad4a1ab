package scaleup_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/observe"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/scaleup"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

func TestMain(m *testing.M) {
	// What controller-runtime says of itself is not the tests' affair.
	ctrl.SetLogger(logr.Discard())
	planetest.Main(m)
}

// patience is how long to wait for what must come; nothing takes near as long.
const (
	patience = 60 * time.Second
	// moment is how long to watch that something does not happen.
	moment = 500 * time.Millisecond
)

// world is a real control plane with a running Controller. The test plays the
// machines.
type world struct {
	testing.TB
	ctx      context.Context
	config   *rest.Config
	client   client.Client
	registry *prometheus.Registry
	catalog  *offerings.Catalog
	options  scaleup.Options
	stop     func()

	mu sync.Mutex
	// soldOut makes the catalogue fail, so that nothing is decided.
	noCatalog bool
}

// newWorld cleans the shared plane; start begins to decide.
func newWorld(t testing.TB) *world {
	cluster := planetest.Get(t)
	planetest.Reset(t, cluster)
	return worldOn(t, cluster)
}

// worldOn is a world on a plane of the test's own.
func worldOn(t testing.TB, cluster *plane.Plane) *world {
	w := &world{TB: t, ctx: t.Context(), config: cluster.Config(), registry: prometheus.NewRegistry(), catalog: catalog(t)}
	w.config.QPS = -1
	scheme := newScheme(t)
	var err error
	w.client, err = client.New(w.config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	scheduler, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	w.options = scaleup.Options{
		Scheduler: scheduler, Namespace: metav1.NamespaceSystem, Registerer: w.registry,
		Idle: 300 * time.Millisecond, MaxBatch: 2 * time.Second, Quiet: time.Second,
		Catalog: func(context.Context) (*offerings.Catalog, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.noCatalog {
				return nil, fmt.Errorf("prices are not known")
			}
			return w.catalog, nil
		},
	}
	return w
}

func newScheme(t testing.TB) *runtime.Scheme {
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	return scheme
}

// catalog sells machines of 2, 4 and 8 cores in two datacenters.
func catalog(t testing.TB) *offerings.Catalog {
	var list []offerings.Offering
	for _, cores := range []int64{2, 4, 8} {
		list = append(list, offerings.Offering{
			Name: fmt.Sprintf("std-%d", cores), Identifier: fmt.Sprintf("id-%d", cores), PricePerHour: 0.05 * float64(cores),
			Allocatable: offerings.Resources{MilliCPU: cores * 1000, MemoryBytes: cores * 4 << 30, EphemeralBytes: 50 << 30, MaxPods: 110},
			Datacenters: []string{"fra", "ams"},
		})
	}
	c, err := offerings.New("test", []offerings.Datacenter{{ID: "fra"}, {ID: "ams"}}, list)
	require.NoError(t, err)
	return c
}

// start runs the Observer and the Controller in a manager, as the product does,
// until the test ends or stop is called.
func (w *world) start() {
	logger := funcr.New(func(prefix, args string) {
		if w.ctx.Err() == nil {
			w.Log(prefix, args)
		}
	}, funcr.Options{LogTimestamp: true, TimestampFormat: "05.000"})
	ctx, cancel := context.WithCancel(w.ctx)
	mgr, err := ctrl.NewManager(w.config, manager.Options{
		Scheme: w.client.Scheme(), Cache: observe.CacheOptions(), Logger: logr.Discard(),
		Metrics: server.Options{BindAddress: "0"}, Controller: config.Controller{},
	})
	require.NoError(w, err)
	observer, err := observe.New(observe.Options{Cache: mgr.GetCache(), Live: mgr.GetAPIReader(), Scheme: mgr.GetScheme(), Logger: logger.WithName("observe")})
	require.NoError(w, err)
	options := w.options
	options.Observer, options.Client, options.Live = observer, mgr.GetClient(), mgr.GetAPIReader()
	options.Events = mgr.GetEventRecorder("vpsie-autoscaler")
	options.Logger = logger.WithName("scaleup")
	controller, err := scaleup.New(options)
	require.NoError(w, err)
	require.NoError(w, mgr.Add(observer))
	require.NoError(w, mgr.Add(controller))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w, <-done)
	})
	w.Cleanup(w.stop)
}

func (w *world) create(objects ...client.Object) {
	w.Helper()
	for _, object := range objects {
		require.NoError(w, w.client.Create(w.ctx, object))
	}
}

// eventually waits until what has no complaint.
func (w *world) eventually(what func() string) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for {
		complaint := what()
		if complaint == "" {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("gave up: %s", complaint)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// never watches for a while that what has no complaint.
func (w *world) never(d time.Duration, what func() string) {
	w.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if complaint := what(); complaint != "" {
			w.Fatal(complaint)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *world) machines() []v1alpha1.VPSieNode {
	w.Helper()
	var list v1alpha1.VPSieNodeList
	require.NoError(w, w.client.List(w.ctx, &list))
	slices.SortFunc(list.Items, func(a, b v1alpha1.VPSieNode) int { return strings.Compare(a.Name, b.Name) })
	return list.Items
}

// waitMachines waits for n VPSieNodes.
func (w *world) waitMachines(n int) []v1alpha1.VPSieNode {
	w.Helper()
	var found []v1alpha1.VPSieNode
	w.eventually(func() string {
		if found = w.machines(); len(found) != n {
			return fmt.Sprintf("%d VPSieNodes instead of %d", len(found), n)
		}
		return ""
	})
	return found
}

func (w *world) pod(name string) *v1.Pod {
	w.Helper()
	pod := &v1.Pod{}
	require.NoError(w, w.client.Get(w.ctx, types.NamespacedName{Namespace: "default", Name: name}, pod))
	return pod
}

// boundTo is where each pod of the namespace is, "" while it is nowhere.
func (w *world) boundTo() map[string]string {
	w.Helper()
	var list v1.PodList
	require.NoError(w, w.client.List(w.ctx, &list, client.InNamespace("default")))
	at := map[string]string{}
	for i := range list.Items {
		at[list.Items[i].Name] = list.Items[i].Spec.NodeName
	}
	return at
}

// waitBound waits until every pod has a node.
func (w *world) waitBound() map[string]string {
	w.Helper()
	var at map[string]string
	w.eventually(func() string {
		at = w.boundTo()
		for name, node := range at {
			if node == "" {
				return "pod " + name + " is pending"
			}
		}
		return ""
	})
	return at
}

// setPhase plays controllers/vpsienode.
func (w *world) setPhase(name string, phase v1alpha1.VPSieNodePhase, reason string) {
	w.Helper()
	w.eventually(func() string {
		machine := &v1alpha1.VPSieNode{}
		require.NoError(w, w.client.Get(w.ctx, types.NamespacedName{Name: name}, machine))
		machine.Status.Phase, machine.Status.Reason = phase, reason
		now := metav1.Now()
		switch phase {
		case v1alpha1.PhaseFailed:
			machine.Status.FailedAt = &now
		case v1alpha1.PhaseProvisioning:
			machine.Status.RequestedAt = &now
		}
		err := w.client.Status().Update(w.ctx, machine)
		if apierrors.IsConflict(err) {
			return err.Error()
		}
		require.NoError(w, err)
		return ""
	})
}

// appear plays the machine's kubelet and controllers/vpsienode: the Node is there
// and carries what it should. What the machine has comes later, as returned.
func (w *world) appear(machine *v1alpha1.VPSieNode) (node *v1.Node, status v1.NodeStatus) {
	w.Helper()
	group := &v1alpha1.NodeGroup{}
	require.NoError(w, w.client.Get(w.ctx, types.NamespacedName{Name: machine.Spec.NodeGroup}, group))
	template := binpack.NewTemplate(w.catalog.Offering(machine.Spec.Offering), group, *w.catalog.Datacenter(machine.Spec.Datacenter), nil)
	node = template.Node(machine.Spec.Hostname).Node
	status = node.Status
	status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionFalse, Reason: "KubeletNotReady"}}
	node.Status = v1.NodeStatus{}
	node.Labels[v1alpha1.VPSieNodeLabel] = machine.Name
	node.Spec.ProviderID = "vpsie://" + machine.Name
	node.Spec.Taints = append(node.Spec.Taints, v1.Taint{Key: v1alpha1.StartupTaint, Effect: v1.TaintEffectNoSchedule})
	w.create(node)
	return node, status
}

// register lets the Node of a machine appear with all that it has, not ready yet.
func (w *world) register(machine *v1alpha1.VPSieNode) {
	w.Helper()
	node, status := w.appear(machine)
	node.Status = status
	w.setStatus(node)
	w.setPhase(machine.Name, v1alpha1.PhaseJoining, "")
}

func (w *world) setStatus(node *v1.Node) {
	w.Helper()
	status := node.Status
	w.eventually(func() string {
		node.Status = status
		err := w.client.Status().Update(w.ctx, node)
		if apierrors.IsConflict(err) {
			require.NoError(w, w.client.Get(w.ctx, client.ObjectKeyFromObject(node), node))
			return err.Error()
		}
		require.NoError(w, err)
		return ""
	})
}

// becomeReady lets a registered Node say that it is ready.
func (w *world) becomeReady(name string) {
	w.Helper()
	node := &v1.Node{}
	require.NoError(w, w.client.Get(w.ctx, types.NamespacedName{Name: name}, node))
	node.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}
	w.setStatus(node)
}

// count reads a counter or gauge.
func (w *world) count(name string, labels ...string) float64 {
	w.Helper()
	families, err := w.registry.Gather()
	require.NoError(w, err)
	total := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			var values []string
			for _, label := range metric.GetLabel() {
				values = append(values, label.GetValue())
			}
			if len(labels) == 0 || slices.Equal(slices.Sorted(slices.Values(values)), slices.Sorted(slices.Values(labels))) {
				total += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return total
}

// sum is what a histogram has added up.
func (w *world) sum(name string) float64 {
	w.Helper()
	families, err := w.registry.Gather()
	require.NoError(w, err)
	total := 0.0
	for _, family := range families {
		if family.GetName() == name {
			for _, metric := range family.GetMetric() {
				total += metric.GetHistogram().GetSampleSum()
			}
		}
	}
	return total
}

func group(name string, change ...func(*v1alpha1.NodeGroupSpec)) *v1alpha1.NodeGroup {
	g := &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.NodeGroupSpec{MaxNodes: 20}}
	for _, f := range change {
		f(&g.Spec)
	}
	return g
}

func pod(name, cpu, memory string, change ...func(*v1.Pod)) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": strings.TrimRight(name, "0123456789-")}},
		Spec: v1.PodSpec{Containers: []v1.Container{{Name: "main", Image: "pause", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
			v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory),
		}}}}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}
