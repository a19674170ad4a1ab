package chaos

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"sync"
)

// moment is when, in the life of one request to VPSie, a trap springs.
type moment string

const (
	// beforeEffect: the request is on its way and the controller dies; VPSie
	// carries it out all the same.
	beforeEffect moment = "before VPSie carries a request out"
	// beforeAnswer: VPSie has carried it out, and nobody is there to hear.
	beforeAnswer moment = "before VPSie's answer arrives"
	// afterAnswer: the answer has been sent.
	afterAnswer moment = "after VPSie's answer"
)

var moments = []moment{beforeEffect, beforeAnswer, afterAnswer}

// trap stands before VPSie and springs at a chosen moment of a chosen request.
type trap struct {
	next http.Handler

	mu     sync.Mutex
	method string
	at     moment
	skip   int
	spring func()
}

// set arms the trap for the order (POST), the deletion (DELETE) or either ("") that
// comes after skip others. Spring runs once, while the request waits.
func (t *trap) set(method string, at moment, skip int, spring func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.method, t.at, t.skip, t.spring = method, at, skip, spring
}

func (t *trap) disarm() { t.set("", "", 0, nil) }

// caught says whether this is the request, and if so disarms the trap.
func (t *trap) caught(r *http.Request) (spring func(), at moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spring == nil || r.Method == http.MethodGet || !strings.HasSuffix(r.URL.Path, "/v2/vm") ||
		t.method != "" && r.Method != t.method {
		return nil, ""
	}
	if t.skip > 0 {
		t.skip--
		return nil, ""
	}
	spring, at = t.spring, t.at
	t.spring = nil
	return spring, at
}

// ServeHTTP passes everything on.
func (t *trap) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	spring, at := t.caught(r)
	switch {
	case spring == nil:
		t.next.ServeHTTP(rw, r)
	case at == beforeEffect:
		spring()
		t.next.ServeHTTP(rw, r)
	case at == beforeAnswer:
		t.next.ServeHTTP(&held{rw}, r)
		spring()
		panic(http.ErrAbortHandler)
	default:
		// However the request ends.
		defer spring()
		answer := &watched{ResponseWriter: rw}
		t.next.ServeHTTP(answer, r)
		if !answer.hijacked {
			_ = http.NewResponseController(rw).Flush() // to nobody, if the client has given up
		}
	}
}

// watched notices when a fault takes the connection over.
type watched struct {
	http.ResponseWriter
	hijacked bool
}

// Hijack makes watched an http.Hijacker.
func (w *watched) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.hijacked = err == nil
	return conn, buffer, err
}

// held is an answer that does not leave.
type held struct{ http.ResponseWriter }

func (held) Write(b []byte) (int, error) { return len(b), nil }

func (held) WriteHeader(int) {}

// Unwrap lets faults reset the connection.
func (h held) Unwrap() http.ResponseWriter { return h.ResponseWriter }
