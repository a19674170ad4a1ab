package catalog

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	offerings prometheus.Gauge
	lastRead  prometheus.Gauge
	reads     *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		offerings: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "vpsie_autoscaler_catalog_offerings",
			Help: "Offerings in the catalogue that plans are made from.",
		}),
		lastRead: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "vpsie_autoscaler_catalog_last_read_timestamp_seconds",
			Help: "When VPSie last said what it sells, in seconds since 1970.",
		}),
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "vpsie_autoscaler_catalog_reads_total",
			Help: "Readings of catalogues by what was read (offerings, datacenters, override) and result (ok, error).",
		}, []string{"what", "result"}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.offerings, m.lastRead, m.reads} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) read(what string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.reads.WithLabelValues(what, result).Inc()
}
