package fake

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// presented is the token that a request carries.
func presented(r *http.Request) string {
	if token := r.Header.Get("Vpsie-Auth"); token != "" {
		return token
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// authenticated says whether a request carries the account's own token, in the
// header Vpsie-Auth, or one that was exchanged and has not expired, in either.
func (s *Server) authenticated(r *http.Request) bool {
	if equal(r.Header.Get("Vpsie-Auth"), s.credentials.Token) {
		return true
	}
	expires, known := s.tokens[presented(r)]
	return known && s.now().Before(expires)
}

// login exchanges a client's ID and secret for a token. What the token looks
// like in the answer depends on how the question was put: JSON is answered
// like this, a form the other way.
func (s *Server) login(c *call) reply {
	if !equal(c.text("clientId"), s.credentials.ClientID) || !equal(c.text("clientSecret"), s.credentials.ClientSecret) {
		return failure(http.StatusUnauthorized, "Please authenticate")
	}
	s.lastToken++
	expires := s.now().Add(s.config.TokenTTL)
	access := s.newIdentifier("access-token", s.lastToken)
	s.tokens[access] = expires
	token := map[string]any{"token": access, "expires": expires.UTC().Format(time.RFC3339)}
	// No client is known to use the second token, and this server takes none.
	second := s.newIdentifier("refresh-token", s.lastToken)
	s.remember(access, second)
	refresh := map[string]any{
		"token":   second,
		"expires": expires.Add(24 * time.Hour).UTC().Format(time.RFC3339),
	}
	r := reply{status: http.StatusOK}
	if c.form != nil {
		r.fields = map[string]any{"error": false, "code": 200, "message": "", "accessToken": token, "refreshToken": refresh}
	} else {
		r.fields = map[string]any{"error": false, "token": map[string]any{"access": token, "refresh": refresh}}
	}
	return r
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
