package fake_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

func TestTokens(t *testing.T) {
	a := newAccount(t, fake.Config{TokenTTL: time.Hour})
	known := fake.DefaultCredentials()
	secret := object{"clientId": known.ClientID, "clientSecret": known.ClientSecret}

	inJSON := a.do("POST", "/apps/v2/auth/from/api", secret)
	access := inJSON.fields["token"].(map[string]any)["access"].(map[string]any)
	assert.Equal(t, start.Add(time.Hour).Format(time.RFC3339), access["expires"])
	form := url.Values{"clientId": {known.ClientID}, "clientSecret": {known.ClientSecret}}.Encode()
	inForm := a.do("POST", "/apps/v2/auth/from/api", form).fields["accessToken"].(map[string]any)
	assert.NotEqual(t, access["token"], inForm["token"])
	assert.Equal(t, http.StatusUnauthorized, a.do("POST", "/apps/v2/auth/from/api", object{"clientId": known.ClientID}).status)

	status := func(header, value string) int {
		a.header = http.Header{}
		a.header.Set(header, value)
		return a.get("/apps/v2/vm").status
	}
	token := access["token"].(string)
	assert.Equal(t, http.StatusOK, status("Vpsie-Auth", token))
	assert.Equal(t, http.StatusOK, status("Authorization", "Bearer "+token))
	assert.Equal(t, http.StatusOK, status("Vpsie-Auth", known.Token))
	assert.Equal(t, http.StatusUnauthorized, status("Authorization", "Bearer "+known.Token), "a personal token is for the other header")
	assert.Equal(t, http.StatusUnauthorized, status("Vpsie-Auth", "guess"))
	a.clock.Step(time.Hour)
	assert.Equal(t, http.StatusUnauthorized, status("Vpsie-Auth", token), "expired")

	a.RotateCredentials(fake.Credentials{Token: "new"})
	assert.Equal(t, http.StatusUnauthorized, status("Vpsie-Auth", known.Token))
	assert.Equal(t, http.StatusOK, status("Vpsie-Auth", "new"))
	fresh := a.do("POST", "/apps/v2/auth/from/api", secret).fields["token"].(map[string]any)["access"].(map[string]any)["token"].(string)
	assert.Equal(t, http.StatusOK, status("Vpsie-Auth", fresh))
	a.ExpireTokens()
	got := a.get("/apps/v2/vm")
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Equal(t, "Please authenticate", got.message())
}

func TestPlansAreTheCatalogues(t *testing.T) {
	dear := fake.Place{Offering: "std-2c4g", Datacenter: "fra1"}
	a := newAccount(t, fake.Config{PricePerHour: map[fake.Place]float64{dear: 0.05}})
	sold := map[string]map[string]float64{}
	for _, dc := range a.get("/apps/v2/datacenter").list() {
		id := dc.(map[string]any)["identifier"].(string)
		sold[id] = map[string]float64{}
		for _, category := range a.get("/api/v2/plans/category").list() {
			form := url.Values{
				"dcIdentifier": {id}, "osIdentifier": {"image-ubuntu-2404"},
				"planCatIdentifier": {category.(map[string]any)["identifier"].(string)}, "isCustom": {"0"},
			}
			for _, plan := range a.do("POST", "/apps/v2/resources", form.Encode()).list() {
				p := plan.(map[string]any)
				price, err := strconv.ParseFloat(fmt.Sprint(p["price"]), 64)
				require.NoError(t, err)
				sold[id][p["nickname"].(string)] = price
			}
		}
	}
	offered := 0
	for _, o := range offerings.Sample().Offerings {
		for _, d := range offerings.Sample().Datacenters {
			price, listed := sold[d.ID][o.Name]
			assert.Equal(t, o.AvailableIn(d.ID), listed, "%s in %s", o.Name, d.ID)
			if !listed {
				continue
			}
			offered++
			want := o.PricePerMonth()
			if (fake.Place{Offering: o.Name, Datacenter: d.ID}) == dear {
				want = 36
			}
			assert.InDelta(t, want, price, 1e-5, "%s in %s", o.Name, d.ID)
		}
	}
	assert.Greater(t, offered, 50)
	assert.Equal(t, "Datacenter not found", a.do("POST", "/apps/v2/resources", "dcIdentifier=x").message())
	assert.Equal(t, "Operating system not found", a.do("POST", "/apps/v2/resources", "dcIdentifier=ams1").message())
}

