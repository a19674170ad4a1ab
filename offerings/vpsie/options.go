package vpsie

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
)

// Options of New. Only Credentials has no default.
type Options struct {
	// Credentials is asked before each request, and so should answer from a
	// cache; once it answers differently, the next request logs in anew.
	Credentials func(context.Context) (Credentials, error)
	// BaseURL where the credentials name none. Default https://api.vpsie.com;
	// http is accepted for loopback addresses alone.
	BaseURL string
	// Prefix, VMPrefix and PlanPrefix begin the paths of most routes, of those
	// under /vm, and of /plans/category. Default /apps/v2, /apps/v2 and /api/v2;
	// VPSie's own tools use /api/v2 for /vm as well since February 2026.
	Prefix, VMPrefix, PlanPrefix string
	// RequestsPerMinute and Burst bound what is sent. Default 100 and 100; VPSie
	// states no limit, and its own autoscaler keeps to this one.
	RequestsPerMinute, Burst int
	// MaxWait is how long a request waits for its turn under that limit, or for
	// the end of a pause VPSie asked for, before it fails. Default 30 s.
	MaxWait time.Duration
	// Timeout of one request with its answer. Default 30 s.
	Timeout time.Duration
	// MaxBodyBytes of an answer. Default 16 MiB.
	MaxBodyBytes int64
	// MaxTries of a read. Default 4. What creates, adds or deletes is sent once.
	MaxTries uint
	// RetryInterval is the mean pause before the second try; each further one is
	// twice as long. Default 500 ms.
	RetryInterval time.Duration
	// After BreakerFailures failures of VPSie in a row nothing is sent for
	// BreakerPause, and then one request. Default 5 and 30 s.
	BreakerFailures uint32
	BreakerPause    time.Duration
	// UserAgent defaults to vpsie-k8s-autoscaler.
	UserAgent string
	// HTTPTransport sends requests. Default is Go's own with TLS 1.2 or newer.
	HTTPTransport http.RoundTripper
	// Registerer gets the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Random spreads the pauses and makes request IDs. Default is seeded at random.
	Random rand.Source
	// Logger gets requests at level 1, and retries and the breaker at level 0.
	// The zero Logger logs nothing.
	Logger logr.Logger
}

var prefixForm = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)

// complete fills in defaults and refuses what makes no sense.
func (o *Options) complete() error {
	if o.Credentials == nil {
		return errors.New("vpsie: Options.Credentials is missing")
	}
	fill(&o.BaseURL, "https://api.vpsie.com")
	fill(&o.Prefix, "/apps/v2")
	fill(&o.VMPrefix, "/apps/v2")
	fill(&o.PlanPrefix, "/api/v2")
	fill(&o.RequestsPerMinute, 100)
	fill(&o.Burst, 100)
	fill(&o.MaxWait, 30*time.Second)
	fill(&o.Timeout, 30*time.Second)
	fill(&o.MaxBodyBytes, 16<<20)
	fill(&o.MaxTries, 4)
	fill(&o.RetryInterval, 500*time.Millisecond)
	fill(&o.BreakerFailures, 5)
	fill(&o.BreakerPause, 30*time.Second)
	fill(&o.UserAgent, "vpsie-k8s-autoscaler")
	for _, p := range []struct{ name, value string }{
		{"Prefix", o.Prefix}, {"VMPrefix", o.VMPrefix}, {"PlanPrefix", o.PlanPrefix},
	} {
		if !prefixForm.MatchString(p.value) {
			return fmt.Errorf("vpsie: Options.%s must be a path such as /apps/v2, got %q", p.name, p.value)
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"RequestsPerMinute", int64(o.RequestsPerMinute)}, {"Burst", int64(o.Burst)}, {"MaxWait", int64(o.MaxWait)},
		{"Timeout", int64(o.Timeout)}, {"MaxBodyBytes", o.MaxBodyBytes}, {"RetryInterval", int64(o.RetryInterval)},
		{"BreakerPause", int64(o.BreakerPause)},
	} {
		if n.value < 0 {
			return fmt.Errorf("vpsie: Options.%s must not be negative", n.name)
		}
	}
	if o.HTTPTransport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		o.HTTPTransport = transport
	}
	if o.Random == nil {
		o.Random = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	return nil
}

// fill sets what was left zero.
func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// isLoopback is true of localhost and of loopback addresses.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
