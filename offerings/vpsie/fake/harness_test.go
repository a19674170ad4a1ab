package fake_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// account is a server that is spoken to in plain HTTP, at a time that stands still.
type account struct {
	*testing.T
	*fake.Server
	url   string
	clock *clocktesting.FakeClock
	// header is what requests carry.
	header http.Header
}

func newAccount(t *testing.T, config fake.Config) *account {
	a := &account{T: t, clock: clocktesting.NewFakeClock(start), header: http.Header{}}
	config.Clock = a.clock
	server, err := fake.New(config)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	a.Server = server
	a.url, err = server.Start()
	require.NoError(t, err)
	a.header.Set("Vpsie-Auth", fake.DefaultCredentials().Token)
	return a
}

// answer is what came back.
type answer struct {
	status int
	text   string
	fields map[string]any
	header http.Header
}

func (a answer) data() any           { return a.fields["data"] }
func (a answer) list() []any         { l, _ := a.fields["data"].([]any); return l }
func (a answer) object() object      { o, _ := a.fields["data"].(map[string]any); return o }
func (a answer) message() string     { m, _ := a.fields["message"].(string); return m }
func (a answer) record(i int) object { o, _ := a.list()[i].(map[string]any); return o }

type object map[string]any

// try sends a request whose body is JSON, or a form if it is a string.
func (a *account) try(method, path string, body any) (answer, error) {
	a.Helper()
	var reader io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		reader, kind = strings.NewReader(b), "application/x-www-form-urlencoded"
	default:
		text, err := json.Marshal(b)
		require.NoError(a, err)
		reader = strings.NewReader(string(text))
	}
	ctx, cancel := context.WithTimeout(a.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, a.url+path, reader)
	require.NoError(a, err)
	request.Header = a.header.Clone()
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode, text: string(text), header: response.Header}
	_ = json.Unmarshal(text, &got.fields) // not every answer is JSON
	return got, nil
}

func (a *account) do(method, path string, body any) answer {
	a.Helper()
	got, err := a.try(method, path, body)
	require.NoError(a, err)
	return got
}

func (a *account) get(path string) answer { a.Helper(); return a.do("GET", path, nil) }

// order asks for a machine of the sample catalogue.
func order(hostname string, change ...func(object)) object {
	o := object{
		"resourceIdentifier": "sample-std-2c4g", "osIdentifier": "image-ubuntu-2404", "dcIdentifier": "ams1", "hostname": hostname,
		"addPublicIpV4": "1", "addPrivateIp": "1", "notes": "a note", "processId": "8a9f9e9e-0000-4000-8000-000000000001",
		"tags": []string{"one"},
	}
	for _, c := range change {
		c(o)
	}
	return o
}

func (a *account) buy(hostname string, change ...func(object)) {
	a.Helper()
	got := a.do("POST", "/apps/v2/vm", order(hostname, change...))
	require.Equal(a, http.StatusOK, got.status)
	require.Equal(a, map[string]any{"error": false, "data": true}, got.fields, "an order is answered without an identifier")
}

func deletion(identifier string) object {
	return object{
		"vmIdentifier": identifier, "password": fake.DefaultCredentials().Password,
		"deleteStatistic": object{"reason": "no longer needed", "note": ""},
	}
}
