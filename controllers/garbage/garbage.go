package garbage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/inventory"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// VPSie is what is asked of VPSie beside the lists of Inventory; *vpsie.Client
// does it.
type VPSie interface {
	DeleteVM(ctx context.Context, id, reason string) error
	Scripts(ctx context.Context) ([]vpsie.Script, error)
	DeleteScript(ctx context.Context, id string) error
}

// Options of New. Those above the blank line have no default.
type Options struct {
	// Client writes to the API server, and Reader reads from it without a cache.
	Client client.Client
	Reader client.Reader
	VPSie  VPSie
	// Inventory reads VPSie's lists of machines.
	Inventory *inventory.Inventory
	// Catalog prices machines without an owner.
	Catalog func(ctx context.Context) (*offerings.Catalog, error)
	// Recorder gets events.
	Recorder events.EventRecorder
	// ClusterID is in the marks of this cluster's machines.
	ClusterID string

	// Interval is how often to look, Grace how far apart the two looks must be that
	// something is done on. Default 5 and 10 minutes.
	Interval, Grace time.Duration
	// Registerer gets the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Clock is the passage of time. Default the real one.
	Clock clock.WithTicker
}

func (o *Options) complete() error {
	if o.Client == nil || o.Reader == nil || o.VPSie == nil || o.Inventory == nil || o.Catalog == nil || o.Recorder == nil {
		return errors.New("garbage: Client, Reader, VPSie, Inventory, Catalog and Recorder are needed")
	}
	if err := bootstrap.CheckClusterID(o.ClusterID); err != nil {
		return fmt.Errorf("garbage: Options.ClusterID: %w", err)
	}
	if o.Interval < 0 || o.Grace < 0 {
		return fmt.Errorf("garbage: Options.Interval and Grace must not be negative, got %v and %v", o.Interval, o.Grace)
	}
	if o.Interval == 0 {
		o.Interval = 5 * time.Minute
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return nil
}

// Collector finds and gives back what has no owner.
type Collector struct {
	options Options
	metrics *metrics
	// since is when each suspect was first seen as such, without a break since.
	// It is not kept over a restart: a new leader looks for itself.
	since map[suspect]time.Time
}

// suspect is one thing that seems to have no owner.
type suspect struct {
	kind kind
	// id is VPSie's identifier, or the Node's UID.
	id string
}

// kind is what a suspect is.
type kind string

const (
	orphanMachine kind = "machine"
	orphanNode    kind = "node"
	orphanScript  kind = "script"
)

// New completes the options with their defaults.
func New(options Options) (*Collector, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	m, err := newMetrics(options.Registerer)
	if err != nil {
		return nil, err
	}
	return &Collector{options: options, metrics: m, since: map[suspect]time.Time{}}, nil
}

// NeedLeaderElection says that only the leader collects.
func (*Collector) NeedLeaderElection() bool { return true }

// Start collects at once, and then at every interval until the context ends.
func (c *Collector) Start(ctx context.Context) error {
	ticker := c.options.Clock.NewTicker(c.options.Interval)
	defer ticker.Stop()
	for {
		if err := c.Collect(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "looking for machines, nodes and scripts without an owner")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// Collect looks once, and acts on what it has seen twice. An error of a list
// means that nothing was concluded; errors of acts do not keep others back.
func (c *Collector) Collect(ctx context.Context) error {
	now := c.options.Clock.Now()
	s, err := c.look(ctx, now)
	if err != nil {
		c.metrics.blind.Inc()
		return err
	}
	orphans := s.orphans(c.options.ClusterID)
	since := make(map[suspect]time.Time, len(orphans))
	counts := map[kind]int{}
	price := 0.0
	var failures []error
	for _, o := range orphans {
		first, known := c.since[o.suspect]
		if !known {
			first = now
		}
		since[o.suspect] = first
		counts[o.kind]++
		price += s.price(o)
		if now.Sub(first) < c.options.Grace {
			continue
		}
		if err := c.act(ctx, s, o); err != nil {
			failures = append(failures, err)
		}
	}
	c.since = since
	c.metrics.found(counts, price)
	return errors.Join(failures...)
}
