package nodegroup

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestAGroupIsCheckedAndMayThenBuy(t *testing.T) {
	w := newWorld(t, account())
	created := w.create("general", spec(nil))
	buyable, why := Buyable(created)
	assert.False(t, buyable)
	assert.Equal(t, "the NodeGroup was not yet checked against VPSie", why)

	group, result := w.reconcile("general")
	assert.True(t, controllerutil.ContainsFinalizer(group, v1alpha1.Finalizer))
	assert.Equal(t, 10*time.Minute, result.RequeueAfter)
	valid := condition(t, group, v1alpha1.NodeGroupValid)
	assert.Equal(t, metav1.ConditionTrue, valid.Status, valid.Message)
	assert.Equal(t, start, valid.LastTransitionTime.UTC())
	assert.Equal(t, "BelowMinimum", condition(t, group, v1alpha1.NodeGroupReady).Reason)
	assert.Equal(t, group.Generation, group.Status.ObservedGeneration)
	buyable, why = Buyable(group)
	assert.True(t, buyable, why)
	assert.Equal(t, "Normal Valid VPSie knows every identifier", <-w.events.Events)
	assert.EqualValues(t, 1, testutil.ToFloat64(w.reconciler.metrics.buyable.WithLabelValues("general")))

	// Nothing to do: VPSie is not asked and nothing is written.
	asked := len(w.server.Requests())
	again, result := w.reconcile("general")
	assert.Equal(t, group.ResourceVersion, again.ResourceVersion)
	assert.Len(t, w.server.Requests(), asked)
	assert.Equal(t, 10*time.Minute, result.RequeueAfter)

	// A change is not believed before it was checked.
	group.Spec.SSHKeyIDs = []string{"key-1", "key-2"}
	require.NoError(t, w.api.Update(t.Context(), group))
	buyable, why = Buyable(w.group("general"))
	assert.False(t, buyable)
	assert.Equal(t, "the NodeGroup was not yet checked against VPSie", why)
	w.clock.Step(6 * time.Second)
	group, result = w.reconcile("general")
	buyable, why = Buyable(group)
	assert.False(t, buyable)
	assert.Equal(t, `the NodeGroup is not valid: spec.sshKeyIDs[1]: VPSie has no SSH key "key-2"`, why)
	assert.Equal(t, `Warning Invalid spec.sshKeyIDs[1]: VPSie has no SSH key "key-2"`, <-w.events.Events)
	assert.Equal(t, time.Minute, result.RequeueAfter, "the key may be added at VPSie without a change here")
	assert.EqualValues(t, 0, testutil.ToFloat64(w.reconciler.metrics.buyable.WithLabelValues("general")))
}

func TestNothingIsBoughtWhileVPSieCannotBeAsked(t *testing.T) {
	w := newWorld(t, account())
	w.create("general", spec(nil))
	w.server.Down(true)
	group, result := w.reconcile("general")
	valid := condition(t, group, v1alpha1.NodeGroupValid)
	assert.Equal(t, metav1.ConditionUnknown, valid.Status)
	assert.Equal(t, "VPSieUnreachable", valid.Reason)
	assert.Contains(t, valid.Message, "VPSie cannot be asked: ")
	assert.Equal(t, metav1.ConditionUnknown, condition(t, group, v1alpha1.NodeGroupReady).Status)
	buyable, _ := Buyable(group)
	assert.False(t, buyable)
	assert.Equal(t, 15*time.Second, result.RequeueAfter)
	assert.Contains(t, <-w.events.Events, "Warning VPSieUnreachable")

	w.server.Down(false)
	w.clock.Step(15 * time.Second)
	group, _ = w.reconcile("general")
	buyable, why := Buyable(group)
	assert.True(t, buyable, why)

	// Lists that were read are kept, but not for longer than a check holds.
	w.server.Down(true)
	w.clock.Step(11 * time.Minute)
	group, _ = w.reconcile("general")
	assert.Equal(t, metav1.ConditionUnknown, condition(t, group, v1alpha1.NodeGroupValid).Status)
}

func TestADeletedGroupWaitsForItsMachines(t *testing.T) {
	w := newWorld(t, account())
	w.create("general", spec(nil))
	w.create("other", spec(nil))
	w.reconcile("general")
	kept := func(m *v1alpha1.VPSieNode) { m.Finalizers = []string{v1alpha1.Finalizer} }
	first := w.machine("general", "a", v1alpha1.PhaseReady, kept)
	w.machine("general", "b", v1alpha1.PhasePending, nil)
	foreign := w.machine("other", "c", v1alpha1.PhaseReady, kept)
	require.NoError(t, w.api.Delete(t.Context(), w.group("general")))

	group, result := w.reconcile("general")
	require.NotNil(t, group)
	assert.Equal(t, 30*time.Second, result.RequeueAfter)
	buyable, why := Buyable(group)
	assert.False(t, buyable)
	assert.Equal(t, "the NodeGroup is being deleted", why)
	require.NoError(t, w.api.Get(t.Context(), client.ObjectKeyFromObject(first), first))
	assert.NotNil(t, first.DeletionTimestamp, "its own finalizer takes it from here")
	require.NoError(t, w.api.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign))
	assert.Nil(t, foreign.DeletionTimestamp)

	group, _ = w.reconcile("general")
	require.NotNil(t, group)
	ready := condition(t, group, v1alpha1.NodeGroupReady)
	assert.Equal(t, "Deleting", ready.Reason)
	assert.Equal(t, "waiting for 1 machines to be gone", ready.Message)

	first.Finalizers = nil
	require.NoError(t, w.api.Update(t.Context(), first))
	group, _ = w.reconcile("general")
	assert.Nil(t, group)
	assert.Zero(t, testutil.CollectAndCount(w.reconciler.metrics.desired))
	group, result = w.reconcile("general")
	assert.Nil(t, group)
	assert.Zero(t, result)
}

