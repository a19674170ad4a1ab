package learned

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

type metrics struct {
	observations *prometheus.CounterVec
	memory       *prometheus.GaugeVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		observations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vpsie_autoscaler_learned_observations_total",
			Help: "Nodes whose allocatable was noted, by result: asPlanned, or smaller than was planned.",
		}, []string{"result"}),
		memory: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "vpsie_autoscaler_learned_memory_bytes",
			Help: "Memory that pods can use of an offering, as learned from its nodes.",
		}, []string{"offering"}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.observations, m.memory} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// measure needs the lock.
func (l *Learner) measure(catalog *offerings.Catalog) {
	l.metrics.memory.Reset()
	learned := l.observations.learned(catalog)
	for i := range catalog.Offerings {
		if seen, ok := learned.Seen(&catalog.Offerings[i]); ok {
			l.metrics.memory.WithLabelValues(catalog.Offerings[i].Name).Set(float64(seen.Allocatable.MemoryBytes))
		}
	}
}
