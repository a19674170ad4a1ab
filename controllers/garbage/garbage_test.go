package garbage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/garbage"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	planetest.Main(m)
}

const (
	uid    = "11111111-2222-3333-4444-555555555555"
	host   = "vpsie-general-x1"
	script = "vpsie-k8s-autoscaler.test." + host
)

// dump is a cluster and an account with a collector between them.
type dump struct {
	*testing.T
	client    client.Client
	server    *fake.Server
	api       *vpsie.Client
	clock     *clocktesting.FakeClock
	recorder  *events.FakeRecorder
	registry  *prometheus.Registry
	collector *garbage.Collector
}

func newDump(t *testing.T) *dump {
	cluster := planetest.Get(t)
	server, err := fake.New(fake.Config{Seed: 1, Plain: true})
	require.NoError(t, err)
	url, err := server.Start()
	require.NoError(t, err)
	api, err := vpsie.New(vpsie.Options{
		BaseURL: url, RequestsPerMinute: 600_000, Burst: 10_000, MaxTries: 1, BreakerFailures: 1000,
		Credentials: func(context.Context) (vpsie.Credentials, error) {
			return vpsie.Credentials{Token: fake.DefaultCredentials().Token, Password: fake.DefaultCredentials().Password}, nil
		},
	})
	require.NoError(t, err)
	types := runtime.NewScheme()
	require.NoError(t, scheme.AddToScheme(types))
	require.NoError(t, v1alpha1.AddToScheme(types))
	d := &dump{T: t, server: server, api: api, recorder: events.NewFakeRecorder(100), registry: prometheus.NewRegistry()}
	d.client, err = client.New(cluster.Config(), client.Options{Scheme: types})
	require.NoError(t, err)
	d.clock = clocktesting.NewFakeClock(time.Now().Truncate(time.Second))
	d.collector, err = garbage.New(d.options())
	require.NoError(t, err)
	t.Cleanup(func() {
		server.Close()
		planetest.Reset(t, cluster)
	})
	return d
}

func (d *dump) options() garbage.Options {
	return garbage.Options{
		Client: d.client, Reader: d.client, VPSie: d.api, Inventory: inventory.New(d.api, d.clock),
		Catalog:   func(context.Context) (*offerings.Catalog, error) { return offerings.Sample(), nil },
		Recorder:  d.recorder,
		ClusterID: "test", Registerer: d.registry, Clock: d.clock,
	}
}

// machine makes one exist at VPSie with notes.
func (d *dump) machine(hostname, notes string) string {
	vm, err := d.server.AddVM(fake.Foreign{Hostname: hostname, Offering: "std-2c4g", Datacenter: "ams1", Notes: notes})
	require.NoError(d, err)
	return vm.Identifier
}

func mark(cluster, node string) string {
	return inventory.Mark{ClusterID: cluster, Node: node, UID: uid}.Notes("")
}

// object makes a VPSieNode.
func (d *dump) object(name string) *v1alpha1.VPSieNode {
	m := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.VPSieNodeSpec{NodeGroup: "general", Offering: "std-2c4g", Datacenter: "ams1", Hostname: name, PlanID: "p"},
	}
	require.NoError(d, d.client.Create(d.Context(), m))
	return m
}

// node makes a Node that names a VPSieNode.
func (d *dump) node(name, vpsID string, ready corev1.ConditionStatus) {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			v1alpha1.VPSieNodeLabel: name, v1alpha1.NodeGroupLabel: "general",
			corev1.LabelInstanceTypeStable: "std-2c4g", corev1.LabelTopologyZone: "ams1",
		}},
		Spec: corev1.NodeSpec{ProviderID: "vpsie://" + vpsID},
	}
	require.NoError(d, d.client.Create(d.Context(), node))
	before := node.DeepCopy()
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
	require.NoError(d, d.client.Status().Patch(d.Context(), node, client.MergeFrom(before)))
}

// look collects, and says what there is afterwards.
func (d *dump) look() (machines, nodes, scripts int) {
	d.Helper()
	require.NoError(d, d.collector.Collect(d.Context()))
	list := &corev1.NodeList{}
	require.NoError(d, d.client.List(d.Context(), list))
	stored, err := d.api.Scripts(d.Context())
	require.NoError(d, err)
	return len(d.server.VMs()), len(list.Items), len(stored)
}

