package fake_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// Whatever is asked for is answered, and never with an error of the server.
func FuzzRequests(f *testing.F) {
	f.Add("POST", "/apps/v2/vm", `{"hostname":"a","resourceIdentifier":"sample-std-2c4g","osIdentifier":"image-ubuntu-2404","dcIdentifier":"ams1","tags":[1]}`, false)
	f.Add("DELETE", "/apps/v2/vm", `{"vmIdentifier":7,"deleteStatistic":[]}`, false)
	f.Add("POST", "/apps/v2/resources", "dcIdentifier=ams1&osIdentifier=%zz", true)
	f.Add("GET", "/apps/v2/projects?offset=99999999999999999999&limit=-1", "", false)
	f.Add("POST", "/apps/v2/k8s/cluster/byId/hel/add/slave/group/x", "null", false)
	f.Add("PUT", "/_fake/faults", `[{"kind":"Slow"}]`, false)
	f.Add("POST", "/_fake/vms", `{}`, false)
	catalog := offerings.Sample()
	f.Fuzz(func(t *testing.T, method, target, body string, form bool) {
		server, err := fake.New(fake.Config{Catalog: catalog, Clusters: []fake.Cluster{{Identifier: "hel", Name: "hel", Datacenter: "ams1"}}})
		require.NoError(t, err)
		defer server.Close()
		request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		request.Header.Set("Vpsie-Auth", fake.DefaultCredentials().Token)
		if form {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, request)
		if recorder.Code >= http.StatusInternalServerError {
			t.Fatalf("%s %s: %d %s", method, target, recorder.Code, recorder.Body)
		}
	})
}
