package catalog

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

const image = "image-ubuntu-2404"

// objects stand for what a cache has.
type objects struct {
	groups   []v1alpha1.NodeGroup
	machines []v1alpha1.VPSieNode
	err      error
}

func (o *objects) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch l := list.(type) {
	case *v1alpha1.NodeGroupList:
		l.Items = append([]v1alpha1.NodeGroup{}, o.groups...)
	case *v1alpha1.VPSieNodeList:
		l.Items = append([]v1alpha1.VPSieNode{}, o.machines...)
	}
	return o.err
}

func (o *objects) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("a Source lists")
}

func group(name string, change func(*v1alpha1.NodeGroupSpec)) v1alpha1.NodeGroup {
	g := v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.NodeGroupSpec{
		MaxNodes: 10, OSImageID: image, Bootstrap: v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapKubeadm},
	}}
	if change != nil {
		change(&g.Spec)
	}
	return g
}

// world is a Source over a fake VPSie.
type world struct {
	source  *Source
	server  *fake.Server
	cluster *objects
	clock   *testingclock.FakeClock
}

func newWorld(t *testing.T, config fake.Config, change func(*Options)) *world {
	t.Helper()
	server, err := fake.New(config)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	c, err := vpsie.New(vpsie.Options{
		BaseURL: front.URL, RequestsPerMinute: 1e6, Burst: 1e6, RetryInterval: time.Microsecond, BreakerFailures: 1e6,
		Credentials: func(context.Context) (vpsie.Credentials, error) {
			return vpsie.Credentials{Token: fake.DefaultCredentials().Token}, nil
		},
	})
	require.NoError(t, err)
	w := &world{server: server, cluster: &objects{}, clock: testingclock.NewFakeClock(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))}
	options := Options{VPSie: c, Client: w.cluster, Clock: w.clock, Registerer: prometheus.NewRegistry()}
	if change != nil {
		change(&options)
	}
	w.source, err = New(options)
	require.NoError(t, err)
	return w
}

// asked counts the plan lists that were asked for.
func (w *world) asked() int {
	asked := 0
	for _, r := range w.server.Requests() {
		if r.Operation == fake.Plans {
			asked++
		}
	}
	return asked
}

func TestThereIsNoCatalogueBeforeVPSieWasRead(t *testing.T) {
	w := newWorld(t, fake.Config{}, nil)
	w.cluster.groups = []v1alpha1.NodeGroup{group("general", nil)}
	w.server.Down(true)
	_, err := w.source.Catalog(t.Context())
	require.ErrorIs(t, err, ErrUnread)
	_, err = w.source.Sold(t.Context(), &w.cluster.groups[0])
	require.Error(t, err)
	assert.False(t, Refused(err), "no answer is not an answer: %v", err)
	_, err = w.source.Catalog(t.Context())
	require.ErrorIs(t, err, ErrUnread)

	w.server.Down(false)
	w.clock.Step(time.Minute)
	_, err = w.source.Sold(t.Context(), &w.cluster.groups[0])
	require.NoError(t, err)
	c, err := w.source.Catalog(t.Context())
	require.NoError(t, err)
	for _, o := range offerings.Sample().Offerings {
		require.NotNilf(t, c.Offering(o.Name), "%s", o.Name)
		assert.InDeltaf(t, o.PricePerHour, c.Offering(o.Name).PricePerHour, 1e-9, "%s", o.Name)
		for _, place := range o.Datacenters {
			assert.Equalf(t, o.AvailableIn(place), c.Offering(o.Name).AvailableIn(place), "%s in %s", o.Name, place)
		}
	}
	assert.EqualValues(t, len(c.Offerings), testutil.ToFloat64(w.source.metrics.offerings))
	assert.EqualValues(t, w.clock.Now().Unix(), testutil.ToFloat64(w.source.metrics.lastRead))
}

