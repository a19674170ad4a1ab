package vpsie

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCredentialsFromSecret(t *testing.T) {
	for _, c := range []struct {
		situation string
		secret    map[string]string
		want      Credentials
		err       string
	}{
		{situation: "a token", secret: map[string]string{"token": "t"}, want: Credentials{Token: "t"}},
		{
			situation: "client credentials, password and URL",
			secret: map[string]string{
				"clientId": "a", "clientSecret": "b", "password": "p", "url": "https://api.vpsie.com/apps/v2",
			},
			want: Credentials{ClientID: "a", ClientSecret: "b", Password: "p", URL: "https://api.vpsie.com/apps/v2"},
		},
		{
			situation: "newlines that files end with; blanks of a password are its own",
			secret:    map[string]string{"token": " t\n", "password": " p \r\n"}, want: Credentials{Token: "t", Password: " p "},
		},
		{
			situation: "keys of other products", want: Credentials{Token: "t"},
			secret: map[string]string{"token": "t", "resourceIdentifier": "x", "datacenterId": "y", "max-retries": "3"},
		},
		{situation: "empty", err: "secret: neither token nor clientId and clientSecret are given"},
		{
			situation: "a token of blanks", secret: map[string]string{"token": " \n"},
			err: "secret: neither token nor clientId and clientSecret are given",
		},
		{
			situation: "half of it", secret: map[string]string{"clientId": "SECRET"},
			err: "secret: clientSecret is missing beside clientId",
		},
		{
			situation: "the other half", secret: map[string]string{"clientSecret": "SECRET"},
			err: "secret: clientId is missing beside clientSecret",
		},
		{
			situation: "both ways", secret: map[string]string{"token": "SECRET", "clientId": "SECRET", "clientSecret": "SECRET"},
			err: "secret: token and clientId with clientSecret exclude each other",
		},
		{
			situation: "keys spelt in another way", secret: map[string]string{"client_id": "SECRET", "client-secret": "SECRET"},
			err: `secret: neither token nor clientId and clientSecret are given ` +
				`("client-secret" is not read, "clientSecret" is; "client_id" is not read, "clientId" is)`,
		},
		{
			situation: "a token with a newline in it", secret: map[string]string{"token": "SECRET\nX-Other: SECRET"},
			err: "secret: token has blanks or characters other than visible ASCII in it",
		},
		{
			situation: "plain HTTP", secret: map[string]string{"token": "SECRET", "url": "http://api.vpsie.com"},
			err: "secret: url: must be https; http is for this machine alone",
		},
		{
			situation: "a URL with a password", secret: map[string]string{"token": "SECRET", "url": "https://a:SECRET@api.vpsie.com"},
			err: "secret: url: must not contain a user or password",
		},
		{
			situation: "a URL that cannot be parsed", secret: map[string]string{"token": "SECRET", "url": "https://SECRET\x7f"},
			err: "secret: url: cannot be parsed as a URL",
		},
	} {
		t.Run(c.situation, func(t *testing.T) {
			data := make(map[string][]byte)
			for key, value := range c.secret {
				data[key] = []byte(value)
			}
			got, err := CredentialsFromSecret(data)
			assert.Equal(t, c.want, got)
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.err)
			assert.NotContains(t, err.Error(), "SECRET")
		})
	}
}

func TestBaseURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"https://api.vpsie.com":          "https://api.vpsie.com",
		"https://api.vpsie.com/apps/v2/": "https://api.vpsie.com",
		"https://api.vpsie.com/v2":       "https://api.vpsie.com",
		"https://api.vpsie.com:8443/":    "https://api.vpsie.com:8443",
		"http://127.0.0.1:8080":          "http://127.0.0.1:8080",
		"http://127.9.9.9":               "http://127.9.9.9",
		"http://[::1]:80":                "http://[::1]:80",
		"http://localhost:1":             "http://localhost:1",
		"http://localhost.example.com":   "must be https",
		"http://10.0.0.1":                "must be https",
		"ftp://api.vpsie.com":            "must be https",
		"api.vpsie.com":                  "must have a scheme and a host",
		"":                               "must have a scheme and a host",
		"https://:443":                   "must have a scheme and a host",
		"https://api.vpsie.com/other":    "must have no path other than",
		"https://api.vpsie.com?a=b":      "must not have a query",
		"https://api.vpsie.com#a":        "must not have a query or a fragment",
		"https://a@api.vpsie.com":        "must not contain a user",
	} {
		u, err := parseBaseURL(raw)
		if err != nil {
			assert.ErrorContains(t, err, want, raw)
			continue
		}
		assert.Equal(t, want, u.String(), raw)
	}
}

// However credentials are printed, nothing comes out.
func TestCredentialsPrintNothing(t *testing.T) {
	c := Credentials{Token: "SECRET1", ClientID: "SECRET2", ClientSecret: "SECRET3", Password: "SECRET4", URL: "https://u:SECRET5@h/x"}
	encoded, err := json.Marshal(struct {
		Value   Credentials
		Pointer *Credentials
		Key     map[Credentials]int
	}{c, &c, map[Credentials]int{c: 1}})
	require.NoError(t, err)
	var logged strings.Builder
	logTo(&logged).Info("made", "credentials", c, "pointer", &c)
	var structured bytes.Buffer
	slog.New(slog.NewTextHandler(&structured, nil)).Info("made", "credentials", c)
	slog.New(slog.NewJSONHandler(&structured, nil)).Info("made", "credentials", c)
	printed := strings.Join([]string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c), fmt.Sprintf("%v %+v %#v", &c, &c, &c),
		fmt.Sprintf("%+v", struct{ C Credentials }{c}), string(encoded), logged.String(), structured.String(),
	}, "\n")
	assert.NotContains(t, printed, "SECRET")
	assert.Equal(t, "{token: [redacted], clientId: [redacted], clientSecret: [redacted], password: [redacted], url: h}", c.String())
	assert.Equal(t, "{token: [redacted]}", Credentials{Token: "a"}.String())
	assert.Equal(t, "vpsie.Credentials{}", Credentials{}.GoString())
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"vpsie: Options.Credentials is missing":                                     func(o *Options) { o.Credentials = nil },
		"vpsie: Options.BaseURL must be https; http is for this machine alone":      func(o *Options) { o.BaseURL = "http://a" },
		`vpsie: Options.Prefix must be a path such as /apps/v2, got "apps"`:         func(o *Options) { o.Prefix = "apps" },
		`vpsie: Options.VMPrefix must be a path such as /apps/v2, got "/a b"`:       func(o *Options) { o.VMPrefix = "/a b" },
		`vpsie: Options.PlanPrefix must be a path such as /apps/v2, got "/api/v2/"`: func(o *Options) { o.PlanPrefix = "/api/v2/" },
		"vpsie: Options.RequestsPerMinute must not be negative":                     func(o *Options) { o.RequestsPerMinute = -1 },
		"vpsie: Options.Timeout must not be negative":                               func(o *Options) { o.Timeout = -1 },
		"vpsie: Options.MaxBodyBytes must not be negative":                          func(o *Options) { o.MaxBodyBytes = -1 },
	} {
		o := Options{}
		fixedCredentials(Credentials{Token: "t"})(&o)
		change(&o)
		_, err := New(o)
		assert.EqualError(t, err, want)
	}
}

func TestDefaults(t *testing.T) {
	o := Options{}
	fixedCredentials(Credentials{Token: "t"})(&o)
	c, err := New(o)
	require.NoError(t, err)
	assert.Equal(t, "https://api.vpsie.com", c.auth.base.String())
	assert.InDelta(t, 100.0/60, float64(c.throttle.limiter.Limit()), 1e-9)
	first, second := c.random.requestID(), c.random.requestID()
	assert.NotEqual(t, first, second)
}
