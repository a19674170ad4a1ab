package fake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// adminPrefix is the path of the endpoint that a test in another process uses
// for what Server's methods do in this one.
const adminPrefix = "/_fake/"

// State is what GET /_fake/state shows. It holds no secret.
type State struct {
	VMs          []VM           `json:"vms"`
	Pending      []VM           `json:"pending"`
	Bought       map[string]int `json:"bought"`
	BoughtTwice  []string       `json:"boughtTwice"`
	PricePerHour float64        `json:"pricePerHour"`
	Quota        int            `json:"quota"`
	Down         bool           `json:"down"`
	Faults       []FaultState   `json:"faults"`
}

// FaultState is a fault in force and how often it has hit.
type FaultState struct {
	Fault
	Fired int `json:"fired"`
}

// State returns the account's state at this moment.
func (s *Server) State() State {
	state := State{VMs: s.VMs(), Pending: s.Pending(), BoughtTwice: s.BoughtTwice(), PricePerHour: s.PricePerHour()}
	s.mu.Lock()
	defer s.mu.Unlock()
	state.Bought = make(map[string]int, len(s.bought))
	for hostname, count := range s.bought {
		state.Bought[hostname] = count
	}
	state.Quota, state.Down = s.quota, s.down
	state.Faults = make([]FaultState, len(s.rules))
	for i, r := range s.rules {
		state.Faults[i] = FaultState{r.Fault, r.fired}
	}
	return state
}

// adminRoutes take and give JSON:
//
//	GET  /_fake/state                   State
//	GET  /_fake/history                 every VM that there ever was
//	GET  /_fake/requests?since=RFC3339  the journal
//	GET  /_fake/secrets                 what no log may hold, for tests that search logs
//	PUT  /_fake/faults                  [Fault…] instead of those in force
//	POST /_fake/stock                   {"offering", "datacenter", "left"}
//	POST /_fake/quota                   {"machines"}
//	POST /_fake/down                    {"down": true or false}
//	POST /_fake/expire                  every exchanged token ends
//	POST /_fake/rotate                  Credentials; empty ones stay
//	POST /_fake/vms                     Foreign
//	POST /_fake/kill, poweroff, vanish  {"hostname"}
//
// A mistake is answered with 400 and a line of text.
func (s *Server) adminRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_fake/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.State()) })
	mux.HandleFunc("GET /_fake/history", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.History()) })
	mux.HandleFunc("GET /_fake/secrets", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Secrets()) })
	mux.HandleFunc("GET /_fake/requests", s.adminRequests)
	mux.HandleFunc("PUT /_fake/faults", admin(func(faults []Fault) (any, error) { return done, s.SetFaults(faults...) }))
	mux.HandleFunc("POST /_fake/stock", admin(func(in struct {
		Place
		Left int `json:"left"`
	},
	) (any, error) {
		return done, s.SetStock(in.Place, in.Left)
	}))
	mux.HandleFunc("POST /_fake/quota", admin(func(in struct {
		Machines int `json:"machines"`
	},
	) (any, error) {
		s.SetQuota(in.Machines)
		return done, nil
	}))
	mux.HandleFunc("POST /_fake/down", admin(func(in struct {
		Down bool `json:"down"`
	},
	) (any, error) {
		s.Down(in.Down)
		return done, nil
	}))
	mux.HandleFunc("POST /_fake/expire", admin(func(struct{}) (any, error) {
		s.ExpireTokens()
		return done, nil
	}))
	mux.HandleFunc("POST /_fake/rotate", admin(func(next Credentials) (any, error) {
		s.RotateCredentials(next)
		return done, nil
	}))
	mux.HandleFunc("POST /_fake/vms", admin(func(f Foreign) (any, error) { return s.AddVM(f) }))
	strike := func(path string, blow func(string) error) {
		mux.HandleFunc("POST "+path, admin(func(in struct {
			Hostname string `json:"hostname"`
		},
		) (any, error) {
			return done, blow(in.Hostname)
		}))
	}
	strike("/_fake/kill", s.Kill)
	strike("/_fake/poweroff", s.PowerOff)
	strike("/_fake/vanish", s.Vanish)
	return mux
}

// adminRequests shows the journal, from ?since= (RFC 3339) on.
func (s *Server) adminRequests(w http.ResponseWriter, r *http.Request) {
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			http.Error(w, fmt.Sprintf("since: %v", err), http.StatusBadRequest)
			return
		}
		since = parsed
	}
	writeJSON(w, s.RequestsSince(since))
}

var done = map[string]bool{"ok": true}

// admin reads JSON strictly, acts and answers.
func admin[In any](act func(In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, largestBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := act(in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, out)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that is gone misses its answer
}
