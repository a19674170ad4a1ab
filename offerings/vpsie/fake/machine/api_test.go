package machine_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// api is the fake VPSie as its clients see it.
type api struct {
	*testing.T
	server *fake.Server
}

type answer struct {
	*testing.T
	text string
}

func (a api) do(method, path, body string) answer {
	a.Helper()
	request := httptest.NewRequestWithContext(a.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Vpsie-Auth", fake.DefaultCredentials().Token)
	recorder := httptest.NewRecorder()
	a.server.ServeHTTP(recorder, request)
	require.Less(a, recorder.Code, http.StatusBadRequest)
	require.NotContains(a, recorder.Body.String(), `"error":true`)
	return answer{a.T, recorder.Body.String()}
}

func (a answer) list() []map[string]any {
	a.Helper()
	var envelope struct{ Data []map[string]any }
	require.NoError(a, json.Unmarshal([]byte(a.text), &envelope))
	return envelope.Data
}

func (a api) buy(hostname string, userData []byte) {
	a.Helper()
	a.do("POST", "/apps/v2/vm", fmt.Sprintf(
		`{"resourceIdentifier":"sample-std-2c4g","osIdentifier":"image-ubuntu-2404","dcIdentifier":"ams1","hostname":%q,"addPublicIpV4":"1","userData":%q}`,
		hostname, base64.StdEncoding.EncodeToString(userData)))
}

func (a api) delete(identifier string) {
	a.Helper()
	a.do("DELETE", "/apps/v2/vm", fmt.Sprintf(`{"vmIdentifier":%q,"password":%q,"deleteStatistic":{"reason":"over"}}`,
		identifier, fake.DefaultCredentials().Password))
}
