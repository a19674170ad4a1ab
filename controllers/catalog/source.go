package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// ErrUnread is the error of a Source that has read no catalogue yet.
var ErrUnread = errors.New("no catalogue was read yet")

// VPSie is what is read of the VPSie API; *vpsie.Client is one.
type VPSie interface {
	Datacenters(ctx context.Context) ([]vpsie.Datacenter, error)
	Catalog(ctx context.Context, datacenters []string, osImage string, model offerings.AllocatableModel) (*offerings.Catalog, error)
	KubeCatalog(ctx context.Context, datacenters []string, model offerings.AllocatableModel) (*offerings.Catalog, error)
}

// Learned corrects catalogues by what nodes showed; *learned.Learner is one.
type Learned interface {
	// Look takes note of the nodes that are there now.
	Look(ctx context.Context, catalog *offerings.Catalog) error
	// Apply returns the catalogue with what was learned.
	Apply(catalog *offerings.Catalog) *offerings.Catalog
}

// Override reads the user's own catalogue, in the format of docs/catalog.md.
type Override func(ctx context.Context) (*offerings.Catalog, error)

// Options of New. VPSie or Override, and Client, have no default.
type Options struct {
	// VPSie is asked what is sold; nil with an Override that is all there is.
	VPSie VPSie
	// Override is the user's own catalogue; nil without.
	Override Override
	// Client lists NodeGroups and VPSieNodes; it should answer from a cache.
	Client client.Reader
	// Learned corrects what offerings offer; nil leaves estimates as they are.
	Learned Learned
	// Model estimates allocatable. The zero value stands for
	// offerings.DefaultAllocatableModel().
	Model offerings.AllocatableModel
	// Refresh is how old an answer of VPSie may become. Default 10 minutes.
	Refresh time.Duration
	// Retry is how long VPSie is left alone after it could not be read. Default 30 s.
	Retry time.Duration
	// Clock defaults to the real one.
	Clock clock.WithTicker
	// Registerer gets the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Logger gets failed reads. The zero Logger logs nothing.
	Logger logr.Logger
}

// Source yields the current catalogue. It is safe for concurrent use.
type Source struct {
	options Options
	metrics *metrics

	// reading is held while VPSie is asked, so that it is asked once.
	reading sync.Mutex
	// mu guards what follows and is not held while anyone is asked.
	mu       sync.Mutex
	answers  map[subject]*answer
	places   *placesAnswer
	override *offerings.Catalog
	// seen are offerings as they were last sold, by name.
	seen map[string]offerings.Offering
}

// New makes a Source that has read nothing yet.
func New(options Options) (*Source, error) {
	switch {
	case options.Client == nil:
		return nil, errors.New("catalog: Options.Client is missing")
	case options.VPSie == nil && options.Override == nil:
		return nil, errors.New("catalog: Options has neither VPSie nor Override")
	}
	if options.Model.CPUReserved == nil && options.Model.MaxPods == 0 {
		options.Model = offerings.DefaultAllocatableModel()
	}
	if options.Refresh == 0 {
		options.Refresh = 10 * time.Minute
	}
	if options.Retry == 0 {
		options.Retry = 30 * time.Second
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	m, err := newMetrics(options.Registerer)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return &Source{
		options: options, metrics: m,
		answers: map[subject]*answer{}, seen: map[string]offerings.Offering{},
	}, nil
}

// Catalog is what the planner may buy from now: what was last read for the
// NodeGroups there are, under the Override, with offerings that only machines
// have any longer, and with what was learned. It asks VPSie nothing. The error
// is ErrUnread as long as there is nothing to plan with.
func (s *Source) Catalog(ctx context.Context) (*offerings.Catalog, error) {
	var groups v1alpha1.NodeGroupList
	if err := s.options.Client.List(ctx, &groups); err != nil {
		return nil, fmt.Errorf("catalogue: list NodeGroups: %w", err)
	}
	var machines v1alpha1.VPSieNodeList
	if err := s.options.Client.List(ctx, &machines, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("catalogue: list VPSieNodes: %w", err)
	}
	override, err := s.readOverride(ctx)
	if err != nil {
		return nil, err
	}
	catalog, err := s.assemble(subjectsOf(groups.Items), override)
	if err != nil {
		return nil, err
	}
	if catalog, err = s.retain(catalog, machines.Items); err != nil {
		return nil, err
	}
	s.metrics.offerings.Set(float64(len(catalog.Offerings)))
	if s.options.Learned == nil {
		return catalog, nil
	}
	if err := s.options.Learned.Look(ctx, catalog); err != nil {
		return nil, err
	}
	return s.options.Learned.Apply(catalog), nil
}

// assemble is the catalogue of several subjects under the override.
func (s *Source) assemble(subjects []subject, override *offerings.Catalog) (*offerings.Catalog, error) {
	var read []*offerings.Catalog
	s.mu.Lock()
	for _, of := range subjects {
		if a := s.answers[of]; a != nil && a.catalog != nil {
			read = append(read, a.catalog)
		}
	}
	s.mu.Unlock()
	if len(read) == 0 && override == nil {
		return nil, ErrUnread
	}
	if len(read) == 0 {
		return override, nil
	}
	catalog, err := union(read)
	if err != nil || override == nil {
		return catalog, err
	}
	return overlay(catalog, override)
}

// readOverride returns the user's catalogue, or the last good one while it
// cannot be read. A catalogue that was never read is an error: its prices are
// the user's, and VPSie's in their place would be a guess.
func (s *Source) readOverride(ctx context.Context) (*offerings.Catalog, error) {
	if s.options.Override == nil {
		return nil, nil
	}
	now, err := s.options.Override(ctx)
	s.metrics.read("override", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.override = now
		return now, nil
	}
	if s.override == nil {
		return nil, fmt.Errorf("%w: %w", ErrUnread, err)
	}
	s.options.Logger.Error(err, "the user's catalogue cannot be read; the last good one stays")
	return s.override, nil
}

// Start reads VPSie again whenever an answer is Refresh old, until ctx ends.
func (s *Source) Start(ctx context.Context) error {
	if s.options.VPSie == nil {
		return nil
	}
	ticker := s.options.Clock.NewTicker(min(s.options.Refresh, s.options.Retry))
	defer ticker.Stop()
	for {
		s.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// NeedLeaderElection is true: only the leader asks VPSie.
func (s *Source) NeedLeaderElection() bool { return true }

// refresh reads what is not fresh for the NodeGroups there are.
func (s *Source) refresh(ctx context.Context) {
	var groups v1alpha1.NodeGroupList
	if err := s.options.Client.List(ctx, &groups); err != nil {
		s.options.Logger.Error(err, "the catalogue is not refreshed: NodeGroups cannot be listed")
		return
	}
	for _, of := range subjectsOf(groups.Items) {
		if _, err := s.read(ctx, of, wantedPlaces(groups.Items, of)); err != nil && ctx.Err() == nil {
			s.options.Logger.Error(err, "VPSie's offerings cannot be read", "for", of.String())
		}
	}
}