func TestAccountLists(t *testing.T) {
	a := newAccount(t, fake.Config{
		Plain:   true,
		SSHKeys: []fake.SSHKey{{ID: 1, Identifier: "key-1", Name: "ops"}},
		Projects: []fake.Project{
			{ID: 1, Identifier: "p-1", Name: "one"}, {ID: 2, Identifier: "p-2", Name: "two", Default: true}, {ID: 3, Identifier: "p-3", Name: "three"},
		},
	})
	projects := a.get("/apps/v2/projects?offset=1&limit=1").object()
	assert.Len(t, projects["rows"], 1, "offset and limit count records")
	assert.EqualValues(t, 3, projects["count"])
	assert.Equal(t, "p-2", projects["rows"].([]any)[0].(map[string]any)["identifier"])
	assert.Equal(t, "two", a.get("/apps/v2/projects/p-2").object()["name"])
	assert.Equal(t, false, a.get("/apps/v2/projects/p-9").data())
	assert.Len(t, a.get("/apps/v2/datacenter?offset=2&limit=5").list(), 1)
	assert.Empty(t, a.get("/apps/v2/datacenter?offset=9&limit=5").list())
	assert.Equal(t, "key-1", a.get("/apps/v2/sshkeys").record(0)["identifier"])
	assert.Equal(t, "ops", a.get("/apps/v2/sshkey/key-1").object()["name"])
	assert.Equal(t, false, a.get("/apps/v2/sshkey/nope").data())
	assert.Equal(t, "image-ubuntu-2404", a.get("/apps/v2/custom/images").record(0)["identifier"])

	a.buy("web-1", func(o object) { o["sshKeyIdentifier"] = "key-1" })
	assert.Equal(t, "p-2", a.VMs()[0].Project, "the default project")
	assert.Len(t, a.get("/apps/v2/vm?projectId=p-2").list(), 1)
	assert.Empty(t, a.get("/apps/v2/vm?projectId=p-1").list())

	unknown := a.get("/apps/v2/nothing")
	assert.Equal(t, http.StatusNotFound, unknown.status)
	assert.Contains(t, unknown.text, "<html>")
}

func TestScripts(t *testing.T) {
	a := newAccount(t, fake.Config{Plain: true})
	assert.Equal(t, true, a.do("POST", "/apps/v2/script/add", object{"name": "join", "scriptContent": "#!/bin/bash\n", "scriptType": "bash"}).data())
	assert.Contains(t, a.do("POST", "/apps/v2/script/add", object{"name": "join"}).message(), "required")
	script := a.get("/apps/v2/scripts").record(0)
	assert.Equal(t, "join.sh", script["name"], "the name is changed")
	id := script["identifier"].(string)
	assert.Equal(t, "#!/bin/bash\n", a.get("/apps/v2/script/" + id).object()["script"])
	a.buy("web-1", func(o object) { o["scriptIdentifier"] = id })
	assert.Equal(t, true, a.do("DELETE", "/apps/v2/script", object{"scriptIdentifier": id}).data())
	assert.Equal(t, false, a.do("DELETE", "/apps/v2/script", object{"scriptIdentifier": id}).data())
	assert.Equal(t, false, a.get("/apps/v2/script/"+id).data())
}

func TestTags(t *testing.T) {
	a := newAccount(t, fake.Config{Plain: true})
	a.buy("web-1")
	id := a.VMs()[0].Identifier
	tags := func() any { return a.get("/apps/v2/tags?entity=boxes&identifier=" + id).object()["boxes"] }
	assert.Equal(t, []any{"one"}, tags())
	a.do("POST", "/apps/v2/tags/add", object{"entity": "boxes", "identifier": id, "tags": []string{"two", "one"}})
	a.do("POST", "/apps/v2/vm/addtags", object{"vmIdentifier": id, "tags": []string{"three"}})
	assert.Equal(t, []any{"one", "two", "three"}, tags())
	a.do("PUT", "/apps/v2/tags/edit", object{"entity": "boxes", "identifier": id, "tags": []string{"four"}})
	assert.Equal(t, []any{"four"}, tags())
	assert.Equal(t, false, a.get("/apps/v2/tags?entity=ssh_keys&identifier="+id).data())
	assert.Len(t, a.get("/apps/v2/vm/" + id).object()["vmTags"], 1)
}
