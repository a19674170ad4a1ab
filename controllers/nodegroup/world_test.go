package nodegroup

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/catalog"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestMain(m *testing.M) {
	planetest.Main(m, plane.Options{NoScheduler: true, NoControllerManager: true})
}

const (
	image = "image-ubuntu-2404"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// world is a Reconciler between an emptied API server and a fake VPSie.
type world struct {
	t          *testing.T
	api        client.Client
	scheme     *runtime.Scheme
	server     *fake.Server
	reconciler *Reconciler
	clock      *testingclock.FakeClock
	events     *events.FakeRecorder
}

func account() fake.Config {
	return fake.Config{
		Projects: []fake.Project{{Identifier: "project-1", ID: 1, Name: "shop", Default: true}},
		SSHKeys:  []fake.SSHKey{{Identifier: "key-1", Name: "ops"}},
		VPCs:     []fake.VPC{{ID: 7, Name: "inner", Datacenter: "ams1", Range: "10.0.0.0", Size: 24}},
		Clusters: []fake.Cluster{{Identifier: "cluster-1", Name: "HEL-Kubernetes-49ab", Datacenter: "ams1", Version: "1.37.2"}},
	}
}

func newWorld(t *testing.T, config fake.Config) *world {
	t.Helper()
	p := planetest.Get(t)
	planetest.Reset(t, p)
	w := &world{t: t, scheme: runtime.NewScheme(), clock: testingclock.NewFakeClock(start), events: events.NewFakeRecorder(100)}
	require.NoError(t, clientgoscheme.AddToScheme(w.scheme))
	require.NoError(t, v1alpha1.AddToScheme(w.scheme))
	var err error
	w.api, err = client.New(p.Config(), client.Options{Scheme: w.scheme})
	require.NoError(t, err)
	w.server, err = fake.New(config)
	require.NoError(t, err)
	t.Cleanup(w.server.Close)
	front := httptest.NewServer(w.server)
	t.Cleanup(front.Close)
	account, err := vpsie.New(vpsie.Options{
		BaseURL: front.URL, RequestsPerMinute: 1e6, Burst: 1e6, RetryInterval: time.Microsecond, BreakerFailures: 1e6,
		Credentials: func(context.Context) (vpsie.Credentials, error) {
			return vpsie.Credentials{Token: fake.DefaultCredentials().Token}, nil
		},
	})
	require.NoError(t, err)
	source, err := catalog.New(catalog.Options{VPSie: account, Client: w.api, Clock: w.clock, Retry: time.Second})
	require.NoError(t, err)
	w.reconciler, err = New(Options{
		Client: w.api, Reader: w.api, Account: account, Catalog: source, Recorder: w.events, Clock: w.clock,
		Registerer: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	return w
}

// spec of a group that is valid in the account.
func spec(change func(*v1alpha1.NodeGroupSpec)) v1alpha1.NodeGroupSpec {
	s := v1alpha1.NodeGroupSpec{
		MinNodes: 1, MaxNodes: 3, OSImageID: image, DatacenterIDs: []string{"ams1"}, OfferingIDs: []string{"std-2c4g"},
		SSHKeyIDs: []string{"key-1"}, Project: "project-1", VPCID: 7,
	}
	if change != nil {
		change(&s)
	}
	return s
}

func (w *world) create(name string, s v1alpha1.NodeGroupSpec) *v1alpha1.NodeGroup {
	w.t.Helper()
	group := &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: s}
	require.NoError(w.t, w.api.Create(w.t.Context(), group))
	return group
}

// reconcile once; the result is the group afterwards.
func (w *world) reconcile(name string) (*v1alpha1.NodeGroup, ctrl.Result) {
	w.t.Helper()
	result, err := w.reconciler.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Name: name}})
	require.NoError(w.t, err)
	return w.group(name), result
}

// group as the API server has it, nil if it does not.
func (w *world) group(name string) *v1alpha1.NodeGroup {
	w.t.Helper()
	group := &v1alpha1.NodeGroup{}
	err := w.api.Get(w.t.Context(), client.ObjectKey{Name: name}, group)
	if client.IgnoreNotFound(err) == nil && err != nil {
		return nil
	}
	require.NoError(w.t, err)
	return group
}

// machine is a VPSieNode of a group, in a phase.
func (w *world) machine(group, suffix string, phase v1alpha1.VPSieNodePhase, change func(*v1alpha1.VPSieNode)) *v1alpha1.VPSieNode {
	w.t.Helper()
	name := "vpsie-" + group + "-" + suffix
	m := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.VPSieNodeSpec{
			NodeGroup: group, Offering: "std-2c4g", Datacenter: "ams1", Hostname: name, PlanID: "plan-1", PricePerHour: "0.0243",
		},
	}
	if change != nil {
		change(m)
	}
	status := m.Status
	require.NoError(w.t, w.api.Create(w.t.Context(), m))
	m.Status = status
	m.Status.Phase = phase
	require.NoError(w.t, w.api.Status().Update(w.t.Context(), m))
	return m
}

func condition(t *testing.T, group *v1alpha1.NodeGroup, conditionType string) metav1.Condition {
	t.Helper()
	c := meta.FindStatusCondition(group.Status.Conditions, conditionType)
	require.NotNilf(t, c, "condition %s", conditionType)
	return *c
}
