package scaleup

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Results of a decision, as in vpsie_autoscaler_scaleup_decisions_total and in
// records.
const (
	// resultBought: VPSieNodes were written.
	resultBought = "bought"
	// resultNothing: nothing needs to be bought, or nothing can be.
	resultNothing = "nothing"
	// resultHeld: machines wait for a stabilisation window, none were bought.
	resultHeld = "held"
	// resultDryRun: VPSieNodes would have been written.
	resultDryRun = "dry_run"
	// resultStale: the cluster had changed, the plan was dropped.
	resultStale = "stale"
	// resultNoCatalog: it is not known what can be bought.
	resultNoCatalog = "no_catalog"
	// resultOutOfTime: the decision took longer than its budget.
	resultOutOfTime = "out_of_time"
	// resultError: the decision failed, or could not be written completely.
	resultError = "error"
)

// Why pods are pending, as in vpsie_autoscaler_pending_pods.
const (
	pendingNew           = "new_machine"
	pendingUpcoming      = "upcoming_machine"
	pendingExisting      = "existing_node"
	pendingHeld          = "stabilization"
	pendingUnschedulable = "unschedulable"
	pendingGated         = "not_scheduled_here"
)

// What became of a plan's placement, as in vpsie_autoscaler_planned_vs_bound_total.
const (
	boundAsPlanned = "as_planned"
	// boundSwapped: a pod equal to it has its place, and it that one's.
	boundSwapped   = "swapped"
	boundElsewhere = "elsewhere"
	stillPending   = "pending"
)

// Where a pod was planned.
const (
	onMachine = "machine"
	onNode    = "node"
)

type metrics struct {
	decisions        *prometheus.CounterVec
	decisionDuration prometheus.Histogram
	pending          *prometheus.GaugeVec
	price            *prometheus.GaugeVec
	gap              prometheus.Gauge
	planned          *prometheus.CounterVec
	pendingToBound   prometheus.Histogram
	nominations      *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vpsie_autoscaler_scaleup_decisions_total",
			Help: "Scale-up decisions by what became of them: bought, nothing, held, dry_run, stale, no_catalog, out_of_time or error.",
		}, []string{"result"}),
		decisionDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "vpsie_autoscaler_scaleup_decision_duration_seconds",
			Help:    "Time from the end of a batch of hints until the plan was written down as VPSieNodes.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 5, 10, 30},
		}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "vpsie_autoscaler_pending_pods",
			Help: "Pods without a node at the latest decision, by reason: new_machine, upcoming_machine, existing_node, stabilization, unschedulable or not_scheduled_here.",
		}, []string{"reason"}),
		price: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "vpsie_autoscaler_plan_price_per_hour",
			Help: "The latest plan's prices in $/h, by kind: before, added, after and lower_bound (of added).",
		}, []string{"kind"}),
		gap: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "vpsie_autoscaler_plan_gap_ratio",
			Help: "How far the latest plan's added price is above its lower bound: 0.02 is 2 %.",
		}),
		planned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vpsie_autoscaler_planned_vs_bound_total",
			Help: "Planned pods by where they were planned (machine: one that was bought, node: one that was there) and result: as_planned, swapped (an equal pod took its place), elsewhere, or pending although the node takes pods.",
		}, []string{"target", "result"}),
		pendingToBound: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "vpsie_autoscaler_pending_to_bound_seconds",
			Help:    "Time from the creation of a pod that was planned for a bought machine until it was bound to a node.",
			Buckets: []float64{1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1800},
		}),
		nominations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vpsie_autoscaler_nominations_total",
			Help: "Nominations of pods to machines that joined, by what was read back: held or wiped.",
		}, []string{"result"}),
	}
	if registerer == nil {
		return m, nil
	}
	var failed []error
	for _, collector := range []prometheus.Collector{
		m.decisions, m.decisionDuration, m.pending, m.price, m.gap, m.planned, m.pendingToBound, m.nominations,
	} {
		failed = append(failed, registerer.Register(collector))
	}
	return m, errors.Join(failed...)
}

// describe shows a decision.
func (m *metrics) describe(d *decision) {
	count := map[string]int{pendingNew: 0, pendingUpcoming: 0, pendingExisting: 0, pendingHeld: 0, pendingUnschedulable: 0, pendingGated: 0}
	defer func() {
		for reason, pods := range count {
			m.pending.WithLabelValues(reason).Set(float64(pods))
		}
	}()
	if d.plan == nil {
		return
	}
	for _, machine := range d.buy {
		count[pendingNew] += len(d.real(machine.Pods))
	}
	for _, machine := range d.held {
		count[pendingHeld] += len(d.real(machine.Pods))
	}
	onNode := func(node string, pods int) {
		reason := pendingExisting
		if d.snapshot.Upcoming[node] != nil {
			reason = pendingUpcoming
		}
		count[reason] += pods
	}
	for _, node := range d.plan.Existing {
		onNode(node.Name, len(d.real(node.Pods)))
	}
	for node, pods := range d.committed {
		onNode(node, len(pods))
	}
	for i := range d.plan.Unschedulable {
		switch u := &d.plan.Unschedulable[i]; {
		case d.pods[u.Pod] == nil:
		case gated(u):
			count[pendingGated]++
		default:
			count[pendingUnschedulable]++
		}
	}
	price := &d.plan.PricePerHour
	m.price.WithLabelValues("before").Set(price.Before)
	m.price.WithLabelValues("added").Set(price.Added)
	m.price.WithLabelValues("after").Set(price.After)
	m.price.WithLabelValues("lower_bound").Set(d.plan.LowerBound.PricePerHour)
	m.gap.Set(d.plan.LowerBound.Gap)
}
