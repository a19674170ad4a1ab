package vpsienode_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	planetest.Main(m)
}

const (
	clusterID = "test"
	offering  = "std-2c4g"
	zone      = "ams1"
)

// site is a control plane and a VPSie account whose machines can join it.
type site struct {
	*testing.T
	plane      *plane.Plane
	client     client.WithWatch
	kubernetes kubernetes.Interface
	server     *fake.Server
	api        *vpsie.Client
	boot       *bootstrap.Bootstrapper
	recorder   *events.FakeRecorder
	registry   *prometheus.Registry
	options    vpsienode.Options
}

// newScheme knows Kubernetes' types and ours.
func newScheme(t *testing.T) *runtime.Scheme {
	s := runtime.NewScheme()
	require.NoError(t, scheme.AddToScheme(s))
	require.NoError(t, v1alpha1.AddToScheme(s))
	return s
}

// newSite starts an account; without machines of its own, machines only exist.
func newSite(t *testing.T, account fake.Config, machines *machine.Config) *site {
	cluster := planetest.Get(t)
	if machines != nil {
		account.Machines = machine.New(*machines)
	}
	server, err := fake.New(account)
	require.NoError(t, err)
	url, err := server.Start()
	require.NoError(t, err)
	credentials := vpsie.Credentials{Token: fake.DefaultCredentials().Token, Password: fake.DefaultCredentials().Password}
	api, err := vpsie.New(vpsie.Options{
		BaseURL:           url,
		Credentials:       func(context.Context) (vpsie.Credentials, error) { return credentials, nil },
		RequestsPerMinute: 600_000, Burst: 10_000, MaxTries: 2, RetryInterval: time.Millisecond, BreakerFailures: 1000,
	})
	require.NoError(t, err)
	s := &site{T: t, plane: cluster, server: server, api: api, recorder: events.NewFakeRecorder(1000), registry: prometheus.NewRegistry()}
	rest := cluster.Config()
	s.client, err = client.NewWithWatch(rest, client.Options{Scheme: newScheme(t)})
	require.NoError(t, err)
	s.kubernetes, err = kubernetes.NewForConfig(rest)
	require.NoError(t, err)
	s.boot, err = bootstrap.New(bootstrap.Options{Kubernetes: s.kubernetes, Scripts: api, Namespace: "default", ClusterID: clusterID})
	require.NoError(t, err)
	s.options = vpsienode.Options{
		Client: s.client, Reader: s.client, Kubernetes: s.kubernetes,
		VPSie: api, Inventory: inventory.New(api, clock.RealClock{}), Bootstrap: s.boot,
		Catalog:    func(context.Context) (*offerings.Catalog, error) { return offerings.Sample(), nil },
		Recorder:   s.recorder,
		ClusterID:  clusterID,
		Registerer: s.registry,
	}
	t.Cleanup(func() {
		server.Close()
		planetest.Reset(t, cluster)
	})
	return s
}

// stepper runs reconciliations one by one, at the pace of a clock of its own.
type stepper struct {
	*site
	clock      *clocktesting.FakePassiveClock
	reconciler *vpsienode.Reconciler
}

// step makes a site whose controller is called by the test.
func (s *site) step(change func(*vpsienode.Options)) *stepper {
	// The API keeps whole seconds.
	t := &stepper{site: s, clock: clocktesting.NewFakePassiveClock(time.Now().Truncate(time.Second))}
	s.options.Clock = t.clock
	if change != nil {
		change(&s.options)
	}
	t.restart()
	return t
}

// restart is a new process: it knows what is in the objects, and nothing else.
func (t *stepper) restart() {
	t.options.Inventory = inventory.New(t.api, t.clock)
	t.options.Registerer = nil
	var err error
	t.reconciler, err = vpsienode.New(t.options)
	require.NoError(t, err)
}

// once reconciles a machine once and returns the object afterwards, nil if gone.
func (t *stepper) once(name string) (*v1alpha1.VPSieNode, time.Duration, error) {
	result, err := t.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Name: name}})
	return t.get(name), result.RequeueAfter, err
}

// on reconciles, passing time as asked, until the machine is in the phase.
func (t *stepper) on(name string, phase v1alpha1.VPSieNodePhase) *v1alpha1.VPSieNode {
	t.Helper()
	for start := time.Now(); time.Since(start) < patience; {
		m, pause, err := t.once(name)
		if m != nil && m.Status.Phase == phase || m == nil && phase == "" {
			return m
		}
		if err != nil {
			pause = time.Second
		}
		t.pass(pause)
	}
	t.Fatalf("%s does not come to phase %q; %s", name, phase, t.story())
	return nil
}

