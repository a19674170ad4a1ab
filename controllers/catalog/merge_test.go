package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// small catalogues, one offering a line: name identifier $/h datacenters…
type sold struct {
	name, identifier string
	price            float64
	in               []string
}

func catalogOf(t *testing.T, name string, list ...sold) *offerings.Catalog {
	t.Helper()
	var all []offerings.Offering
	var places []string
	for _, s := range list {
		all = append(all, offerings.Offering{
			Name: s.name, Identifier: s.identifier, PricePerHour: s.price, Datacenters: s.in,
			Allocatable: offerings.Resources{MilliCPU: 2000, MemoryBytes: 4 << 30, EphemeralBytes: 1 << 30, MaxPods: 110},
		})
		places = append(places, s.in...)
	}
	var datacenters []offerings.Datacenter
	for _, id := range set(places) {
		datacenters = append(datacenters, offerings.Datacenter{ID: id})
	}
	c, err := offerings.New(name, datacenters, all)
	require.NoError(t, err)
	return c
}

func TestUnionOfWhatIsSoldForSeveralImages(t *testing.T) {
	linux := catalogOf(t, "VPSie plans", sold{"small", "p1", 0.01, []string{"ams1"}}, sold{"big", "p2", 0.04, []string{"ams1", "fra1"}})
	other := catalogOf(t, "VPSie plans", sold{"small", "p1", 0.02, []string{"fra1"}})
	sizes := catalogOf(t, "VPSie sizes", sold{"small", "p9", 0.03, []string{"nyc1"}})
	for _, order := range [][]*offerings.Catalog{{linux, other, sizes}, {other, linux, sizes}, {sizes, other, linux}} {
		c, err := union(order)
		require.NoError(t, err)
		require.Len(t, c.Offerings, 3)
		p1 := c.ByIdentifier("p1")
		assert.Equal(t, 0.02, p1.PricePerHour, "the dearest price is believed")
		assert.Equal(t, []string{"ams1", "fra1"}, p1.Datacenters)
		assert.NotNil(t, c.ByIdentifier("p9"), "another plan of the same name is another offering")
		assert.NotEqual(t, p1.Name, c.ByIdentifier("p9").Name)
	}
	soldOut := *linux
	soldOut.Offerings = append([]offerings.Offering{}, linux.Offerings...)
	soldOut.Offering("big").Unavailable = []string{"ams1"}
	c, err := union([]*offerings.Catalog{linux, &soldOut})
	require.NoError(t, err)
	assert.True(t, c.Offering("big").AvailableIn("ams1"), "it can be had if either image can be had")
}

func TestTheUsersCatalogueLiesOverVPSies(t *testing.T) {
	read := catalogOf(t, "VPSie plans", sold{"small", "p1", 0.01, []string{"ams1"}}, sold{"big", "p2", 0.04, []string{"ams1"}}, sold{"huge", "p3", 0.09, []string{"ams1"}})
	users := catalogOf(t, "ours",
		sold{"small", "", 0.02, []string{"ams1"}},      // by name
		sold{"database", "p2", 0.05, []string{"fra1"}}, // by identifier, renamed
		sold{"secret", "p77", 0.001, []string{"fra1"}}) // VPSie does not list it
	users.Currency = "EUR"
	c, err := overlay(read, users)
	require.NoError(t, err)
	assert.Equal(t, "EUR", c.Currency)
	assert.Len(t, c.Offerings, 4)
	assert.Equal(t, 0.02, c.Offering("small").PricePerHour)
	assert.Equal(t, "p1", c.Offering("small").Identifier, "what is ordered is VPSie's identifier")
	assert.Nil(t, c.Offering("big"))
	assert.Equal(t, 0.05, c.ByIdentifier("p2").PricePerHour)
	assert.Equal(t, []string{"fra1"}, c.Offering("database").Datacenters)
	assert.Equal(t, 0.09, c.Offering("huge").PricePerHour)
	assert.NotNil(t, c.Offering("secret"))

	_, err = overlay(read, catalogOf(t, "ours", sold{"huge", "p1", 0.01, []string{"ams1"}}))
	require.EqualError(t, err, "catalogue ours: offering huge (identifier p1) has the name of another plan of VPSie's")
}

func TestAnOverrideThatFails(t *testing.T) {
	var override *offerings.Catalog
	broken := errors.New("prices.yaml:3: unknown field")
	w := newWorld(t, fake.Config{}, func(o *Options) {
		o.Override = func(context.Context) (*offerings.Catalog, error) {
			if override == nil {
				return nil, broken
			}
			return override, nil
		}
	})
	g := group("general", nil)
	w.cluster.groups = []v1alpha1.NodeGroup{g}
	_, err := w.source.Sold(t.Context(), &g)
	require.ErrorIs(t, err, broken, "VPSie's prices are no substitute for the user's")
	_, err = w.source.Catalog(t.Context())
	require.ErrorIs(t, err, ErrUnread)
	require.ErrorIs(t, err, broken)

	override = catalogOf(t, "ours", sold{"std-2c4g", "", 0.5, []string{"ams1"}})
	c, err := w.source.Catalog(t.Context())
	require.NoError(t, err, "before VPSie was read, the user's catalogue is all there is")
	assert.Len(t, c.Offerings, 1)
	_, err = w.source.Sold(t.Context(), &g)
	require.NoError(t, err)
	override = nil
	c, err = w.source.Catalog(t.Context())
	require.NoError(t, err, "the last good one stays")
	assert.Equal(t, 0.5, c.Offering("std-2c4g").PricePerHour)
	assert.Greater(t, len(c.Offerings), 10)
}

