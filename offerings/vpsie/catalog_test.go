package vpsie

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// shop is what a VPSie sells, by datacenter and category.
type shop struct {
	datacenters string
	categories  string
	// plans by "datacenter category"; kube by datacenter.
	plans, kube map[string]string
}

func (s shop) RoundTrip(r *http.Request) (*http.Response, error) {
	payload := "[]"
	switch r.URL.Path {
	case "/apps/v2/datacenter":
		payload = s.datacenters
	case "/api/v2/plans/category":
		payload = s.categories
	case "/apps/v2/resources":
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		payload = s.plans[r.PostForm.Get("dcIdentifier")+" "+r.PostForm.Get("planCatIdentifier")]
	case "/apps/v2/k8s/offers":
		var asked struct {
			Datacenter string `json:"dcIdentifier"`
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			return nil, err
		}
		payload = s.kube[asked.Datacenter]
	}
	switch payload {
	case "":
		payload = "[]"
	case "broken":
		return response(400, `{"error":true,"message":"broken"}`), nil
	}
	return response(200, `{"error":false,"data":`+payload+`}`), nil
}

const twoPlaces = `[{"identifier":"hel","dc_name":"Helsinki 1","country":"Finland","is_active":1},
	{"identifier":"dal","dc_name":"Dallas","country":"United States","is_active":1},
	{"identifier":"old","dc_name":"Old","is_active":0}]`

func plan(id, name string, cpu, ram, ssd int, price string) string {
	return fmt.Sprintf(`{"identifier":%q,"nickname":%q,"cpu":%d,"ram":%d,"ssd":%d,"price":%s}`, id, name, cpu, ram, ssd, price)
}

// plainModel reserves nothing, so that sizes are as sold.
var plainModel = offerings.AllocatableModel{MaxPods: 110}

func sell(t *testing.T, s shop, datacenters ...string) *offerings.Catalog {
	t.Helper()
	catalog, err := newClient(t, func(o *Options) { o.HTTPTransport = s }).Catalog(t.Context(), datacenters, "image", plainModel)
	require.NoError(t, err)
	return catalog
}

// sold prints each offering in a line.
func sold(c *offerings.Catalog) []string {
	var lines []string
	for _, o := range c.Offerings {
		lines = append(lines, fmt.Sprintf("%s %s: %.2f $/month in %s", o.Name, o.Identifier, o.PricePerMonth(), strings.Join(o.Datacenters, " ")))
	}
	return lines
}

func TestCatalog(t *testing.T) {
	small := plan("p-small", "s-2vcpu-4gb", 2, 4096, 80, "24")
	catalog := sell(t, shop{
		datacenters: twoPlaces, categories: `[{"identifier":"c1","name":"A"},{"identifier":"c2","name":"C"}]`,
		plans: map[string]string{
			"hel c1": `[` + small + `]`, "dal c1": `[` + small + `]`,
			"hel c2": `[` + plan("p-big", "c 8 dedicated!", 8, 16384, 160, `"96.50"`) + `]`,
		},
	})
	assert.Equal(t, []offerings.Datacenter{
		{ID: "dal", Name: "Dallas", Region: "United-States"}, {ID: "hel", Name: "Helsinki 1", Region: "Finland"},
	}, catalog.Datacenters, "those that are active")
	assert.Equal(t, []string{
		"c-8-dedicated p-big: 96.50 $/month in hel", "s-2vcpu-4gb p-small: 24.00 $/month in dal hel",
	}, sold(catalog))
	o := catalog.Offering("s-2vcpu-4gb")
	assert.Equal(t, offerings.Resources{MilliCPU: 2000, MemoryBytes: 4 << 30, EphemeralBytes: 80 << 30, MaxPods: 110}, o.Capacity)
	assert.Equal(t, plainModel.Allocatable(o.Capacity), o.Allocatable)
	assert.Equal(t, "A", o.Category)
	assert.InDelta(t, 24.0/720, o.PricePerHour, 1e-12, "a month has 720 hours")
	assert.Equal(t, "USD", catalog.Currency)
}

