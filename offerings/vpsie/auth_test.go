package vpsie

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	clientID     = "client-7731"
	clientSecret = "s3cret value/with+signs"
)

// office is VPSie's login desk and one list behind it, without a network.
type office struct {
	mu sync.Mutex
	// form wants logins as a form and refuses JSON; flat answers in the other
	// shape; lifetime is the tokens', 0 for none stated.
	form, flat bool
	lifetime   time.Duration
	// valid is the token that is let in, and issued how many there were.
	valid  string
	issued int
	sent   []string
	secret string
}

func (o *office) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	o.sent = append(o.sent, r.Method+" "+r.URL.Host+r.URL.Path)
	if r.URL.Path != "/apps/v2/auth/from/api" {
		if r.Header.Get("Vpsie-Auth") != o.valid || r.Header.Get("Authorization") != "Bearer "+o.valid {
			return response(401, `{"error":true,"message":"Please authenticate"}`), nil
		}
		return response(200, `{"error":false,"data":[]}`), nil
	}
	if r.Header.Get("Vpsie-Auth") != "" || r.Header.Get("Authorization") != "" {
		return nil, errors.New("a login carried a token")
	}
	var asked struct{ ClientID, ClientSecret string }
	switch isForm := r.Header.Get("Content-Type") == "application/x-www-form-urlencoded"; {
	case isForm != o.form:
		return response(400, `{"error":true,"message":"clientId is required"}`), nil
	case isForm:
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		asked.ClientID, asked.ClientSecret = r.PostForm.Get("clientId"), r.PostForm.Get("clientSecret")
	default:
		if err := json.Unmarshal(body, &asked); err != nil {
			return nil, err
		}
	}
	if asked.ClientID != clientID || asked.ClientSecret != o.secret {
		return response(200, `{"error":true,"message":"Invalid client"}`), nil
	}
	o.issued++
	o.valid = fmt.Sprintf("access-%d", o.issued)
	expires := ""
	if o.lifetime != 0 {
		expires = time.Now().Add(o.lifetime).UTC().Format(time.RFC3339)
	}
	pair := fmt.Sprintf(`{"token":%q,"expires":%q}`, o.valid, expires)
	if o.flat {
		return response(200, `{"error":false,"accessToken":`+pair+`,"refreshToken":`+pair+`}`), nil
	}
	return response(200, `{"error":false,"token":{"access":`+pair+`,"refresh":`+pair+`}}`), nil
}

func (o *office) client(t *testing.T, change ...func(*Options)) *Client {
	return newClient(t, append([]func(*Options){
		func(options *Options) { options.HTTPTransport = o },
		fixedCredentials(Credentials{ClientID: clientID, ClientSecret: clientSecret}),
	}, change...)...)
}

func TestLoginInEachShape(t *testing.T) {
	for _, form := range []bool{false, true} {
		for _, flat := range []bool{false, true} {
			t.Run(fmt.Sprintf("form %t flat %t", form, flat), func(t *testing.T) {
				desk := &office{form: form, flat: flat, secret: clientSecret, lifetime: time.Hour}
				c := desk.client(t)
				for range 3 {
					_, err := c.ListVMs(t.Context())
					require.NoError(t, err)
				}
				assert.Equal(t, 1, desk.issued, "one token for all")
			})
		}
	}
}

func TestTokensAreRenewedBeforeTheyEnd(t *testing.T) {
	for _, c := range []struct {
		situation           string
		lifetime, until     time.Duration
		wantBefore, wantAll int
	}{
		{"an hour: five minutes early", time.Hour, 55 * time.Minute, 1, 2},
		{"ten minutes: in the last fifth", 10 * time.Minute, 8 * time.Minute, 1, 2},
		{"no end stated", 0, 1000 * time.Hour, 1, 1},
		{"ended when issued, as the clocks differ", -time.Hour, time.Hour, 1, 1},
	} {
		t.Run(c.situation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				desk := &office{secret: clientSecret, lifetime: c.lifetime}
				client := desk.client(t)
				list := func() {
					_, err := client.ListVMs(t.Context())
					require.NoError(t, err)
				}
				list()
				time.Sleep(c.until - time.Second)
				list()
				assert.Equal(t, c.wantBefore, desk.issued)
				time.Sleep(2 * time.Second)
				list()
				assert.Equal(t, c.wantAll, desk.issued)
			})
		})
	}
}

