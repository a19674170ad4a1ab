package nodegroup

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// metrics are gauges per NodeGroup, which is cluster-scoped: the seed's label
// namespace would always be empty and is left out.
type metrics struct {
	desired, current, ready, price, buyable *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "vpsie_autoscaler_nodegroup_" + name, Help: help}, []string{"nodegroup"})
	}
	m := &metrics{
		desired: gauge("desired_nodes", "Machines of the NodeGroup that are to stay."),
		current: gauge("current_nodes", "Machines that VPSie has, or may have, for the NodeGroup."),
		ready:   gauge("ready_nodes", "Ready Nodes of the NodeGroup."),
		price:   gauge("price_dollars_per_hour", "What the NodeGroup's current machines cost, in dollars per hour."),
		buyable: gauge("buyable", "1 if the NodeGroup may get new machines, 0 if not (paused, not valid, being deleted, deletions refused)."),
	}
	if registerer == nil {
		return m, nil
	}
	for _, g := range m.all() {
		if err := registerer.Register(g); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) all() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{m.desired, m.current, m.ready, m.price, m.buyable}
}

func (m *metrics) show(group *v1alpha1.NodeGroup, t tally) {
	price, _ := t.price.Float64()
	buyable := 0.0
	if ok, _ := Buyable(group); ok {
		buyable = 1
	}
	m.desired.WithLabelValues(group.Name).Set(float64(t.desired))
	m.current.WithLabelValues(group.Name).Set(float64(t.current))
	m.ready.WithLabelValues(group.Name).Set(float64(t.ready))
	m.price.WithLabelValues(group.Name).Set(price)
	m.buyable.WithLabelValues(group.Name).Set(buyable)
}

func (m *metrics) forget(group string) {
	for _, g := range m.all() {
		g.DeleteLabelValues(group)
	}
}
