package vpsie

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/go-logr/logr"
	"github.com/sony/gobreaker/v2"
)

// Client talks to VPSie. It is safe for concurrent use.
type Client struct {
	options  Options
	http     *http.Client
	auth     *authenticator
	throttle *throttle
	breaker  *gobreaker.TwoStepCircuitBreaker[struct{}]
	metrics  *metrics
	random   *random
	log      logr.Logger
}

// New makes a client. It sends nothing and does not ask for credentials yet.
func New(options Options) (*Client, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	c := &Client{
		options:  options,
		throttle: newThrottle(options.RequestsPerMinute, options.Burst, options.MaxWait),
		random:   &random{source: rand.New(options.Random)},
		log:      options.Logger,
		http: &http.Client{
			Transport: options.HTTPTransport,
			// A redirect is never followed: it could take the token to another
			// host, or send a purchase twice.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      options.BreakerPause,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= options.BreakerFailures },
		IsSuccessful: func(err error) bool { return !isOutage(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, errGaveUp) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			c.log.Info("VPSie's circuit breaker changed", "from", from.String(), "to", to.String())
		},
	})
	var err error
	if c.metrics, err = newMetrics(options.Registerer); err != nil {
		return nil, err
	}
	if c.auth, err = newAuthenticator(&options, c.exchange); err != nil {
		return nil, err
	}
	return c, nil
}

// errGaveUp is what the breaker is told of a request whose caller went away:
// it says nothing about VPSie.
var errGaveUp = errors.New("the caller gave up")

func isOutage(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.outage
}

// do sends a request with the current token, and once more with a new one if
// VPSie does not let the token in: nothing was done then.
func (c *Client) do(ctx context.Context, r *request) (*answer, error) {
	g, err := c.auth.grant(ctx, nil)
	if err != nil {
		return nil, err
	}
	a, err := c.attempts(ctx, r, g)
	if e, ok := errors.AsType[*Error](err); !ok || !e.expired {
		return a, err
	}
	fresh, renewal := c.auth.grant(ctx, g)
	switch {
	case errors.Is(renewal, errSameToken):
		return nil, err
	case renewal != nil:
		return nil, renewal
	}
	c.log.Info("VPSie rejected the token; logged in anew", "operation", r.name)
	return c.attempts(ctx, r, fresh)
}

// attempts sends what only reads until it succeeds or there is no point, and
// what has an effect once.
func (c *Client) attempts(ctx context.Context, r *request, g *grant) (*answer, error) {
	id := c.random.requestID()
	if r.effect {
		return c.send(ctx, r, g, id)
	}
	var last error
	a, err := backoff.Retry(ctx, func() (*answer, error) {
		a, err := c.send(ctx, r, g, id)
		last = err
		if e, ok := errors.AsType[*Error](err); ok && (e.held || !IsRetryable(err) || ctx.Err() != nil) {
			return nil, backoff.Permanent(err)
		}
		return a, err
	},
		backoff.WithMaxTries(c.options.MaxTries),
		backoff.WithMaxElapsedTime(0),
		backoff.WithBackOff(newPauses(c.options.RetryInterval, c.random)),
		backoff.WithNotify(func(err error, pause time.Duration) {
			c.log.Info("VPSie failed, trying again", "operation", r.name, "error", err.Error(), "pause", pause.String())
		}),
	)
	if err != nil {
		return nil, last
	}
	return a, nil
}