func TestRejectedTokens(t *testing.T) {
	t.Run("an exchanged token is renewed and the request sent again, even one that buys", func(t *testing.T) {
		desk := &office{secret: clientSecret, lifetime: time.Hour}
		c := desk.client(t)
		_, err := c.ListVMs(t.Context())
		require.NoError(t, err)
		desk.valid = "revoked"
		require.NoError(t, c.CreateVM(t.Context(), smallVM))
		assert.Equal(t, []string{
			"POST api.vpsie.com/apps/v2/auth/from/api", "GET api.vpsie.com/apps/v2/vm",
			"POST api.vpsie.com/apps/v2/vm", "POST api.vpsie.com/apps/v2/auth/from/api", "POST api.vpsie.com/apps/v2/vm",
		}, desk.sent)
	})
	t.Run("many at once log in once", func(t *testing.T) {
		desk := &office{secret: clientSecret, lifetime: time.Hour}
		c := desk.client(t)
		_, err := c.ListVMs(t.Context())
		require.NoError(t, err)
		desk.mu.Lock()
		desk.valid = "revoked"
		desk.mu.Unlock()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, err := c.ListVMs(t.Context())
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Equal(t, 2, desk.issued)
	})
	t.Run("a new token that is rejected too is not renewed for ever", func(t *testing.T) {
		desk := &office{secret: clientSecret, lifetime: time.Hour}
		c := desk.client(t, func(o *Options) {
			o.HTTPTransport = inMemory(func(r *http.Request) (*http.Response, error) {
				answer, err := desk.RoundTrip(r)
				desk.valid = "another"
				return answer, err
			})
		})
		_, err := c.ListVMs(t.Context())
		assert.Equal(t, Unauthorized, KindOf(err))
		assert.Equal(t, 2, desk.issued)
	})
	t.Run("a personal token cannot be renewed", func(t *testing.T) {
		for _, r := range []reply{status(401, `{"error":true,"message":"Please authenticate"}`), refused("Please authenticate")} {
			s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {r}})
			_, err := s.client().ListVMs(t.Context())
			assert.Equal(t, Unauthorized, KindOf(err))
			assert.ErrorContains(t, err, "Please authenticate")
			assert.Len(t, s.seen(), 1)
		}
	})
	t.Run("VPSie is down when the token is renewed", func(t *testing.T) {
		desk := &office{secret: clientSecret, lifetime: time.Hour}
		down := false
		c := desk.client(t, func(o *Options) {
			o.MaxTries = 1
			o.HTTPTransport = inMemory(func(r *http.Request) (*http.Response, error) {
				if down && strings.HasSuffix(r.URL.Path, "/auth/from/api") {
					return response(502, "<html>"), nil
				}
				return desk.RoundTrip(r)
			})
		})
		_, err := c.ListVMs(t.Context())
		require.NoError(t, err)
		desk.valid, down = "revoked", true
		err = c.CreateVM(t.Context(), smallVM)
		assert.Equal(t, Unavailable, KindOf(err), "the request itself was rejected: nothing was bought")
		assert.ErrorContains(t, err, "Login")
	})
	t.Run("wrong credentials", func(t *testing.T) {
		desk := &office{secret: "another"}
		c := desk.client(t)
		_, err := c.ListVMs(t.Context())
		assert.Equal(t, Unauthorized, KindOf(err))
		assert.True(t, IsTerminal(err))
		assert.EqualError(t, errors.New(strings.Split(err.Error(), " (")[0]), "vpsie: Login: Unauthorized: Invalid client")
		assert.Len(t, desk.sent, 2, "as JSON and as a form, and no more")
	})
	t.Run("a login without a token in it", func(t *testing.T) {
		for payload, want := range map[string]string{
			`{"error":false}`: "accessToken.token: is missing",
			`{"error":false,"token":{"access":{"token":"a b"}}}`: "token.access.token: has characters",
			`{"error":false,"token":"plain"}`:                    "token: must be an object",
		} {
			s := newStage(t, map[string][]reply{"POST /apps/v2/auth/from/api": {ok(payload)}})
			_, err := s.client(fixedCredentials(Credentials{ClientID: clientID, ClientSecret: clientSecret})).ListVMs(t.Context())
			assert.ErrorContains(t, err, want)
			assert.Equal(t, Unreadable, KindOf(err))
		}
	})
}

// A Secret that was rotated takes effect with the next request.
func TestRotatedCredentials(t *testing.T) {
	current := Credentials{Token: "first"}
	var failure error
	s := newStage(t, map[string][]reply{"GET /apps/v2/vm": {data(`[]`)}, "POST /apps/v2/auth/from/api": {
		ok(`{"token":{"access":{"token":"exchanged"}}}`),
	}})
	other := newStage(t, map[string][]reply{"GET /apps/v2/vm": {data(`[]`)}})
	c := s.client(func(o *Options) {
		o.Credentials = func(context.Context) (Credentials, error) { return current, failure }
	})
	list := func() error { _, err := c.ListVMs(t.Context()); return err }
	last := func(s *stage) string { all := s.seen(); return all[len(all)-1].header.Get("Vpsie-Auth") }

	require.NoError(t, list())
	assert.Equal(t, "first", last(s))
	current = Credentials{Token: "second"}
	require.NoError(t, list())
	assert.Equal(t, "second", last(s))
	current = Credentials{ClientID: "a", ClientSecret: "b"}
	require.NoError(t, list())
	assert.Equal(t, "exchanged", last(s))
	current = Credentials{Token: "third", URL: other.server.URL}
	require.NoError(t, list())
	assert.Equal(t, "third", last(other))

	sent := len(s.seen()) + len(other.seen())
	for want, bad := range map[string]Credentials{
		"url: must be https":                          {Token: "a", URL: "http://api.vpsie.com"},
		"neither token nor clientId and clientSecret": {},
	} {
		current = bad
		err := list()
		require.ErrorContains(t, err, want)
		assert.Equal(t, Unauthorized, KindOf(err))
	}
	failure = errors.New("secret vpsie-secret not found")
	err := list()
	require.ErrorContains(t, err, "credentials: secret vpsie-secret not found")
	require.ErrorIs(t, err, failure)
	assert.Equal(t, sent, len(s.seen())+len(other.seen()), "nothing is sent without credentials")
}

func TestWaitingForALoginEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		desk := &office{secret: clientSecret}
		c := desk.client(t, func(o *Options) {
			o.HTTPTransport = inMemory(func(r *http.Request) (*http.Response, error) {
				<-proceed
				return desk.RoundTrip(r)
			})
		})
		first := make(chan error, 1)
		go func() { _, err := c.ListVMs(t.Context()); first <- err }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.ListVMs(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, Unavailable, KindOf(err))
		close(proceed)
		require.NoError(t, <-first)
	})
}
