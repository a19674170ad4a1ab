package vpsie

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	someID      = "f161b479-c469-11eb-8ef8-0050569c68dc"
	otherID     = "d7b59bf6-c469-11eb-8ef8-0050569c68dc"
	imageID     = "ae23be00-0b8d-11f1-bac6-bc24115e1e5f"
	helsinki    = "eb8ac92d-9d4d-11ee-9444-7e0140123655"
	dallas      = "55f06b85-c9ee-11e3-9845-005056aa8af7"
	someProcess = "5f4cbb38-57ab-4c4b-9f52-6b0fd4f7f1c0"
	token       = "tkn-Q9x7LmP2vR5t"
	password    = "Pa55 word&more"
)

// A call is a request as the server saw it.
type call struct {
	method, path, query, body string
	header                    http.Header
}

// A reply is what the server answers.
type reply struct {
	status int
	body   string
	header map[string]string
}

func ok(body string) reply { return reply{status: http.StatusOK, body: body} }

// data is the envelope of a success.
func data(payload string) reply { return ok(`{"error":false,"data":` + payload + `}`) }

// refused is HTTP 200 with an error in it.
func refused(message string) reply {
	body, _ := json.Marshal(map[string]any{"error": true, "code": 0, "message": message})
	return ok(string(body))
}

func status(code int, body string) reply { return reply{status: code, body: body} }

// A stage is a server that plays replies and keeps the calls it got. Replies
// are per route, METHOD PATH; the last one of a route is repeated.
type stage struct {
	t       *testing.T
	mu      sync.Mutex
	replies map[string][]reply
	calls   []call
	server  *httptest.Server
}

func newStage(t *testing.T, replies map[string][]reply) *stage {
	t.Helper()
	s := &stage{t: t, replies: replies}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.NoError(s.t, err)
	s.mu.Lock()
	s.calls = append(s.calls, call{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header.Clone()})
	route := r.Method + " " + r.URL.Path
	list := s.replies[route]
	if len(list) > 1 {
		s.replies[route] = list[1:]
	}
	s.mu.Unlock()
	if len(list) == 0 {
		s.t.Errorf("nothing is played for %s", route)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	for name, value := range list[0].header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(list[0].status)
	_, err = io.WriteString(w, list[0].body)
	assert.NoError(s.t, err)
}

// seen are the calls so far.
func (s *stage) seen() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call(nil), s.calls...)
}

// client makes a client of the stage, with a personal token unless changed.
func (s *stage) client(change ...func(*Options)) *Client {
	return newClient(s.t, append([]func(*Options){func(o *Options) { o.BaseURL = s.server.URL }}, change...)...)
}

// fixedCredentials answers with the same credentials always.
func fixedCredentials(c Credentials) func(*Options) {
	return func(o *Options) {
		o.Credentials = func(context.Context) (Credentials, error) { return c, nil }
	}
}

func newClient(t *testing.T, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{RetryInterval: time.Microsecond, Random: rand.NewPCG(1, 2), Timeout: 5 * time.Second}
	fixedCredentials(Credentials{Token: token, Password: password})(&o)
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	require.NoError(t, err)
	return c
}

// logTo collects all that is logged, at every level.
func logTo(w *strings.Builder) logr.Logger {
	var mu sync.Mutex
	return funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, prefix, args)
	}, funcr.Options{Verbosity: 10})
}

// inMemory plays a handler without a network, for clocks in a bubble.
type inMemory func(*http.Request) (*http.Response, error)

func (f inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return f(r)
}

func response(code int, body string) *http.Response {
	recorder := httptest.NewRecorder()
	recorder.WriteHeader(code)
	_, _ = recorder.WriteString(body)
	return recorder.Result()
}
