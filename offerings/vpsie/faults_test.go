package vpsie

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hijack takes the connection of a request whose body was read.
func hijack(t *testing.T, w http.ResponseWriter, r *http.Request) (net.Conn, *bufio.ReadWriter) {
	_, err := io.Copy(io.Discard, r.Body)
	assert.NoError(t, err)
	conn, buffer, err := w.(http.Hijacker).Hijack()
	assert.NoError(t, err)
	return conn, buffer
}

// What the network does to a request, and what may be concluded.
func TestRequestsWithoutAnswer(t *testing.T) {
	for _, c := range []struct {
		situation string
		serve     func(*testing.T, http.ResponseWriter, *http.Request)
		change    func(*Options)
		want      string
	}{
		{
			situation: "the connection is closed", want: "no answer: EOF",
			serve: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
				conn, _ := hijack(t, w, r)
				assert.NoError(t, conn.Close())
			},
		},
		{
			situation: "the connection is reset", want: "no answer: read: connection reset by peer",
			serve: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
				conn, _ := hijack(t, w, r)
				assert.NoError(t, conn.(*net.TCPConn).SetLinger(0))
				assert.NoError(t, conn.Close())
			},
		},
		{
			situation: "the answer breaks off", want: "unexpected EOF",
			serve: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
				conn, buffer := hijack(t, w, r)
				_, err := buffer.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"error\":false,")
				assert.NoError(t, err)
				assert.NoError(t, buffer.Flush())
				assert.NoError(t, conn.Close())
			},
		},
		{
			situation: "the answer is not HTTP", want: "malformed HTTP",
			serve: func(t *testing.T, w http.ResponseWriter, r *http.Request) {
				conn, buffer := hijack(t, w, r)
				_, err := buffer.WriteString("SSH-2.0-OpenSSH\r\n\r\n")
				assert.NoError(t, err)
				assert.NoError(t, buffer.Flush())
				assert.NoError(t, conn.Close())
			},
		},
		{
			situation: "no answer in time", want: "context deadline exceeded",
			change: func(o *Options) { o.Timeout = 20 * time.Millisecond },
			serve: func(_ *testing.T, _ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // the server notices the end of the client only then
				<-r.Context().Done()
			},
		},
	} {
		t.Run(c.situation, func(t *testing.T) {
			var sent atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent.Add(1)
				c.serve(t, w, r)
			}))
			t.Cleanup(server.Close)
			client := newClient(t, func(o *Options) {
				o.BaseURL, o.MaxTries, o.BreakerFailures = server.URL, 3, 100
				if c.change != nil {
					c.change(o)
				}
			})
			_, err := client.ListVMs(t.Context())
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, Unavailable, KindOf(err))
			assert.EqualValues(t, 3, sent.Load(), "reads are repeated")
			assert.NotContains(t, err.Error(), server.URL, "the operation says enough")

			sent.Store(0)
			err = client.CreateVM(t.Context(), smallVM)
			require.ErrorContains(t, err, c.want)
			assert.True(t, IsAmbiguous(err), "it may have been bought")
			assert.False(t, IsRetryable(err))
			assert.EqualValues(t, 1, sent.Load())

			sent.Store(0)
			_, err = client.AddKubeNode(t.Context(), "kc", 1)
			assert.True(t, IsAmbiguous(err), "it may have been added")
			assert.EqualValues(t, 1, sent.Load())
		})
	}
}