// pass lets time pass.
func (t *stepper) pass(d time.Duration) { t.clock.SetTime(t.clock.Now().Add(d)) }

// register makes the Node of a machine as its kubelet would, ready or not.
func (t *stepper) register(m *v1alpha1.VPSieNode, ready corev1.ConditionStatus, change func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: m.Spec.Hostname},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: v1alpha1.StartupTaint, Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}},
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: m.Status.IPAddress}},
		},
	}
	if change != nil {
		change(node)
	}
	status := node.Status
	require.NoError(t, t.client.Create(t.Context(), node))
	return t.report(node.Name, func(n *corev1.Node) { n.Status = status })
}

// report writes a Node's status as its kubelet would. The controller-manager
// writes to Nodes at the same time.
func (s *site) report(name string, change func(*corev1.Node)) *corev1.Node {
	node := s.node(name)
	before := node.DeepCopy()
	change(node)
	require.NoError(s, s.client.Status().Patch(s.Context(), node, client.MergeFrom(before)))
	return node
}

// retaint leaves a Node the taints that are kept.
func (s *site) retaint(name string, keep func(corev1.Taint) bool) {
	require.NoError(s, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node := s.node(name)
		node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return !keep(taint) })
		return s.client.Update(s.Context(), node)
	}))
}

// without keeps the taints of other keys.
func without(key string) func(corev1.Taint) bool {
	return func(taint corev1.Taint) bool { return taint.Key != key }
}

// alive are VPSie's identifiers of the machines of a hostname.
func (s *site) alive(hostname string) []string {
	var ids []string
	for _, vm := range append(s.server.VMs(), s.server.Pending()...) {
		if vm.Ordered == hostname && !vm.Foreign {
			ids = append(ids, vm.Identifier)
		}
	}
	return ids
}

// condition is a condition of a machine, zero if there is none.
func condition(m *v1alpha1.VPSieNode, kind string) metav1.Condition {
	for _, c := range m.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return metav1.Condition{}
}

// run starts the controller with short intervals; it ends with the test.
func (s *site) run() {
	o := &s.options
	o.PollInterval, o.ReadyInterval, o.SettleTime = 50*time.Millisecond, 500*time.Millisecond, time.Second
	o.FailedRetention, o.DrainRetry, o.MaxBackoff = time.Second, 200*time.Millisecond, 500*time.Millisecond
	skip := true
	mgr, err := ctrl.NewManager(s.plane.Config(), ctrl.Options{
		Scheme:     s.client.Scheme(),
		Metrics:    server.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skip},
	})
	require.NoError(s, err)
	o.Client, o.Reader = mgr.GetClient(), mgr.GetAPIReader()
	reconciler, err := vpsienode.New(*o)
	require.NoError(s, err)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(s, reconciler.SetupWithManager(ctx, mgr))
	ended := make(chan error)
	go func() { ended <- mgr.Start(ctx) }()
	s.Cleanup(func() {
		cancel()
		require.NoError(s, <-ended)
	})
}

// group makes a NodeGroup.
func (s *site) group(name string, change func(*v1alpha1.NodeGroupSpec)) *v1alpha1.NodeGroup {
	group := &v1alpha1.NodeGroup{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.NodeGroupSpec{
			MaxNodes: 10, DatacenterIDs: []string{zone}, OSImageID: "image-ubuntu-2404",
			Labels: map[string]v1alpha1.LabelValue{"team": "shop"},
			Taints: []v1alpha1.Taint{{Key: "dedicated", Value: "shop", Effect: corev1.TaintEffectNoSchedule}},
		},
	}
	if change != nil {
		change(&group.Spec)
	}
	require.NoError(s, s.client.Create(s.Context(), group))
	return group
}

// decide writes down a machine as a plan does.
func (s *site) decide(group, suffix string) *v1alpha1.VPSieNode {
	return s.decideAs(group, suffix, nil)
}

func (s *site) decideAs(group, suffix string, change func(*v1alpha1.VPSieNodeSpec)) *v1alpha1.VPSieNode {
	hostname := "vpsie-" + group + "-" + suffix
	sold := offerings.Sample().Offering(offering)
	require.NotNil(s, sold)
	m := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: hostname, Labels: map[string]string{v1alpha1.NodeGroupLabel: group}},
		Spec: v1alpha1.VPSieNodeSpec{
			NodeGroup: group, Offering: offering, Datacenter: zone, Hostname: hostname, PlanID: "plan1",
			OfferingID: sold.Identifier, PricePerHour: "0.0350",
		},
	}
	if change != nil {
		change(&m.Spec)
	}
	require.NoError(s, s.client.Create(s.Context(), m))
	return m
}