func TestCatalogOfPlansThatDiffer(t *testing.T) {
	one := `[{"identifier":"c1","name":"A"}]`
	both := func(hel, dal string) map[string]string {
		return map[string]string{"hel c1": `[` + hel + `]`, "dal c1": `[` + dal + `]`}
	}
	for _, c := range []struct {
		situation string
		shop      shop
		only      []string
		want      []string
	}{
		{
			situation: "a price of its own in each datacenter",
			shop: shop{datacenters: twoPlaces, categories: one, plans: both(
				plan("p", "small", 2, 4096, 80, "24"), plan("p", "small", 2, 4096, 80, "20"))},
			want: []string{"small-Dallas p/dal: 20.00 $/month in dal", "small-Helsinki-1 p/hel: 24.00 $/month in hel"},
		},
		{
			situation: "a size of its own in each datacenter",
			shop: shop{datacenters: twoPlaces, categories: one, plans: both(
				plan("p", "small", 2, 4096, 80, "24"), plan("p", "small", 2, 8192, 80, "24"))},
			want: []string{"small-Dallas p/dal: 24.00 $/month in dal", "small-Helsinki-1 p/hel: 24.00 $/month in hel"},
		},
		{
			situation: "identifiers of their own, one nickname",
			shop: shop{datacenters: twoPlaces, categories: one, plans: both(
				plan("11111111-aaaa", "small", 2, 4096, 80, "24"), plan("22222222-aaaa", "small", 2, 4096, 80, "24"))},
			want: []string{
				"small-11111111 11111111-aaaa: 24.00 $/month in hel", "small-22222222 22222222-aaaa: 24.00 $/month in dal",
			},
		},
		{
			situation: "one nickname and identifiers that begin alike",
			shop: shop{datacenters: twoPlaces, categories: one, plans: both(
				plan("11111111-aaaa", "small", 2, 4096, 80, "24"), plan("11111111-bbbb", "small", 2, 4096, 80, "24"))},
			want: []string{
				"small-11111111-aaaa 11111111-aaaa: 24.00 $/month in hel", "small-11111111-bbbb 11111111-bbbb: 24.00 $/month in dal",
			},
		},
		{
			situation: "no nickname", shop: shop{datacenters: twoPlaces, categories: one, plans: map[string]string{
				"hel c1": `[` + plan("p", " ? ", 2, 4096, 80, "24") + `]`,
			}},
			want: []string{"p p: 24.00 $/month in hel"},
		},
		{
			situation: "a plan in two categories counts once",
			shop: shop{
				datacenters: twoPlaces, categories: `[{"identifier":"c1","name":"A"},{"identifier":"c2","name":"B"}]`,
				plans: map[string]string{
					"hel c1": `[` + plan("p", "small", 2, 4096, 80, "24") + `]`,
					"hel c2": `[` + plan("p", "small", 2, 4096, 80, "24") + `]`,
				},
			},
			want: []string{"small p: 24.00 $/month in hel"},
		},
		{
			situation: "plans that cannot be used are left out",
			shop: shop{datacenters: twoPlaces, categories: one, plans: map[string]string{
				"hel c1": `[` + strings.Join([]string{
					plan("p1", "free", 2, 4096, 80, "0"), plan("p2", "no-cpu", 0, 4096, 80, "24"), plan("p3", "no-memory", 2, 0, 80, "24"),
					plan("p4", "dear", 2, 4096, 80, "1e12"), plan("p5", "good", 2, 4096, 80, "24"),
				}, ",") + `]`,
			}},
			want: []string{"good p5: 24.00 $/month in hel"},
		},
		{
			situation: "one datacenter asked for, twice", only: []string{"dal", "dal"},
			shop: shop{datacenters: twoPlaces, categories: one, plans: both(
				plan("p", "small", 2, 4096, 80, "24"), plan("p", "small", 2, 4096, 80, "20"))},
			want: []string{"small p: 20.00 $/month in dal"},
		},
		{
			situation: "datacenters of one name",
			shop: shop{
				datacenters: `[{"identifier":"a","dc_name":"X","is_active":1},{"identifier":"b","dc_name":"X","is_active":1}]`,
				categories:  one, plans: map[string]string{
					"a c1": `[` + plan("p", "small", 2, 4096, 80, "24") + `]`, "b c1": `[` + plan("p", "small", 2, 4096, 80, "20") + `]`,
				},
			},
			want: []string{"small-X-a p/a: 24.00 $/month in a", "small-X-b p/b: 20.00 $/month in b"},
		},
		{situation: "nothing is sold", shop: shop{datacenters: twoPlaces, categories: one}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			catalog := sell(t, c.shop, c.only...)
			assert.Equal(t, c.want, sold(catalog))
			assert.Equal(t, catalog.Hash(), sell(t, c.shop, c.only...).Hash(), "always the same catalogue")
			for _, o := range catalog.Offerings {
				assert.Empty(t, content.IsLabelValue(o.Name))
			}
		})
	}
}