func TestNothingIsDoneOnOneLook(t *testing.T) {
	d := newDump(t)
	d.machine(host, mark("test", host))
	d.node("vpsie-general-x2", "gone", corev1.ConditionUnknown)
	require.NoError(t, d.api.AddScript(t.Context(), script, "#!/bin/sh\n"))
	there := func(machines, nodes, scripts int) {
		t.Helper()
		m, n, s := d.look()
		assert.Equal(t, []int{machines, nodes, scripts}, []int{m, n, s}, "machines, nodes, scripts")
	}
	there(1, 1, 1)
	require.NoError(t, testutil.GatherAndCompare(d.registry, strings.NewReader(`
# HELP vpsie_autoscaler_orphans Machines, nodes and scripts without an owner at the last look.
# TYPE vpsie_autoscaler_orphans gauge
vpsie_autoscaler_orphans{kind="machine"} 1
vpsie_autoscaler_orphans{kind="node"} 1
vpsie_autoscaler_orphans{kind="script"} 1
`), "vpsie_autoscaler_orphans"))
	price := offerings.Sample().Offering("std-2c4g").PricePerHour
	gathered, err := d.registry.Gather()
	require.NoError(t, err)
	for _, family := range gathered {
		if family.GetName() == "vpsie_autoscaler_orphans_price_per_hour_dollars" {
			assert.GreaterOrEqual(t, family.GetMetric()[0].GetGauge().GetValue(), price)
		}
	}
	d.clock.Step(9 * time.Minute)
	there(1, 1, 1)
	d.clock.Step(time.Minute)
	there(0, 0, 0)
	assert.Len(t, d.recorder.Events, 2)
}

func TestWhatIsNotGarbage(t *testing.T) {
	for _, c := range []struct {
		situation string
		make      func(d *dump)
	}{
		{"a machine without a mark", func(d *dump) { d.machine("web", "the shop's") }},
		{"a machine of another cluster", func(d *dump) { d.machine(host, mark("other", host)) }},
		{"a copy of a machine, notes included", func(d *dump) { d.machine("copy", mark("test", host)) }},
		{"a machine with its object", func(d *dump) {
			m := d.object(host)
			d.machine(host, inventory.Mark{ClusterID: "test", Node: host, UID: m.UID}.Notes(""))
		}},
		{"an adopted machine", func(d *dump) {
			m := d.object(host)
			m.Status.VPSID = d.machine(host, mark("test", host))
			require.NoError(d, d.client.Status().Update(d.Context(), m))
		}},
		{"a Node whose kubelet reports", func(d *dump) { d.node(host, "gone", corev1.ConditionTrue) }},
		{"a Node whose machine is somewhere", func(d *dump) {
			d.node(host, d.machine(host, "notes that somebody rewrote"), corev1.ConditionUnknown)
		}},
		{"a Node that names no VPSieNode", func(d *dump) {
			require.NoError(d, d.client.Create(d.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "control-plane"}}))
		}},
		{"a script of somebody else", func(d *dump) { require.NoError(d, d.api.AddScript(d.Context(), "setup", "#!/bin/sh\n")) }},
		{"a script of another cluster", func(d *dump) {
			require.NoError(d, d.api.AddScript(d.Context(), "vpsie-k8s-autoscaler.other."+host, "#!/bin/sh\n"))
		}},
		{"a script of a machine on its way", func(d *dump) {
			d.object(host)
			require.NoError(d, d.api.AddScript(d.Context(), script, "#!/bin/sh\n"))
		}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			d := newDump(t)
			c.make(d)
			machines, nodes, scripts := d.look()
			require.Equal(t, 1, max(machines, nodes, scripts), "there is something that could be taken for garbage")
			for range 5 {
				d.clock.Step(time.Hour)
				m, n, s := d.look()
				assert.Equal(t, []int{machines, nodes, scripts}, []int{m, n, s})
			}
		})
	}
}

