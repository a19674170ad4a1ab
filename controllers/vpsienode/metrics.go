package vpsienode

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

const namespace = "vpsie_autoscaler"

// metrics of machines. Labels are bounded: phases, reasons and outcomes are
// words of this program, NodeGroups are few.
type metrics struct {
	orders     *prometheus.CounterVec
	duplicates prometheus.Counter
	failures   *prometheus.CounterVec
	drains     *prometheus.CounterVec
	phases     *prometheus.HistogramVec
}

func newMetrics(registerer prometheus.Registerer, reader client.Reader) (*metrics, error) {
	m := &metrics{
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "machine_orders_total",
			Help: "Orders of machines by what VPSie's answer said: accepted, postponed (nothing was done), refused, unclear.",
		}, []string{"outcome"}),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "machine_duplicates_total",
			Help: "Machines that VPSie had twice and that were deleted.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "vpsienode_failures_total",
			Help: "VPSieNodes that failed, by reason.",
		}, []string{"reason"}),
		drains: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "node_drains_total",
			Help: "Drains of nodes by result: done, failed (and repeated), forced (DrainTimeout), unnecessary (no Node).",
		}, []string{"result"}),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "vpsienode_phase_duration_seconds",
			Help:    "Time that VPSieNodes spent in a phase before they left it.",
			Buckets: []float64{1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 2400},
		}, []string{"phase"}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.orders, m.duplicates, m.failures, m.drains, m.phases, &census{reader}} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// moved records how long a machine was in the phase that it leaves.
func (m *metrics) moved(before, after *v1alpha1.VPSieNodeStatus, created, now time.Time) {
	if before.Phase == after.Phase {
		return
	}
	since := &created
	switch before.Phase {
	case v1alpha1.PhaseProvisioning:
		since = timeOf(before.RequestedAt)
	case v1alpha1.PhaseProvisioned:
		since = timeOf(before.ProvisionedAt)
	case v1alpha1.PhaseJoining:
		since = timeOf(before.JoinedAt)
	case v1alpha1.PhaseReady:
		since = timeOf(before.ReadyAt)
	case v1alpha1.PhaseTerminating:
		since = timeOf(before.TerminatingAt)
	case v1alpha1.PhaseFailed:
		since = timeOf(before.FailedAt)
	}
	if since == nil {
		return
	}
	phase := before.Phase
	if phase == "" {
		phase = v1alpha1.PhasePending
	}
	m.phases.WithLabelValues(string(phase)).Observe(max(0, now.Sub(*since).Seconds()))
}

// census counts the VPSieNodes when it is asked, so that no count is left behind
// by one that is gone.
type census struct{ reader client.Reader }

var (
	phaseDesc = prometheus.NewDesc(namespace+"_vpsienode_phase",
		"VPSieNodes by NodeGroup and phase.", []string{"nodegroup", "phase"}, nil)
	undeletableDesc = prometheus.NewDesc(namespace+"_vpsienode_cannot_delete",
		"Machines that VPSie refuses to delete, which are paid for, by NodeGroup.", []string{"nodegroup"}, nil)
)

var phases = []v1alpha1.VPSieNodePhase{
	v1alpha1.PhasePending, v1alpha1.PhaseProvisioning, v1alpha1.PhaseProvisioned, v1alpha1.PhaseJoining,
	v1alpha1.PhaseReady, v1alpha1.PhaseTerminating, v1alpha1.PhaseDeleting, v1alpha1.PhaseFailed,
}

// Describe tells what Collect sends.
func (c *census) Describe(descs chan<- *prometheus.Desc) {
	descs <- phaseDesc
	descs <- undeletableDesc
}

// Collect counts. Every phase of a NodeGroup with machines is there, with 0 if
// no machine is in it.
func (c *census) Collect(samples chan<- prometheus.Metric) {
	list := &v1alpha1.VPSieNodeList{}
	if err := c.reader.List(context.Background(), list); err != nil {
		samples <- prometheus.NewInvalidMetric(phaseDesc, err)
		return
	}
	counts := map[string]map[v1alpha1.VPSieNodePhase]int{}
	undeletable := map[string]int{}
	for i := range list.Items {
		m := &list.Items[i]
		group, phase := m.Spec.NodeGroup, m.Status.Phase
		if phase == "" {
			phase = v1alpha1.PhasePending
		}
		if counts[group] == nil {
			counts[group] = map[v1alpha1.VPSieNodePhase]int{}
		}
		counts[group][phase]++
		if meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.CannotDelete) {
			undeletable[group]++
		}
	}
	for group, byPhase := range counts {
		for _, phase := range phases {
			samples <- prometheus.MustNewConstMetric(phaseDesc, prometheus.GaugeValue, float64(byPhase[phase]), group, string(phase))
		}
		samples <- prometheus.MustNewConstMetric(undeletableDesc, prometheus.GaugeValue, float64(undeletable[group]), group)
	}
}
