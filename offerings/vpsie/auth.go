package vpsie

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// mostEarly is how long before its end an exchanged token is replaced, if it
// lasts long: VPSie's last about an hour. Others are replaced in the last fifth.
const mostEarly = 5 * time.Minute

// A grant is all a request needs to be let in. It is not changed once made.
type grant struct {
	credentials Credentials
	base        *url.URL
	token       *oauth2.Token
	// early is how long before its end the token is replaced.
	early time.Duration
}

// secrets are the values that must not be printed.
func (g *grant) secrets() []string {
	list := g.credentials.secrets()
	if g.token != nil {
		list = append(list, g.token.AccessToken, g.token.RefreshToken)
	}
	return list
}

// sign adds the token: VPSie reads Vpsie-Auth; tokens that were exchanged were
// seen to work as Bearer as well, so both are sent of those.
func (g *grant) sign(header http.Header) {
	if g.token == nil {
		return
	}
	header.Set("Vpsie-Auth", g.token.AccessToken)
	if g.credentials.Token == "" {
		header.Set("Authorization", "Bearer "+g.token.AccessToken)
	}
}

// An authenticator keeps the grant in use, and replaces it when the
// credentials change, before its token ends, and when VPSie rejects it.
type authenticator struct {
	ask   func(context.Context) (Credentials, error)
	base  *url.URL
	login func(context.Context, *grant) (*oauth2.Token, error)
	// turn holds one element while nobody has the turn: a mutex that can be
	// waited for with a context.
	turn    chan struct{}
	current *grant
}

func newAuthenticator(o *Options, login func(context.Context, *grant) (*oauth2.Token, error)) (*authenticator, error) {
	base, err := parseBaseURL(o.BaseURL)
	if err != nil {
		return nil, errors.New("vpsie: Options.BaseURL " + err.Error())
	}
	a := &authenticator{ask: o.Credentials, base: base, login: login, turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	return a, nil
}

// errSameToken says that there is no other token than the one rejected.
var errSameToken = errors.New("the token cannot be renewed")

// grant returns the grant in use; rejected, unless nil, is one that VPSie did
// not let in and that is not to be returned again. One caller logs in at a
// time; the others wait for its token.
func (a *authenticator) grant(ctx context.Context, rejected *grant) (*grant, error) {
	select {
	case <-a.turn:
		defer func() { a.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, &Error{Op: opLogin.name, Kind: Unavailable, Message: "gave up waiting for a token", cause: ctx.Err()}
	}
	credentials, err := a.ask(ctx)
	if err == nil {
		err = credentials.check()
	}
	if err != nil {
		return nil, noCredentials(err)
	}
	if a.current == nil || a.current.credentials != credentials {
		base := a.base
		if credentials.URL != "" {
			if base, err = parseBaseURL(credentials.URL); err != nil {
				return nil, noCredentials(errors.New(keyURL + ": " + err.Error()))
			}
		}
		a.current = &grant{credentials: credentials, base: base}
	}
	if rejected != nil && rejected.token == a.current.token {
		if credentials.Token != "" {
			return nil, errSameToken
		}
		a.current = &grant{credentials: credentials, base: a.current.base}
	}
	source := tokenSource{ctx: ctx, login: a.login, grant: a.current}
	token, err := oauth2.ReuseTokenSourceWithExpiry(a.current.token, source, a.current.early).Token()
	if err != nil {
		return nil, err
	}
	if token != a.current.token {
		a.current = &grant{credentials: credentials, base: a.current.base, token: token, early: early(token)}
	}
	return a.current, nil
}

// early is how long before its end a new token is to be replaced. One that has
// ended when it is issued says that the clocks differ: it is used until VPSie
// rejects it.
func early(token *oauth2.Token) time.Duration {
	if token.Expiry.IsZero() {
		return 0
	}
	left := time.Until(token.Expiry)
	if left <= 0 {
		token.Expiry = time.Time{}
	}
	return min(left/5, mostEarly)
}

func noCredentials(err error) error {
	return &Error{Op: opLogin.name, Kind: Unauthorized, Message: clean("credentials: "+err.Error(), nil), cause: err}
}

// tokenSource makes the token for a grant. It lives for one call, since
// oauth2.TokenSource takes no context.
type tokenSource struct {
	ctx   context.Context //nolint:containedctx // see above
	login func(context.Context, *grant) (*oauth2.Token, error)
	grant *grant
}

// Token returns the personal token as it is, and exchanges client credentials.
func (s tokenSource) Token() (*oauth2.Token, error) {
	if s.grant.credentials.Token != "" {
		return &oauth2.Token{AccessToken: s.grant.credentials.Token}, nil
	}
	return s.login(s.ctx, s.grant)
}

// exchange logs in with client credentials. VPSie's own Go client sends them
// as JSON, its autoscaler as a form; what is refused in the first way is tried
// in the second.
func (c *Client) exchange(ctx context.Context, g *grant) (*oauth2.Token, error) {
	id, secret := g.credentials.ClientID, g.credentials.ClientSecret
	answer, err := c.attempts(ctx, &request{
		operation: opLogin,
		body: fixed(struct {
			ClientID     string `json:"clientId"`
			ClientSecret string `json:"clientSecret"`
		}{id, secret}),
	}, g)
	if refusedLogin(err) {
		form := &request{
			operation: opLogin,
			form:      url.Values{keyClientID: {id}, keyClientSecret: {secret}},
		}
		if second, formErr := c.attempts(ctx, form, g); formErr == nil {
			answer, err = second, nil
		}
	}
	if refusedLogin(err) {
		if e, ok := errors.AsType[*Error](err); ok {
			e.Kind = Unauthorized
		}
	}
	if err != nil {
		return nil, err
	}
	token := readToken(answer.value)
	return token, answer.problem()
}

// refusedLogin is true where VPSie answered, and did not let us in.
func refusedLogin(err error) bool {
	return IsTerminal(err) || KindOf(err) == Refused
}

// readToken reads both shapes: {"token":{"access":{…}}} and {"accessToken":{…}}.
func readToken(top value) *oauth2.Token {
	access, refresh := top.field("accessToken"), top.field("refreshToken")
	if nested := top.field("token"); nested.present() {
		access, refresh = nested.field("access"), nested.field("refresh")
	}
	return &oauth2.Token{
		AccessToken:  access.field("token").secret(),
		RefreshToken: refresh.field("token").text(), // nothing uses it; it is hidden
		Expiry:       access.field("expires").time(),
	}
}