func TestAGroupThatWasNeverReconciledGoesAtOnce(t *testing.T) {
	w := newWorld(t, account())
	w.create("general", spec(nil))
	require.NoError(t, w.api.Delete(t.Context(), w.group("general")))
	group, result := w.reconcile("general")
	assert.Nil(t, group)
	assert.Zero(t, result)
}

func TestMachinesWithoutAGroupAreRemovedAfterAGracePeriod(t *testing.T) {
	w := newWorld(t, account())
	m := w.machine("general", "a", v1alpha1.PhaseProvisioning, nil)
	_, result := w.reconcile("general")
	assert.Equal(t, 10*time.Minute, result.RequeueAfter)
	assert.Contains(t, <-w.events.Events, "NodeGroup general does not exist; the machine will be removed unless the NodeGroup returns within 10m0s")
	w.clock.Step(9 * time.Minute)
	_, result = w.reconcile("general")
	assert.Equal(t, time.Minute, result.RequeueAfter)
	require.NoError(t, w.api.Get(t.Context(), client.ObjectKeyFromObject(m), m), "still there")

	// The group returns: the wait starts anew should it go again.
	w.create("general", spec(nil))
	w.reconcile("general")
	group := w.group("general")
	group.Finalizers = nil
	require.NoError(t, w.api.Update(t.Context(), group))
	require.NoError(t, w.api.Delete(t.Context(), group))
	_, result = w.reconcile("general")
	assert.Equal(t, 10*time.Minute, result.RequeueAfter)

	w.clock.Step(10 * time.Minute)
	w.reconcile("general")
	assert.Error(t, w.api.Get(t.Context(), client.ObjectKeyFromObject(m), m))
	_, result = w.reconcile("general")
	assert.Zero(t, result)
}

// With a manager, as in the controller: watches lead to reconciles.
func TestChangesOfMachinesAndNodesReachTheStatus(t *testing.T) {
	w := newWorld(t, account())
	manager, err := ctrl.NewManager(planetest.Get(t).Config(), ctrl.Options{
		Scheme: w.scheme, Metrics: server.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
	})
	require.NoError(t, err)
	options := w.reconciler.options
	options.Client, options.Reader, options.Registerer = manager.GetClient(), manager.GetAPIReader(), nil
	reconciler, err := New(options)
	require.NoError(t, err)
	require.NoError(t, reconciler.SetupWithManager(manager))
	done := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- manager.Start(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	eventually := func(what string, holds func(s v1alpha1.NodeGroupStatus) bool) {
		t.Helper()
		require.Eventually(t, func() bool { g := w.group("general"); return g != nil && holds(g.Status) }, 20*time.Second, 20*time.Millisecond, what)
	}
	w.create("general", spec(nil))
	eventually("the group is checked", func(s v1alpha1.NodeGroupStatus) bool { return len(s.Conditions) > 0 && s.DesiredNodes == 0 })
	now := metav1.NewTime(start)
	m := w.machine("general", "a", v1alpha1.PhaseReady, func(m *v1alpha1.VPSieNode) { m.Status.RequestedAt = &now })
	eventually("the machine counts", func(s v1alpha1.NodeGroupStatus) bool { return s.CurrentNodes == 1 && s.ReadyNodes == 0 })
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: m.Spec.Hostname, Labels: map[string]string{v1alpha1.NodeGroupLabel: "general"}}}
	require.NoError(t, w.api.Create(t.Context(), node))
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
	require.NoError(t, w.api.Status().Update(t.Context(), node))
	eventually("the node is ready", func(s v1alpha1.NodeGroupStatus) bool { return s.ReadyNodes == 1 && s.PricePerHour == "0.0243" })
	require.NoError(t, w.api.Delete(t.Context(), node))
	eventually("the node is gone", func(s v1alpha1.NodeGroupStatus) bool { return s.ReadyNodes == 0 })
	require.NoError(t, w.api.Delete(t.Context(), w.group("general")))
	require.Eventually(t, func() bool { return w.group("general") == nil }, 20*time.Second, 20*time.Millisecond)
}

func TestOptionsThatAreMissing(t *testing.T) {
	_, err := New(Options{})
	require.EqualError(t, err, "nodegroup: Options.Client is missing")
	w := newWorld(t, fake.Config{})
	options := w.reconciler.options
	options.Retry = -1
	_, err = New(options)
	require.EqualError(t, err, "nodegroup: durations in Options must not be negative")
	options.Retry = 0
	options.Registerer = prometheus.NewRegistry()
	_, err = New(options)
	require.NoError(t, err)
	_, err = New(options)
	require.Error(t, err, "metrics are registered once")
}

// failing is an API server that refuses to be read.
type failing struct{ client.Client }

var errDown = errors.New("the API server is down")

func (failing) List(_ context.Context, _ client.ObjectList, _ ...client.ListOption) error {
	return errDown
}

func TestNothingIsRemovedWhileTheAPIServerCannotBeRead(t *testing.T) {
	w := newWorld(t, account())
	w.create("general", spec(nil))
	w.reconcile("general")
	m := w.machine("general", "a", v1alpha1.PhaseReady, nil)
	w.reconciler.options.Reader = failing{w.api}
	require.NoError(t, w.api.Delete(t.Context(), w.group("general")))
	_, err := w.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Name: "general"}})
	require.ErrorIs(t, err, errDown)
	require.NotNil(t, w.group("general"))
	require.NoError(t, w.api.Get(t.Context(), client.ObjectKeyFromObject(m), m))
	assert.Nil(t, m.DeletionTimestamp)
}
