package vpsie

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// Keys of the Secret with the credentials.
const (
	keyToken        = "token"
	keyClientID     = "clientId"
	keyClientSecret = "clientSecret"
	keyPassword     = "password"
	keyURL          = "url"
)

// Credentials are how to log in to VPSie. However they are printed, no secret
// comes out.
type Credentials struct {
	// Token is an API token made in VPSie's web console.
	Token string
	// ClientID and ClientSecret are exchanged for a token that lasts about an
	// hour. Either these or Token are given.
	ClientID, ClientSecret string
	// Password is the account's; VPSie asks for it when a machine is deleted.
	Password string
	// URL replaces Options.BaseURL when it is not empty.
	URL string
}

const redacted = "[redacted]"

// String says which credentials are there, and the URL's host.
func (c Credentials) String() string {
	var parts []string
	for _, p := range []struct{ name, value string }{
		{keyToken, c.Token}, {keyClientID, c.ClientID}, {keyClientSecret, c.ClientSecret}, {keyPassword, c.Password},
	} {
		if p.value != "" {
			parts = append(parts, p.name+": "+redacted)
		}
	}
	if u, err := url.Parse(c.URL); err == nil && u.Host != "" {
		parts = append(parts, keyURL+": "+u.Host)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// GoString is String: %#v prints no secret either.
func (c Credentials) GoString() string {
	return "vpsie.Credentials" + c.String()
}

// MarshalText is String: no encoder of text or JSON writes a secret.
func (c Credentials) MarshalText() ([]byte, error) {
	return []byte(c.String()), nil
}

// LogValue is String for log/slog.
func (c Credentials) LogValue() slog.Value {
	return slog.StringValue(c.String())
}

// MarshalLog is String for logr.
func (c Credentials) MarshalLog() any {
	return c.String()
}

// secrets are all values that must not be printed.
func (c Credentials) secrets() []string {
	return []string{c.Token, c.ClientID, c.ClientSecret, c.Password}
}

// check says what is missing or odd, by key and never by value.
func (c Credentials) check() error {
	switch {
	case c.Token == "" && c.ClientID == "" && c.ClientSecret == "":
		return fmt.Errorf("neither %s nor %s and %s are given", keyToken, keyClientID, keyClientSecret)
	case c.Token != "" && (c.ClientID != "" || c.ClientSecret != ""):
		return fmt.Errorf("%s and %s with %s exclude each other", keyToken, keyClientID, keyClientSecret)
	case c.Token == "" && c.ClientID == "":
		return fmt.Errorf("%s is missing beside %s", keyClientID, keyClientSecret)
	case c.Token == "" && c.ClientSecret == "":
		return fmt.Errorf("%s is missing beside %s", keyClientSecret, keyClientID)
	}
	if strings.IndexFunc(c.Token, notVisible) >= 0 {
		return fmt.Errorf("%s has blanks or characters other than visible ASCII in it", keyToken)
	}
	return nil
}

// notVisible is true of what must not stand in the value of a header.
func notVisible(r rune) bool {
	return r <= ' ' || r > '~'
}

// CredentialsFromSecret reads the data of the Secret: token, or clientId and
// clientSecret; password; url. Blanks around a value and the newline at the end
// of the password are dropped, since files tend to have them. Other keys are
// left alone: older products keep their own there. Errors name keys, never values.
func CredentialsFromSecret(data map[string][]byte) (Credentials, error) {
	read := func(key string) string { return strings.TrimSpace(string(data[key])) }
	c := Credentials{
		Token:        read(keyToken),
		ClientID:     read(keyClientID),
		ClientSecret: read(keyClientSecret),
		Password:     strings.TrimRight(string(data[keyPassword]), "\r\n"),
		URL:          read(keyURL),
	}
	if err := c.check(); err != nil {
		return Credentials{}, fmt.Errorf("secret: %w%s", err, misspelt(data))
	}
	if c.URL != "" {
		if _, err := parseBaseURL(c.URL); err != nil {
			return Credentials{}, fmt.Errorf("secret: %s: %w", keyURL, err)
		}
	}
	return c, nil
}

// misspelt names keys that are spelt almost as one that is read.
func misspelt(data map[string][]byte) string {
	plain := func(s string) string {
		return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(s))
	}
	var hints []string
	for key := range data {
		for _, known := range []string{keyToken, keyClientID, keyClientSecret, keyPassword, keyURL} {
			if key != known && plain(key) == plain(known) {
				hints = append(hints, fmt.Sprintf("%q is not read, %q is", key, known))
			}
		}
	}
	if len(hints) == 0 {
		return ""
	}
	slices.Sort(hints)
	return " (" + strings.Join(hints, "; ") + ")"
}

// parseBaseURL accepts https, and http for this machine alone. The path of the
// URL may be the prefix that VPSie's own tools put there; it is cut, because
// each route has its own. Errors never quote the URL: it may hold a password.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("cannot be parsed as a URL")
	case u.Host == "" || u.Hostname() == "":
		return nil, errors.New("must have a scheme and a host, such as https://api.vpsie.com")
	case u.User != nil:
		return nil, errors.New("must not contain a user or password")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must not have a query or a fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("must be https; http is for this machine alone")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must be https")
	}
	if path := strings.TrimRight(u.Path, "/"); !slices.Contains([]string{"", "/apps/v2", "/api/v2", "/v2"}, path) {
		return nil, errors.New("must have no path other than /apps/v2, /api/v2 or /v2")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