// Where there was no connection nothing can have been bought.
func TestRequestsProvablyNotSent(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		url := server.URL
		server.Close()
		err := newClient(t, func(o *Options) { o.BaseURL = url }).CreateVM(t.Context(), smallVM)
		require.ErrorContains(t, err, "connection refused")
		assert.Equal(t, Unavailable, KindOf(err))
		assert.True(t, IsRetryable(err))
	})
	t.Run("the certificate is not to be trusted", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Error("a request arrived")
		}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		err := newClient(t, func(o *Options) { o.BaseURL = server.URL }).CreateVM(t.Context(), smallVM)
		require.ErrorContains(t, err, "certificate")
		assert.Equal(t, Unavailable, KindOf(err))
	})
	t.Run("a transport that cannot say whether it sent is not believed to have not", func(t *testing.T) {
		client := newClient(t, func(o *Options) {
			o.HTTPTransport = inMemory(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken pipe") })
		})
		assert.True(t, IsAmbiguous(client.CreateVM(t.Context(), smallVM)))
	})
	t.Run("the caller gave up before", func(t *testing.T) {
		s := newStage(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.client().CreateVM(ctx, smallVM)
		require.ErrorIs(t, err, context.Canceled)
		assert.False(t, IsAmbiguous(err))
		assert.Empty(t, s.seen())
	})
}

func TestCallerGivesUp(t *testing.T) {
	arrived := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	client := newClient(t, func(o *Options) { o.BaseURL, o.BreakerFailures = server.URL, 1 })
	for name, do := range map[string]func(context.Context) error{
		"read":  func(ctx context.Context) error { _, err := client.ListVMs(ctx); return err },
		"write": func(ctx context.Context) error { return client.CreateVM(ctx, smallVM) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		err := do(ctx)
		require.ErrorIs(t, err, context.Canceled, name)
		assert.Equal(t, name == "write", IsAmbiguous(err), name)
	}
	assert.Empty(t, arrived, "nothing was repeated for a caller that is gone")
	assert.Equal(t, gobreaker.StateClosed, client.breaker.State(), "that says nothing about VPSie")
}

func TestPauseBetweenTriesEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, func(o *Options) {
			o.RetryInterval = time.Minute
			o.HTTPTransport = inMemory(func(*http.Request) (*http.Response, error) { return response(502, "<html>"), nil })
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := client.ListVMs(ctx)
		assert.Equal(t, Unavailable, KindOf(err), "what VPSie said last, not only that time is up")
		assert.Equal(t, time.Second, time.Since(began))
	})
}

// server502 counts what is sent to it and fails until it is told to work.
type server502 struct {
	sent int
	body string
	code int
}

func (s *server502) RoundTrip(*http.Request) (*http.Response, error) {
	s.sent++
	return response(s.code, s.body), nil
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &server502{code: 502, body: "<html>"}
		var logged strings.Builder
		client := newClient(t, func(o *Options) {
			o.HTTPTransport, o.Logger, o.MaxTries = server, logTo(&logged), 1
			o.BreakerFailures, o.BreakerPause = 3, time.Minute
		})
		for range 3 {
			_, err := client.ListVMs(t.Context())
			require.NotErrorIs(t, err, ErrCircuitOpen)
		}
		err := client.CreateVM(t.Context(), smallVM)
		require.ErrorIs(t, err, ErrCircuitOpen)
		assert.Equal(t, Unavailable, KindOf(err), "nothing was sent, nothing bought")
		assert.True(t, IsRetryable(err))
		assert.Equal(t, 3, server.sent)
		assert.Contains(t, logged.String(), `"from"="closed" "to"="open"`)

		time.Sleep(time.Minute + time.Second) // the bubble's clock
		_, err = client.ListVMs(t.Context())
		require.NotErrorIs(t, err, ErrCircuitOpen, "one may try")
		assert.Equal(t, 4, server.sent)
		_, err = client.ListVMs(t.Context())
		require.ErrorIs(t, err, ErrCircuitOpen, "it failed")

		time.Sleep(time.Minute + time.Second)
		server.code, server.body = 200, `{"error":false,"data":[]}`
		for range 2 {
			_, err = client.ListVMs(t.Context())
			require.NoError(t, err)
		}
	})
}

// Half-open, one request at a time may try.
func TestBreakerLetsOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		fail := true
		client := newClient(t, func(o *Options) {
			o.MaxTries, o.BreakerFailures = 1, 1
			o.HTTPTransport = inMemory(func(*http.Request) (*http.Response, error) {
				if fail {
					return response(502, "<html>"), nil
				}
				<-proceed
				return response(200, `{"data":[]}`), nil
			})
		})
		_, err := client.ListVMs(t.Context())
		require.Error(t, err)
		time.Sleep(time.Minute)
		fail = false
		first := make(chan error, 1)
		go func() {
			_, err := client.ListVMs(t.Context())
			first <- err
		}()
		synctest.Wait()
		_, err = client.ListVMs(t.Context())
		require.ErrorIs(t, err, ErrCircuitOpen)
		close(proceed)
		require.NoError(t, <-first)
	})
}