func TestAnOverrideAlone(t *testing.T) {
	source, err := New(Options{Client: &objects{}, Override: func(context.Context) (*offerings.Catalog, error) { return offerings.Sample(), nil }})
	require.NoError(t, err)
	require.NoError(t, source.Start(t.Context()), "there is nobody to ask")
	c, err := source.Catalog(t.Context())
	require.NoError(t, err)
	assert.Equal(t, offerings.Sample().Hash(), c.Hash())
	c, err = source.Sold(t.Context(), ptr(group("general", nil)))
	require.NoError(t, err)
	assert.Equal(t, offerings.Sample().Hash(), c.Hash())
	list, err := source.Datacenters(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 3)
}

// configMaps is a reader with one ConfigMap.
type configMaps struct {
	client.Reader
	data    map[string]string
	version string
}

func (c *configMaps) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if c.data == nil {
		return errors.New("not found")
	}
	into.(*corev1.ConfigMap).Data, into.(*corev1.ConfigMap).ResourceVersion = c.data, c.version
	return nil
}

func TestOverrideFromAConfigMapOrAFile(t *testing.T) {
	text, err := os.ReadFile("../../offerings/sample.yaml")
	require.NoError(t, err)
	reader := &configMaps{}
	read := FromConfigMap(reader, types.NamespacedName{Namespace: "kube-system", Name: "prices"}, "catalog.yaml")
	_, err = read(t.Context())
	require.ErrorContains(t, err, "read the catalogue in ConfigMap kube-system/prices")
	reader.data = map[string]string{"other": ""}
	_, err = read(t.Context())
	require.EqualError(t, err, `ConfigMap kube-system/prices has no key "catalog.yaml" with a catalogue`)
	reader.data = map[string]string{"catalog.yaml": string(text) + "surprise: 1\n"}
	_, err = read(t.Context())
	require.ErrorContains(t, err, "ConfigMap kube-system/prices catalog.yaml:")
	reader.data, reader.version = map[string]string{"catalog.yaml": string(text)}, "7"
	first, err := read(t.Context())
	require.NoError(t, err)
	second, err := read(t.Context())
	require.NoError(t, err)
	assert.Same(t, first, second, "parsed once")
	reader.version = "8"
	third, err := read(t.Context())
	require.NoError(t, err)
	assert.NotSame(t, first, third)

	path := filepath.Join(t.TempDir(), "prices.yaml")
	_, err = FromFile(path)(t.Context())
	require.Error(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	fromFile, err := FromFile(path)(t.Context())
	require.NoError(t, err)
	assert.Equal(t, first.Hash(), fromFile.Hash())
}

func machine(name, offering string) v1alpha1.VPSieNode {
	return v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.VPSieNodeSpec{
			NodeGroup: "general", Offering: offering, Datacenter: "ams1", Hostname: name, OfferingID: "old-plan", PricePerHour: "0.0350",
			Allocatable: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("1900m"), corev1.ResourceMemory: resource.MustParse("3Gi"),
				corev1.ResourceEphemeralStorage: resource.MustParse("70Gi"), corev1.ResourcePods: resource.MustParse("110"),
				"nvidia.com/gpu": resource.MustParse("1"),
			},
		},
	}
}

func TestOfferingsThatLeftTheListStayWhileMachinesAreOfThem(t *testing.T) {
	catalog := offerings.Sample()
	source, err := New(Options{Client: &objects{}, Override: func(context.Context) (*offerings.Catalog, error) { return catalog, nil }})
	require.NoError(t, err)
	cluster := source.options.Client.(*objects)
	cluster.machines = []v1alpha1.VPSieNode{machine("vpsie-general-b", "std-2c4g")}
	before, err := source.Catalog(t.Context())
	require.NoError(t, err)
	assert.True(t, before.Offering("std-2c4g").AvailableIn("ams1"))

	catalog, err = catalog.Without("std-2c4g")
	require.NoError(t, err)
	now, err := source.Catalog(t.Context())
	require.NoError(t, err)
	kept := now.Offering("std-2c4g")
	require.NotNil(t, kept)
	assert.Equal(t, before.Offering("std-2c4g").PricePerHour, kept.PricePerHour, "as last sold")
	assert.False(t, kept.AvailableIn("ams1"), "and not for sale")

	cluster.machines = nil
	now, err = source.Catalog(t.Context())
	require.NoError(t, err)
	assert.Nil(t, now.Offering("std-2c4g"), "the last machine of it is gone")
}

func TestAfterARestartADelistedOfferingIsWhatItsMachinesWerePlannedWith(t *testing.T) {
	source, err := New(Options{Client: &objects{}, Override: func(context.Context) (*offerings.Catalog, error) { return offerings.Sample(), nil }})
	require.NoError(t, err)
	smaller := machine("vpsie-general-c", "delisted")
	smaller.Spec.Allocatable[corev1.ResourceMemory] = resource.MustParse("2Gi")
	smaller.Spec.Datacenter = "closed1"
	unusable := machine("vpsie-general-d", "unknown")
	unusable.Spec.PricePerHour = ""
	source.options.Client.(*objects).machines = []v1alpha1.VPSieNode{smaller, unusable, machine("vpsie-general-b", "delisted")}
	c, err := source.Catalog(t.Context())
	require.NoError(t, err)
	o := c.Offering("delisted")
	require.NotNil(t, o)
	assert.Equal(t, 0.035, o.PricePerHour)
	assert.Equal(t, "old-plan", o.Identifier)
	assert.Equal(t, offerings.Resources{
		MilliCPU: 1900, MemoryBytes: 2 << 30, EphemeralBytes: 70 << 30, MaxPods: 110, Extended: map[string]int64{"nvidia.com/gpu": 1},
	}, o.Allocatable)
	assert.Equal(t, []string{"ams1", "closed1"}, o.Unavailable)
	assert.Nil(t, c.Offering("unknown"), "without a price there is nothing to say about it")
}
