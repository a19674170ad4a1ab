package garbage

import "github.com/prometheus/client_golang/prometheus"

const namespace = "vpsie_autoscaler"

type metrics struct {
	orphans   *prometheus.GaugeVec
	price     prometheus.Gauge
	collected *prometheus.CounterVec
	blind     prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		orphans: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "orphans",
			Help: "Machines, nodes and scripts without an owner at the last look.",
		}, []string{"kind"}),
		price: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "orphans_price_per_hour_dollars",
			Help: "What the machines without an owner cost, in $/h, by the catalogue's price of their size.",
		}),
		collected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "orphans_collected_total",
			Help: "Machines, nodes and scripts without an owner that were dealt with: deleted or adopted.",
		}, []string{"kind", "action"}),
		blind: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "orphans_look_failures_total",
			Help: "Looks for orphans that concluded nothing because a list could not be read.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.orphans, m.price, m.collected, m.blind} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// found sets what was seen, every kind.
func (m *metrics) found(counts map[kind]int, price float64) {
	for _, k := range []kind{orphanMachine, orphanNode, orphanScript} {
		m.orphans.WithLabelValues(string(k)).Set(float64(counts[k]))
	}
	m.price.Set(price)
}