// Half-open, a caller that gives up leaves the try to the next.
func TestBreakerAndACallerThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		serve := func(*http.Request) (*http.Response, error) { return response(502, "<html>"), nil }
		client := newClient(t, func(o *Options) {
			o.MaxTries, o.BreakerFailures, o.Timeout = 1, 1, time.Hour
			o.HTTPTransport = inMemory(func(r *http.Request) (*http.Response, error) { return serve(r) })
		})
		_, err := client.ListVMs(t.Context())
		require.Error(t, err)
		time.Sleep(time.Minute)
		serve = func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.ListVMs(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		serve = func(*http.Request) (*http.Response, error) { return response(200, `{"data":[]}`), nil }
		_, err = client.ListVMs(t.Context())
		require.NoError(t, err)
	})
}

// What VPSie refuses does not open the breaker, however often.
func TestBreakerIgnoresRefusals(t *testing.T) {
	for situation, r := range map[string]reply{
		"wrong password":                   refused("You entered the wrong password"),
		"quota":                            refused("quota exceeded"),
		"unknown reason":                   refused("lost in the clouds"),
		"HTTP 400":                         status(400, `{"error":true}`),
		"HTTP 403":                         status(403, `{"error":true}`),
		"HTTP 429":                         status(429, `{"error":true}`),
		"odd fields":                       data(`[{"identifier":""}]`),
		"a quota that comes with HTTP 500": status(500, `{"error":true,"message":"quota exceeded"}`),
	} {
		server := &server502{code: r.status, body: r.body}
		client := newClient(t, func(o *Options) { o.HTTPTransport, o.MaxTries, o.BreakerFailures = server, 1, 2 })
		for range 10 {
			_, err := client.ListVMs(t.Context())
			require.Error(t, err, situation)
		}
		assert.Equal(t, 10, server.sent, situation)
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &server502{code: 200, body: `{"data":[]}`}
		client := newClient(t, func(o *Options) {
			o.HTTPTransport, o.RequestsPerMinute, o.Burst, o.MaxWait = server, 6, 2, 15*time.Second
		})
		began := time.Now()
		for range 3 {
			_, err := client.ListVMs(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, 10*time.Second, time.Since(began), "two at once, the third after its turn")

		// Several wait; the one whose turn is too far away is told so at once.
		errs := make(chan error, 2)
		go func() { _, err := client.ListVMs(t.Context()); errs <- err }()
		synctest.Wait()
		err := client.CreateVM(t.Context(), smallVM)
		assert.Equal(t, RateLimited, KindOf(err))
		assert.False(t, IsAmbiguous(err), "it was not sent")
		limited, ok := errors.AsType[*Error](err)
		require.True(t, ok)
		assert.Equal(t, 20*time.Second, limited.RetryAfter)
		require.NoError(t, <-errs)

		// A caller with less time than its turn takes is told so at once as well.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began = time.Now()
		_, err = client.ListVMs(ctx)
		assert.Equal(t, RateLimited, KindOf(err))
		assert.Zero(t, time.Since(began))

		// A caller that goes away while it waits takes no turn.
		ctx, cancel = context.WithCancel(t.Context())
		go func() { _, err := client.ListVMs(ctx); errs <- err }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-errs, context.Canceled)
		began = time.Now()
		_, err = client.ListVMs(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, time.Since(began))
	})
}

// After HTTP 429 nobody sends anything before the time VPSie asked for.
func TestPauseThatVPSieAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Time
		after := "20"
		client := newClient(t, func(o *Options) {
			o.HTTPTransport = inMemory(func(*http.Request) (*http.Response, error) {
				sent = append(sent, time.Now())
				if len(sent)%2 == 0 {
					return response(200, `{"data":[]}`), nil
				}
				r := response(429, `{"error":true,"message":"slow down"}`)
				r.Header.Set("Retry-After", after)
				return r, nil
			})
		})
		began := time.Now()
		_, err := client.ListVMs(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 20*time.Second, time.Since(began).Truncate(time.Millisecond))

		after = "300"
		err = client.CreateVM(t.Context(), smallVM)
		assert.Equal(t, RateLimited, KindOf(err))
		assert.False(t, IsAmbiguous(err), "429 is a refusal")
		_, err = client.ListVMs(t.Context())
		limited, ok := errors.AsType[*Error](err)
		require.True(t, ok)
		assert.Equal(t, RateLimited, limited.Kind)
		assert.Equal(t, 300*time.Second, limited.RetryAfter)
		assert.Len(t, sent, 3, "the pause is longer than anybody waits")

		time.Sleep(300 * time.Second)
		_, err = client.ListVMs(t.Context())
		require.NoError(t, err)
	})
}
