package app

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

func TestMain(m *testing.M) {
	planetest.Main(m, plane.Options{NoScheduler: true, NoControllerManager: true})
}

// described is a registry that also notes what could be exposed: a vector without
// values is in no scrape.
type described struct {
	*prometheus.Registry
	series []string
}

var descForm = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "((?:[^"\\]|\\.)*)", .*variableLabels: \{([^}]*)\}\}$`)

func (d *described) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 100)
	c.Describe(descs)
	close(descs)
	for desc := range descs {
		match := descForm.FindStringSubmatch(desc.String())
		if match == nil {
			return fmt.Errorf("cannot read %s", desc)
		}
		labels := strings.ReplaceAll(match[3], ",", ", ")
		d.series = append(d.series, fmt.Sprintf("| `%s` | %s | %s |", match[1], labels, strings.ReplaceAll(match[2], `\"`, `"`)))
	}
	return d.Registry.Register(c)
}

// docs/metrics.md lists every series, with its labels and in the words of its help
// text, and no other.
func TestEverySeriesIsDocumented(t *testing.T) {
	cluster := planetest.Get(t)
	o, err := parse([]string{"--metrics-addr=0", "--health-addr=0", "--leader-election=false"}, io.Discard)
	require.NoError(t, err)
	scheme, err := newScheme()
	require.NoError(t, err)
	mgr, err := manager.New(cluster.Config(), manager.Options{
		Scheme: scheme, Cache: cacheOptions(o), HealthProbeBindAddress: "0", Metrics: metricsserver.Options{BindAddress: "0"},
	})
	require.NoError(t, err)
	registry := &described{Registry: prometheus.NewRegistry()}
	require.NoError(t, wire(t.Context(), mgr, registry, o, "test"))
	slices.Sort(registry.series)

	page, err := os.ReadFile("../../../docs/metrics.md")
	require.NoError(t, err)
	var documented []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `") {
			documented = append(documented, strings.TrimSpace(line))
		}
	}
	slices.Sort(documented)
	assert.Equal(t, registry.series, documented)
	for _, line := range registry.series {
		assert.Contains(t, line, "`"+metricPrefix, "one prefix for all")
	}
}