// What cannot be seen for a moment is not without an owner for that long.
func TestAbsenceMustLast(t *testing.T) {
	d := newDump(t)
	d.machine(host, mark("test", host))
	d.look()
	d.clock.Step(time.Hour)
	require.NoError(t, d.server.SetFaults(fake.Fault{Kind: fake.EmptyList, Operation: fake.ListAllVMs}))
	d.look()
	require.NoError(t, d.server.SetFaults())
	d.clock.Step(time.Second)
	machines, _, _ := d.look()
	assert.Equal(t, 1, machines, "it was not in both lists all the time: the grace period begins anew")
	d.clock.Step(10 * time.Minute)
	machines, _, _ = d.look()
	assert.Zero(t, machines)
}

func TestOnlyObservedWhileAListIsMissing(t *testing.T) {
	d := newDump(t)
	d.machine(host, mark("test", host))
	d.look()
	d.clock.Step(time.Hour)
	for _, list := range []fake.Operation{fake.ListVMs, fake.ListAllVMs, fake.PendingVMs, fake.Scripts} {
		require.NoError(t, d.server.SetFaults(fake.Fault{Kind: fake.ServerError, Operation: list}))
		require.Error(t, d.collector.Collect(t.Context()), list)
		assert.Len(t, d.server.VMs(), 1)
	}
}

// A machine that is a Node has pods perhaps: it gets its VPSieNode back, and
// loses it the proper way if nobody wants it.
func TestAdoption(t *testing.T) {
	for situation, wanted := range map[string]bool{"its NodeGroup is there": true, "its NodeGroup is gone": false} {
		t.Run(situation, func(t *testing.T) {
			d := newDump(t)
			if wanted {
				require.NoError(t, d.client.Create(t.Context(), &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: v1alpha1.NodeGroupSpec{MaxNodes: 1}}))
			}
			id := d.machine(host, mark("test", host))
			d.node(host, id, corev1.ConditionTrue)
			d.look()
			d.clock.Step(10 * time.Minute)
			machines, nodes, _ := d.look()
			assert.Equal(t, 1, machines)
			assert.Equal(t, 1, nodes)
			m := &v1alpha1.VPSieNode{}
			require.NoError(t, d.client.Get(t.Context(), client.ObjectKey{Name: host}, m))
			assert.Equal(t, id, m.Annotations[vpsienode.AdoptAnnotation])
			assert.Equal(t, []string{v1alpha1.Finalizer}, m.Finalizers)
			assert.Equal(t, "general", m.Spec.NodeGroup)
			assert.Equal(t, "std-2c4g", m.Spec.Offering)
			assert.Equal(t, "ams1", m.Spec.Datacenter)
			assert.Equal(t, wanted, m.DeletionTimestamp.IsZero())
		})
	}
}

func TestCollectsAtOnceAndThenAtIntervals(t *testing.T) {
	d := newDump(t)
	d.machine(host, mark("test", host))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.collector.Start(ctx) }()
	looks := func(n int) func() bool {
		return func() bool {
			lists := 0
			for _, r := range d.server.Requests() {
				if r.Operation == fake.Scripts {
					lists++
				}
			}
			return lists == n
		}
	}
	require.Eventually(t, looks(1), 20*time.Second, 5*time.Millisecond, "at once")
	for n := 2; n <= 4; n++ {
		require.Eventually(t, d.clock.HasWaiters, 20*time.Second, time.Millisecond)
		d.clock.Step(5 * time.Minute)
		require.Eventually(t, looks(n), 20*time.Second, 5*time.Millisecond)
	}
	require.Eventually(t, func() bool { return len(d.server.VMs()) == 0 }, 20*time.Second, 5*time.Millisecond)
	assert.True(t, d.collector.NeedLeaderElection())
	cancel()
	require.NoError(t, <-done)
}

func TestOptions(t *testing.T) {
	d := newDump(t)
	for want, change := range map[string]func(*garbage.Options){
		"are needed":           func(o *garbage.Options) { o.VPSie = nil },
		"cluster ID":           func(o *garbage.Options) { o.ClusterID = "a b" },
		"must not be negative": func(o *garbage.Options) { o.Grace = -1 },
		"duplicate metrics":    func(*garbage.Options) {},
	} {
		options := d.options()
		change(&options)
		_, err := garbage.New(options)
		require.ErrorContains(t, err, want)
	}
}
