package fake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is the account, and the HTTP handler that serves it. Its state lives
// as long as the Server does: closing and starting the listener again is an
// outage, not a loss.
type Server struct {
	config  Config
	api     *http.ServeMux
	admin   *http.ServeMux
	running context.Context
	halted  context.CancelFunc
	inside  sync.WaitGroup

	mu           sync.Mutex
	machines     []*machine
	byIdentifier map[string]*machine
	lastNumber   int
	bought       map[string]int
	stock        map[Place]int
	quota        int
	credentials  Credentials
	tokens       map[string]time.Time // access token → expiry
	lastToken    int
	secrets      map[string]bool // beside those that machines know
	clusters     []*cluster
	scripts      []*script
	lastScript   int
	rules        []*rule
	down         bool
	bucket       bucket
	journal      journal
	http         *http.Server
	closed       bool // no machine boots any more
}

var _ http.Handler = (*Server)(nil)

// New returns a server with nothing bought yet. Close it to stop its machines.
func New(config Config) (*Server, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	running, halted := context.WithCancel(context.Background())
	s := &Server{
		config:       config,
		running:      running,
		halted:       halted,
		byIdentifier: make(map[string]*machine),
		bought:       make(map[string]int),
		stock:        make(map[Place]int),
		quota:        config.Quota,
		credentials:  config.Credentials,
		tokens:       make(map[string]time.Time),
		secrets:      make(map[string]bool),
	}
	s.remember(config.Credentials.Token, config.Credentials.ClientSecret, config.Credentials.Password)
	maps.Copy(s.stock, config.Stock)
	for _, f := range config.Faults {
		s.rules = append(s.rules, &rule{Fault: f})
	}
	for i := range config.Clusters {
		s.clusters = append(s.clusters, &cluster{Cluster: config.Clusters[i], createdAt: s.now()})
	}
	s.api = s.apiRoutes()
	s.admin = s.adminRoutes()
	return s, nil
}

// Start serves on a free port of the loopback interface and returns the URL.
func (s *Server) Start() (string, error) {
	return s.StartOn("127.0.0.1:0")
}

// StartOn serves on a host and port, 0 being a free one, and returns the URL.
func (s *Server) StartOn(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("fake VPSie: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	s.mu.Lock()
	previous := s.http
	s.http = server
	s.mu.Unlock()
	if previous != nil {
		_ = previous.Close() // its listener is being replaced; whether it was open does not matter
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.config.Logger.Error(err, "fake VPSie stopped serving")
		}
	}()
	return "http://" + listener.Addr().String(), nil
}

// Close stops serving, halts all machines and waits until they stand still.
func (s *Server) Close() {
	s.mu.Lock()
	server := s.http
	s.http = nil
	s.closed = true
	s.mu.Unlock()
	if server != nil {
		_ = server.Close() // open connections are cut; there is nothing to be done about an error
	}
	s.halted()
	s.inside.Wait()
}

func (s *Server) now() time.Time { return s.config.Clock.Now() }