// send sends a request once, if the rate limit and the breaker let it.
func (c *Client) send(ctx context.Context, r *request, g *grant, id string) (*answer, error) {
	if err := c.admit(ctx, r); err != nil {
		return nil, err
	}
	report, err := c.breaker.Allow()
	if err != nil {
		return nil, r.notSent(Unavailable, ErrCircuitOpen)
	}
	began := time.Now()
	a, err := c.roundTrip(ctx, r, g, id)
	took := time.Since(began)
	status := 0
	if a != nil {
		status = a.httpStatus
	}
	if e, ok := errors.AsType[*Error](err); ok {
		status = e.HTTPStatus
		if e.Kind == RateLimited {
			c.throttle.pause(e.RetryAfter)
		}
	}
	if ctx.Err() != nil && err != nil {
		report(errGaveUp)
	} else {
		report(err)
	}
	c.metrics.observe(r.name, statusLabel(status, err), took)
	c.log.V(1).Info("VPSie request", "operation", r.name, "path", r.path, "status", status, "requestID", id,
		"kind", string(KindOf(err)), "duration", took.String())
	if err != nil {
		return nil, err
	}
	return a, nil
}

// admit waits for the request's turn. An open breaker is noticed before, so
// that requests it holds back take no turns.
func (c *Client) admit(ctx context.Context, r *request) error {
	if c.breaker.State() == gobreaker.StateOpen {
		return r.notSent(Unavailable, ErrCircuitOpen)
	}
	tooLong, err := c.throttle.wait(ctx)
	if err != nil {
		return r.notSent(Unavailable, err)
	}
	if tooLong > 0 {
		limited := r.notSent(RateLimited, errTurn)
		limited.RetryAfter = tooLong
		return limited
	}
	return nil
}

var errTurn = errors.New("not sent: too many requests, the wait would be too long")

// notSent makes the error of a request that never left.
func (r *request) notSent(kind Kind, cause error) *Error {
	return &Error{
		Op: r.name, Method: r.method, Path: r.path, Kind: kind, Message: cause.Error(), cause: cause, held: true,
	}
}

// roundTrip sends a request and reads the whole answer.
func (c *Client) roundTrip(ctx context.Context, r *request, g *grant, id string) (*answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	// Until there is a connection nothing can have been sent. A transport that
	// traces nothing is not believed to have had none.
	var wanted, connected bool
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		GetConn: func(string) { wanted = true },
		GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	sent, err := c.newRequest(traced, r, g, id)
	if err != nil {
		return nil, r.refuse("%s", clean(err.Error(), g.secrets()))
	}
	x := exchanged{request: r, secrets: append(g.secrets(), r.hidden...), id: id}
	response, err := c.http.Do(sent)
	if err != nil {
		return nil, x.noAnswer(ctx, err, connected || !wanted)
	}
	defer response.Body.Close()
	x.response = response
	body, err := io.ReadAll(io.LimitReader(response.Body, c.options.MaxBodyBytes+1))
	if err != nil {
		return nil, x.noAnswer(ctx, err, true)
	}
	if int64(len(body)) > c.options.MaxBodyBytes {
		return nil, x.tooLong(c.options.MaxBodyBytes)
	}
	return x.read(body)
}

// newRequest makes the HTTP request. It must not get an Idempotency-Key
// header: VPSie knows none, and Go's transport would feel free to send it twice.
func (c *Client) newRequest(ctx context.Context, r *request, g *grant, id string) (*http.Request, error) {
	var body []byte
	contentType := "application/json"
	switch {
	case r.form != nil:
		contentType = "application/x-www-form-urlencoded"
		body = []byte(r.form.Encode())
	case r.body != nil:
		var err error
		if body, err = json.Marshal(r.body(g.credentials)); err != nil {
			return nil, err
		}
	}
	u := *g.base
	u.Path = c.prefix(r.family) + r.expand()
	u.RawQuery = r.query.Encode()
	sent, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sent.Header.Set("Accept", "application/json")
	sent.Header.Set("Content-Type", contentType)
	sent.Header.Set("User-Agent", c.options.UserAgent)
	sent.Header.Set("X-Request-ID", id)
	if r.name != opLogin.name {
		g.sign(sent.Header)
	}
	return sent, nil
}

func (c *Client) prefix(f family) string {
	switch f {
	case vms:
		return c.options.VMPrefix
	case plans:
		return c.options.PlanPrefix
	}
	return c.options.Prefix
}
