package vpsienode_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestMetrics(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 70}, nil)
	s.group("general", nil)
	step := s.step(nil)
	s.options.Registerer = s.registry
	var err error
	step.reconciler, err = vpsienode.New(s.options)
	require.NoError(t, err)

	require.NoError(t, s.server.SetFaults(
		fake.Fault{Kind: fake.Duplicate, Operation: fake.CreateVM, Count: 1},
		fake.Fault{Kind: fake.StockOut, Operation: fake.CreateVM, Count: 1},
		fake.Fault{Kind: fake.WrongPassword, Operation: fake.DeleteVM, Count: 1, After: 1},
	))
	first := step.readied("a1")
	step.on(s.decide("general", "a2").Name, v1alpha1.PhaseFailed)
	s.decide("general", "a3")
	s.delete(first.Name)
	step.on(first.Name, v1alpha1.PhaseDeleting)

	require.NoError(t, testutil.GatherAndCompare(s.registry, strings.NewReader(`
# HELP vpsie_autoscaler_machine_duplicates_total Machines that VPSie had twice and that were deleted.
# TYPE vpsie_autoscaler_machine_duplicates_total counter
vpsie_autoscaler_machine_duplicates_total 1
# HELP vpsie_autoscaler_machine_orders_total Orders of machines by what VPSie's answer said: accepted, postponed (nothing was done), refused, unclear.
# TYPE vpsie_autoscaler_machine_orders_total counter
vpsie_autoscaler_machine_orders_total{outcome="accepted"} 1
vpsie_autoscaler_machine_orders_total{outcome="refused"} 1
# HELP vpsie_autoscaler_node_drains_total Drains of nodes by result: done, failed (and repeated), forced (DrainTimeout), unnecessary (no Node).
# TYPE vpsie_autoscaler_node_drains_total counter
vpsie_autoscaler_node_drains_total{result="done"} 1
# HELP vpsie_autoscaler_vpsienode_cannot_delete Machines that VPSie refuses to delete, which are paid for, by NodeGroup.
# TYPE vpsie_autoscaler_vpsienode_cannot_delete gauge
vpsie_autoscaler_vpsienode_cannot_delete{nodegroup="general"} 1
# HELP vpsie_autoscaler_vpsienode_failures_total VPSieNodes that failed, by reason.
# TYPE vpsie_autoscaler_vpsienode_failures_total counter
vpsie_autoscaler_vpsienode_failures_total{reason="StockOut"} 1
# HELP vpsie_autoscaler_vpsienode_phase VPSieNodes by NodeGroup and phase.
# TYPE vpsie_autoscaler_vpsienode_phase gauge
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Deleting"} 1
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Failed"} 1
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Joining"} 0
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Pending"} 1
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Provisioned"} 0
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Provisioning"} 0
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Ready"} 0
vpsie_autoscaler_vpsienode_phase{nodegroup="general",phase="Terminating"} 0
`), "vpsie_autoscaler_machine_duplicates_total", "vpsie_autoscaler_machine_orders_total", "vpsie_autoscaler_node_drains_total",
		"vpsie_autoscaler_vpsienode_cannot_delete", "vpsie_autoscaler_vpsienode_failures_total", "vpsie_autoscaler_vpsienode_phase"))
	durations, err := testutil.GatherAndCount(s.registry, "vpsie_autoscaler_vpsienode_phase_duration_seconds")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, durations, 5, "phases that were left")
	_, err = vpsienode.New(s.options)
	require.ErrorContains(t, err, "duplicate metrics", "two reconcilers cannot share a registry")
}

func TestOptions(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 71}, nil)
	for want, change := range map[string]func(*vpsienode.Options){
		"Inventory, Bootstrap, Catalog and Recorder are needed": func(o *vpsienode.Options) { o.Catalog = nil },
		`cluster ID ""`: func(o *vpsienode.Options) { o.ClusterID = "" },
		"Options.SettleTime must not be negative":       func(o *vpsienode.Options) { o.SettleTime = -time.Second },
		"Options.ConcurrentDrains must not be negative": func(o *vpsienode.Options) { o.ConcurrentDrains = -1 },
	} {
		options := s.options
		options.Registerer = nil
		change(&options)
		_, err := vpsienode.New(options)
		require.ErrorContains(t, err, want)
	}
}