func TestVPSieIsAskedAgainWhenTheAnswerIsOldOrDoesNotCoverAGroup(t *testing.T) {
	w := newWorld(t, fake.Config{}, nil)
	inAmsterdam := group("general", func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"ams1"} })
	inFrankfurt := group("frankfurt", func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"fra1"} })
	w.cluster.groups = []v1alpha1.NodeGroup{inAmsterdam}
	sold := func(g v1alpha1.NodeGroup) *offerings.Catalog {
		t.Helper()
		c, err := w.source.Sold(t.Context(), &g)
		require.NoError(t, err)
		return c
	}
	var zones []string
	for _, d := range sold(inAmsterdam).Datacenters {
		zones = append(zones, d.ID)
	}
	assert.Equal(t, []string{"ams1"}, zones, "only what is wanted is asked for")
	once := w.asked()
	require.Positive(t, once)
	sold(inAmsterdam)
	assert.Equal(t, once, w.asked(), "known and fresh")

	w.clock.Step(11 * time.Minute)
	sold(inAmsterdam)
	assert.Equal(t, 2*once, w.asked(), "too old")

	// The new group is not in the cache yet.
	assert.NotNil(t, sold(inFrankfurt).Datacenter("fra1"))
	assert.Equal(t, 4*once, w.asked(), "both datacenters, since one answer serves both groups")

	w.server.Down(true)
	w.clock.Step(11 * time.Minute)
	assert.NotNil(t, sold(inFrankfurt).Datacenter("fra1"), "the last good answer stays")
	_, err := w.source.Sold(t.Context(), ptr(group("newyork", func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"nyc1"} })))
	require.Error(t, err, "no answer covers this one")
	_, err = w.source.Catalog(t.Context())
	require.NoError(t, err)
}

func ptr[T any](v T) *T { return &v }

func TestVPSieIsLeftAloneAfterAFailure(t *testing.T) {
	w := newWorld(t, fake.Config{}, nil)
	g := group("general", func(s *v1alpha1.NodeGroupSpec) { s.OSImageID = "no-such-image" })
	w.cluster.groups = []v1alpha1.NodeGroup{g}
	for range 3 {
		_, err := w.source.Sold(t.Context(), &g)
		require.True(t, Refused(err), "%v", err)
		assert.ErrorContains(t, err, "image no-such-image")
	}
	once := w.asked()
	w.clock.Step(31 * time.Second)
	_, err := w.source.Sold(t.Context(), &g)
	require.Error(t, err)
	assert.Equal(t, 2*once, w.asked())
	_, err = w.source.Catalog(t.Context())
	assert.ErrorIs(t, err, ErrUnread)
}

func TestImagesAndDatacentersThatAreNotThere(t *testing.T) {
	w := newWorld(t, fake.Config{}, nil)
	_, err := w.source.Sold(t.Context(), ptr(group("general", func(s *v1alpha1.NodeGroupSpec) { s.OSImageID = "" })))
	require.ErrorContains(t, err, "spec.osImageID is empty")
	_, err = w.source.Sold(t.Context(), ptr(group("general", func(s *v1alpha1.NodeGroupSpec) { s.DatacenterIDs = []string{"mars1"} })))
	require.True(t, Refused(err))
	assert.ErrorContains(t, err, "no active datacenter mars1")
	list, err := w.source.Datacenters(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 3)
}

