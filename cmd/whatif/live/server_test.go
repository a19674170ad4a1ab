package live_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/client-go/rest"
)

// server answers list requests from JSON objects, in pages of two.
type server struct {
	t testing.TB
	// lists maps a path to its kind of list and items.
	lists map[string]served
	// status maps a path to an error that it gives.
	status map[string]int

	mu sync.Mutex
	// asked are the requests, as path and query.
	asked []string
}

type served struct {
	apiVersion, kind string
	items            []any
}

const pageSize = 2

func start(t testing.TB, s *server) *rest.Config {
	t.Helper()
	s.t = t
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	return &rest.Config{Host: listener.URL}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.Path+"?"+r.URL.Query().Get("fieldSelector"))
	s.mu.Unlock()
	assert.Equal(s.t, http.MethodGet, r.Method, "%s: a cluster is only read", r.URL)
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/version" {
		s.write(w, map[string]string{"gitVersion": "v1.37.2"})
		return
	}
	if code, fails := s.status[r.URL.Path]; fails {
		s.fail(w, code)
		return
	}
	list, known := s.lists[r.URL.Path]
	if !known {
		s.fail(w, http.StatusNotFound)
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	to := min(from+pageSize, len(list.items))
	metadata := map[string]any{"resourceVersion": "7"}
	if to < len(list.items) {
		metadata["continue"] = strconv.Itoa(to)
	}
	s.write(w, map[string]any{"apiVersion": list.apiVersion, "kind": list.kind, "metadata": metadata, "items": list.items[from:to]})
}

func (s *server) fail(w http.ResponseWriter, code int) {
	reason := map[int]string{http.StatusNotFound: "NotFound", http.StatusForbidden: "Forbidden", http.StatusUnauthorized: "Unauthorized"}[code]
	w.WriteHeader(code)
	s.write(w, map[string]any{
		"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": "the server says " + reason,
	})
}

func (s *server) write(w http.ResponseWriter, document any) {
	assert.NoError(s.t, json.NewEncoder(w).Encode(document))
}

func named(namespace, name string, more map[string]any) map[string]any {
	metadata := map[string]any{"name": name, "uid": namespace + name, "managedFields": []any{map[string]any{"manager": "kubectl"}}}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	object := map[string]any{"metadata": metadata}
	for key, value := range more {
		object[key] = value
	}
	return object
}
