package vpsie

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newStage(t, map[string][]reply{
		"GET /apps/v2/vm": {
			status(502, "<html>"), data(`[]`), data(`[{}]`), status(404, `{"error":true}`), status(799, `{"error":true}`), ok("<html>"),
		},
		"POST /apps/v2/vm":   {refused("quota exceeded")},
		"DELETE /apps/v2/vm": {status(http.StatusNoContent, "")},
	})
	c := s.client(func(o *Options) { o.Registerer, o.MaxTries = registry, 2 })
	for range 5 {
		_, _ = c.ListVMs(t.Context())
	}
	require.Error(t, c.CreateVM(t.Context(), smallVM))
	require.NoError(t, c.DeleteVM(t.Context(), "a", "why"))
	require.Error(t, c.DeleteVM(t.Context(), "", "why"), "not sent, not counted")

	// Another client of the same process counts in the same series.
	broken := newClient(t, func(o *Options) {
		o.Registerer = registry
		o.HTTPTransport = inMemory(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken pipe") })
	})
	require.Error(t, broken.CreateVM(t.Context(), smallVM))

	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP vpsie_api_requests_total Requests sent to VPSie by operation and outcome: the HTTP status, refused (200 with an error), unreadable or none.
# TYPE vpsie_api_requests_total counter
vpsie_api_requests_total{method="CreateVM",status="none"} 1
vpsie_api_requests_total{method="CreateVM",status="refused"} 1
vpsie_api_requests_total{method="DeleteVM",status="204"} 1
vpsie_api_requests_total{method="ListVMs",status="200"} 2
vpsie_api_requests_total{method="ListVMs",status="404"} 1
vpsie_api_requests_total{method="ListVMs",status="502"} 1
vpsie_api_requests_total{method="ListVMs",status="other"} 1
vpsie_api_requests_total{method="ListVMs",status="unreadable"} 2
`), "vpsie_api_requests_total"))
	count, err := testutil.GatherAndCount(registry, "vpsie_api_request_duration_seconds")
	require.NoError(t, err)
	assert.Equal(t, 3, count, "a histogram for each operation")
}

func TestMetricsThatCannotBeRegistered(t *testing.T) {
	for _, name := range []string{"vpsie_api_requests_total", "vpsie_api_request_duration_seconds"} {
		registry := prometheus.NewRegistry()
		require.NoError(t, registry.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "another's"})))
		o := Options{Registerer: registry}
		fixedCredentials(Credentials{Token: "t"})(&o)
		_, err := New(o)
		require.ErrorContains(t, err, name)
	}
}