func TestBackgroundRefresh(t *testing.T) {
	w := newWorld(t, fake.Config{}, nil)
	w.cluster.groups = []v1alpha1.NodeGroup{group("general", nil)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.source.Start(ctx) }()
	known := func() bool { _, err := w.source.Catalog(t.Context()); return err == nil }
	require.Eventually(t, known, 10*time.Second, time.Millisecond)
	once := w.asked()
	require.Eventually(t, w.clock.HasWaiters, 10*time.Second, time.Millisecond)
	w.clock.Step(10 * time.Minute)
	require.Eventually(t, func() bool { return w.asked() == 2*once }, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	assert.True(t, w.source.NeedLeaderElection())
}

func TestManagedAndOtherGroupsBuyFromTheirOwnPartOfTheCatalogue(t *testing.T) {
	w := newWorld(t, fake.Config{}, nil)
	managed := group("managed", func(s *v1alpha1.NodeGroupSpec) {
		s.OSImageID, s.Bootstrap = "", v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapManaged, ClusterID: "c1"}
	})
	general := group("general", nil)
	w.cluster.groups = []v1alpha1.NodeGroup{managed, general}
	for i := range w.cluster.groups {
		_, err := w.source.Sold(t.Context(), &w.cluster.groups[i])
		require.NoError(t, err)
	}
	c, err := w.source.Catalog(t.Context())
	require.NoError(t, err)
	assert.Len(t, c.Offerings, 2*len(offerings.Sample().Offerings), "plans, and sizes for managed clusters of the same names")
	plan := c.Offering("std-2c4g")
	require.NotNil(t, plan)
	assert.Equal(t, "sample-std-2c4g", plan.Identifier)
	sold, err := w.source.Sold(t.Context(), &managed)
	require.NoError(t, err)
	size := sold.Offering("managed-std-2c4g")
	require.NotNil(t, size)
	assert.Equal(t, size, c.Offering("managed-std-2c4g"), "a size has one name, whichever way it is looked at")
	users, err := offerings.New("ours", sold.Datacenters, []offerings.Offering{{
		Name: "worker", Identifier: size.Identifier, PricePerHour: 1, Allocatable: size.Allocatable, Datacenters: size.Datacenters,
	}})
	require.NoError(t, err)
	over, err := overlay(c, users)
	require.NoError(t, err)
	assert.Equal(t, "true", over.Offering("worker").Labels[ManagedLabel], "the user's price makes it no plan")
	admits := func(g *v1alpha1.NodeGroup, o *offerings.Offering) bool {
		for _, requirement := range Restrict(g, c).Spec.Requirements {
			if !requirement.Matches(nil, o.Labels) {
				return false
			}
		}
		return true
	}
	sizes := 0
	for i := range c.Offerings {
		o := &c.Offerings[i]
		assert.NotEqual(t, admits(&managed, o), admits(&general, o), o.Name)
		if admits(&managed, o) {
			sizes++
		}
	}
	assert.Equal(t, len(offerings.Sample().Offerings), sizes)
	assert.Empty(t, general.Spec.Requirements, "the group itself is left alone")
	assert.Same(t, &general, Restrict(&general, offerings.Sample()), "a catalogue that does not tell them apart restricts nobody")
}

func TestListsThatFail(t *testing.T) {
	w := newWorld(t, fake.Config{}, nil)
	w.cluster.err = errors.New("no cache")
	_, err := w.source.Catalog(t.Context())
	require.ErrorContains(t, err, "list NodeGroups: no cache")
	_, err = w.source.Sold(t.Context(), ptr(group("general", nil)))
	require.ErrorContains(t, err, "no cache")
}

func TestOptionsThatAreMissing(t *testing.T) {
	_, err := New(Options{Override: FromFile("prices.yaml")})
	require.EqualError(t, err, "catalog: Options.Client is missing")
	_, err = New(Options{Client: &objects{}})
	require.EqualError(t, err, "catalog: Options has neither VPSie nor Override")
	registry := prometheus.NewRegistry()
	_, err = New(Options{Client: &objects{}, Override: FromFile("prices.yaml"), Registerer: registry})
	require.NoError(t, err)
	_, err = New(Options{Client: &objects{}, Override: FromFile("prices.yaml"), Registerer: registry})
	require.Error(t, err, "metrics are registered once")
}

// learner stands for what nodes showed.
type learner struct {
	looked bool
	err    error
}

func (l *learner) Look(context.Context, *offerings.Catalog) error { l.looked = true; return l.err }

func (l *learner) Apply(c *offerings.Catalog) *offerings.Catalog {
	var learned offerings.Learned
	o := c.Offering("std-2c4g")
	seen := o.Allocatable
	seen.MemoryBytes = 1 << 30
	_ = learned.Observe(o, o.Capacity, seen)
	return learned.Apply(c)
}

func TestWhatNodesShowedIsInTheCatalogueOfTheSameMoment(t *testing.T) {
	l := &learner{}
	w := newWorld(t, fake.Config{}, func(o *Options) { o.Learned = l })
	w.cluster.groups = []v1alpha1.NodeGroup{group("general", nil)}
	_, err := w.source.Sold(t.Context(), &w.cluster.groups[0])
	require.NoError(t, err)
	c, err := w.source.Catalog(t.Context())
	require.NoError(t, err)
	assert.True(t, l.looked)
	assert.EqualValues(t, 1<<30, c.Offering("std-2c4g").Allocatable.MemoryBytes)
	l.err = errors.New("nodes cannot be listed")
	_, err = w.source.Catalog(t.Context())
	require.ErrorIs(t, err, l.err)
}