// events are those recorded since the last call.
func (s *site) events() []string {
	var list []string
	for {
		select {
		case event := <-s.recorder.Events:
			list = append(list, event)
		default:
			return list
		}
	}
}

// get reads the object as it is now, nil if it is gone.
func (s *site) get(name string) *v1alpha1.VPSieNode {
	m := &v1alpha1.VPSieNode{}
	if err := s.client.Get(s.Context(), client.ObjectKey{Name: name}, m); client.IgnoreNotFound(err) != nil {
		require.NoError(s, err)
	} else if err != nil {
		return nil
	}
	return m
}

const patience = 60 * time.Second

// until waits for a condition, and says what was waited for.
func (s *site) until(what string, condition func() bool) {
	s.Helper()
	err := wait.PollUntilContextTimeout(s.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return condition(), nil
	})
	if err != nil {
		s.Fatalf("in vain waited until %s; %s", what, s.story())
	}
}

// phase waits until a machine is in a phase.
func (s *site) phase(name string, phase v1alpha1.VPSieNodePhase) *v1alpha1.VPSieNode {
	s.Helper()
	var m *v1alpha1.VPSieNode
	s.until(name+" is "+string(phase), func() bool {
		m = s.get(name)
		return m != nil && m.Status.Phase == phase
	})
	return m
}

// gone waits until a VPSieNode, its Node and its machine are no more.
func (s *site) gone(name string) {
	s.Helper()
	s.until(name+" is gone", func() bool { return s.get(name) == nil })
	require.Nil(s, s.node(name))
	for _, vm := range s.server.VMs() {
		require.NotEqual(s, name, vm.Ordered, "the machine is gone before the object")
	}
	require.Empty(s, s.server.Pending())
}

func (s *site) node(name string) *corev1.Node {
	node := &corev1.Node{}
	if err := s.client.Get(s.Context(), client.ObjectKey{Name: name}, node); client.IgnoreNotFound(err) != nil {
		require.NoError(s, err)
	} else if err != nil {
		return nil
	}
	return node
}

// untaint does what the nominator does when the pods are nominated.
func (s *site) untaint(name string) {
	s.Helper()
	s.until(name+" awaits its pods", func() bool {
		m := s.get(name)
		if m == nil {
			return false
		}
		for _, c := range m.Status.Conditions {
			if c.Type == v1alpha1.NodeReady && c.Reason == v1alpha1.ReasonAwaitingPods {
				return true
			}
		}
		return false
	})
	s.retaint(name, without(v1alpha1.StartupTaint))
}

// secrets are the bootstrap tokens there are.
func (s *site) secrets() []string {
	list, err := s.kubernetes.CoreV1().Secrets(metav1.NamespaceSystem).List(s.Context(), metav1.ListOptions{})
	require.NoError(s, err)
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

// driver makes the cluster have VPSie's storage driver.
func (s *site) driver() {
	no := false
	require.NoError(s, s.client.Create(s.Context(), &storagev1.CSIDriver{
		ObjectMeta: metav1.ObjectMeta{Name: "vpsie.csi.vpsie.com"}, Spec: storagev1.CSIDriverSpec{AttachRequired: &no},
	}))
}

// story is what a failed test needs to be understood.
func (s *site) story() string {
	story := ""
	list := &v1alpha1.VPSieNodeList{}
	if s.client.List(context.Background(), list) == nil {
		for i := range list.Items {
			m := &list.Items[i]
			story += "\n" + m.Name + ": " + string(m.Status.Phase) + " " + m.Status.Reason + " " + m.Status.Message
			for _, c := range m.Status.Conditions {
				story += "\n  " + c.Type + "=" + string(c.Status) + " " + c.Reason + ": " + c.Message
			}
		}
	}
	for _, vm := range s.server.History() {
		story += "\nVPSie: " + vm.Hostname + " " + string(vm.State) + " boot: " + vm.Boot.Stage + " " + vm.Boot.Reason
	}
	return story
}

// stale is a cache that is behind for one object.
type stale struct {
	client.Client
	object *v1alpha1.VPSieNode
}

func (s stale) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if m, ok := into.(*v1alpha1.VPSieNode); ok && key.Name == s.object.Name {
		s.object.DeepCopyInto(m)
		return nil
	}
	return s.Client.Get(ctx, key, into, options...)
}

func request(name string) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKey{Name: name}}
}
