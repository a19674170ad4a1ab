package fake

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// ServeHTTP serves the API, and the admin endpoint under /_fake/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, adminPrefix) {
		s.admin.ServeHTTP(w, r)
		return
	}
	s.api.ServeHTTP(w, r)
}

// serve answers one request: it is refused, or takes effect, or both seem so.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, route route) {
	r.Body = http.MaxBytesReader(w, r.Body, largestBody)
	c, err := read(r, route)
	if err != nil {
		failure(http.StatusRequestEntityTooLarge, "request entity too large").write(w, nil)
		return
	}
	answer, fault := s.decide(c)
	if fault == nil {
		answer.write(w, answer.body())
		return
	}
	switch fault.Kind {
	case ConnectionReset:
		reset(w)
	case LostResponse:
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	case TimeoutAfterSuccess:
		wait(r, s.config.Clock, fault.Duration, 5*time.Minute)
		panic(http.ErrAbortHandler)
	case Slow:
		wait(r, s.config.Clock, fault.Duration, time.Second)
		answer.write(w, answer.body())
	case Garbage:
		answer.status = http.StatusOK // one with a body
		answer.write(w, s.garbage(c, fault, answer.body()))
	default:
		answer.write(w, answer.body())
	}
}

// decide lets the request take effect, or not, and writes the journal. The
// fault it returns is one that still has to spoil the answer.
func (s *Server) decide(c *call) (reply, *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identify(c)
	entry := Request{
		Time: s.now(), Operation: c.route.operation, Method: c.request.Method, Path: c.request.URL.Path,
		Hostname: c.hostname, RequestID: c.request.Header.Get("X-Request-ID"),
	}
	var fault *Fault
	if s.down {
		fault = &Fault{Kind: ConnectionReset}
	} else {
		fault = s.fault(c.route.operation, c.hostname, c.offering)
	}
	answer, done := s.effect(c, fault)
	if fault != nil {
		entry.Fault = fault.Kind
		if fault.Kind == ErrorAfterSuccess {
			answer = broken(fault, answer.machine)
		}
	}
	entry.Done, entry.Status, entry.Outcome = done, answer.status, answer.message
	if done && entry.Outcome == "" {
		entry.Outcome = "ok"
	}
	if fault != nil && (fault.Kind == ConnectionReset || fault.Kind == LostResponse || fault.Kind == TimeoutAfterSuccess) {
		entry.Status = 0
	}
	if m := answer.machine; m != nil {
		entry.Identifier, entry.Hostname = m.Identifier, m.Ordered
	} else if c.machine != nil {
		entry.Identifier = c.machine.Identifier
	}
	s.journal.add(entry)
	s.config.Logger.Info("request", "operation", entry.Operation, "hostname", entry.Hostname,
		"status", entry.Status, "outcome", entry.Outcome, "fault", entry.Fault)
	return answer, fault
}

// effect is what the request does and what is said about it. It reports
// whether the request took effect.
func (s *Server) effect(c *call, fault *Fault) (reply, bool) {
	if fault != nil && fault.Kind == ConnectionReset {
		return reply{}, false
	}
	if !s.bucket.take(s.now(), s.config.RateLimit) {
		return tooMany(), false
	}
	if c.route.operation != Login && c.route.operation != Unknown && !s.authenticated(c.request) {
		return failure(http.StatusUnauthorized, "Please authenticate"), false
	}
	if fault != nil {
		if answer, instead := s.instead(c, fault); instead {
			return answer, false
		}
	}
	answer := c.route.serve(s, c)
	if fault != nil && answer.message == "" {
		s.spoil(c, fault, &answer)
	}
	return answer, answer.message == ""
}

// instead is the answer of a fault that keeps a request from taking effect.
func (s *Server) instead(c *call, fault *Fault) (reply, bool) {
	switch fault.Kind {
	case ServerError:
		return broken(fault, nil), true
	case RateLimited:
		return tooMany(), true
	case TokenExpired:
		delete(s.tokens, presented(c.request))
		return failure(http.StatusUnauthorized, "Please authenticate"), true
	case WrongPassword:
		return refused(wrongPassword), true
	case StockOut:
		return refused(stockOut), true
	case QuotaExceeded:
		return refused(quotaExceeded), true
	case BusinessError:
		return refused("Something got lost in the clouds"), true
	}
	return reply{}, false
}

// spoil changes what a request did, or what is said about it.
func (s *Server) spoil(c *call, fault *Fault, answer *reply) {
	switch fault.Kind {
	case Duplicate:
		if m := answer.machine; m != nil && c.route.operation == CreateVM {
			s.add(m.twin())
		}
	case PartialList, EmptyList:
		s.shorten(c, fault, answer)
	}
}

// shorten takes one record from the list, or all of them.
func (s *Server) shorten(c *call, fault *Fault, answer *reply) {
	list, isList := answer.fields["data"].([]any)
	switch {
	case !isList:
		if fault.Kind == PartialList && answer.fields != nil {
			answer.fields["data"] = false
		}
	case fault.Kind == EmptyList:
		answer.fields["data"] = []any{}
	case len(list) > 0:
		n := s.draw("partial", c.request.URL.Path, strconv.Itoa(fault.nth)).IntN(len(list))
		answer.fields["data"] = append(append([]any{}, list[:n]...), list[n+1:]...)
	}
}

func broken(fault *Fault, m *machine) reply {
	status := fault.Status
	if status == 0 {
		status = http.StatusBadGateway
	}
	return reply{status: status, page: badGateway, message: fmt.Sprintf("HTML page with status %d", status), machine: m}
}

func tooMany() reply {
	r := failure(http.StatusTooManyRequests, "Too Many Requests")
	r.retryAfter = "1"
	return r
}

// garbage is an answer that is broken in one of several ways.
func (s *Server) garbage(c *call, fault *Fault, body []byte) []byte {
	switch s.draw("garbage", c.request.URL.Path, strconv.Itoa(fault.nth)).IntN(5) {
	case 0:
		return body[:len(body)/2]
	case 1:
		return []byte(`{"error":false,"data":[{"identifier":17,"hostname":{},"ram":"lots","cpu":-1,"is_active":"perhaps","id":1e400}]}`)
	case 2:
		return []byte(`{"error":"no","data":{"rows":"none"}}`)
	case 3:
		return []byte(`[[[`)
	default:
		return nil
	}
}

// wait until a time has passed or the client has given up.
func wait(r *http.Request, c clock.Clock, d Duration, otherwise time.Duration) {
	if d == 0 {
		d = Duration(otherwise)
	}
	select {
	case <-r.Context().Done():
	case <-c.After(time.Duration(d)):
	}
}

// reset closes the connection with a TCP reset, where there is a connection.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, isTCP := conn.(*net.TCPConn); isTCP {
			_ = tcp.SetLinger(0) // else the close is an orderly one, which is a fault as well
		}
		_ = conn.Close()
		return
	}
	panic(http.ErrAbortHandler)
}

// bucket counts the requests of a minute.
type bucket struct {
	minute time.Time
	taken  int
}

func (b *bucket) take(now time.Time, limit int) bool {
	if limit == 0 {
		return true
	}
	if now.Sub(b.minute) >= time.Minute {
		b.minute, b.taken = now, 0
	}
	b.taken++
	return b.taken <= limit
}