func TestLongNamesStayDistinct(t *testing.T) {
	long := strings.Repeat("x", 80)
	labels := distinct(map[string]string{"1-a": long, "2-b": long + "y", "3-c": "short"})
	assert.Equal(t, strings.Repeat("x", 59)+"-1-a", labels["1-a"])
	assert.Equal(t, strings.Repeat("x", 59)+"-2-b", labels["2-b"])
	assert.Equal(t, "short", labels["3-c"])
}

func TestCatalogThatCannotBeMade(t *testing.T) {
	one := `[{"identifier":"c1","name":"A"}]`
	for _, c := range []struct {
		situation string
		shop      shop
		only      []string
		want      string
	}{
		{"an unknown datacenter", shop{datacenters: twoPlaces}, []string{"hel", "x"}, `VPSie has no datacenter "x"`},
		{"a datacenter that is closed", shop{datacenters: twoPlaces}, []string{"old"}, `datacenter "old" (Old) is not active`},
		{"datacenters that cannot be read", shop{datacenters: "broken"}, nil, "Datacenters: Invalid"},
		{"categories that cannot be read", shop{datacenters: twoPlaces, categories: "broken"}, nil, "PlanCategories: "},
		{
			"plans that cannot be read: half a catalogue could hide the cheapest",
			shop{datacenters: twoPlaces, categories: one, plans: map[string]string{"dal c1": "broken"}}, nil, "Plans: ",
		},
	} {
		t.Run(c.situation, func(t *testing.T) {
			_, err := newClient(t, func(o *Options) { o.HTTPTransport = c.shop }).Catalog(t.Context(), c.only, "image", plainModel)
			require.ErrorContains(t, err, c.want)
		})
	}
	client := newClient(t, func(o *Options) {
		o.HTTPTransport = shop{datacenters: twoPlaces, kube: map[string]string{"dal": "broken"}}
	})
	_, err := client.KubeCatalog(t.Context(), nil, plainModel)
	require.ErrorContains(t, err, "KubeOffers: ")
	_, err = client.KubeCatalog(t.Context(), []string{"x"}, plainModel)
	require.ErrorContains(t, err, `no datacenter "x"`)
}

func TestKubeCatalog(t *testing.T) {
	client := newClient(t, func(o *Options) {
		o.HTTPTransport = shop{datacenters: twoPlaces, kube: map[string]string{
			"hel": `[{"id":7,"name":"small","cpu":2,"ram":4096,"disk":80,"price":24,"hourly_price":0.05},
				{"id":8,"name":"big","cpu":4,"ram":8192,"disk":80,"price":"48"}]`,
		}}
	})
	catalog, err := client.KubeCatalog(t.Context(), []string{"hel"}, plainModel)
	require.NoError(t, err)
	assert.Equal(t, []string{"big 8: 48.00 $/month in hel", "small 7: 36.00 $/month in hel"}, sold(catalog), "the price per hour counts")
}
