package vpsie

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of the label status that are not an HTTP status.
const (
	statusNone       = "none"
	statusRefused    = "refused"
	statusUnreadable = "unreadable"
	statusOther      = "other"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// newMetrics makes the metrics, or finds those another client registered.
func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "vpsie_api_requests_total",
		Help: "Requests sent to VPSie by operation and outcome: the HTTP status, refused (200 with an error), unreadable or none.",
	}, []string{"method", "status"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "vpsie_api_request_duration_seconds",
		Help:    "Time from sending a request to VPSie to the end of its answer, by operation.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"method"})
	if registerer == nil {
		return &metrics{requests, duration}, nil
	}
	var err error
	if requests, err = register(registerer, requests); err != nil {
		return nil, err
	}
	if duration, err = register(registerer, duration); err != nil {
		return nil, err
	}
	return &metrics{requests, duration}, nil
}

func register[T prometheus.Collector](registerer prometheus.Registerer, collector T) (T, error) {
	err := registerer.Register(collector)
	if taken, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := taken.ExistingCollector.(T); ok {
			return same, nil
		}
	}
	return collector, err
}

func (m *metrics) observe(op, status string, took time.Duration) {
	m.requests.WithLabelValues(op, status).Inc()
	m.duration.WithLabelValues(op).Observe(took.Seconds())
}

// statusLabel says how a request ended, in few words: a server may make up
// numbers, and each would be a series.
func statusLabel(httpStatus int, err error) string {
	switch {
	case httpStatus == 0:
		return statusNone
	case http.StatusText(httpStatus) == "":
		return statusOther
	case httpStatus/100 != 2 || err == nil:
		return strconv.Itoa(httpStatus)
	}
	if e, ok := errors.AsType[*Error](err); ok && e.said {
		return statusRefused
	}
	return statusUnreadable
}
