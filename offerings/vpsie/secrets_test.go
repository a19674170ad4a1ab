package vpsie

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
)

// A server that repeats all it was sent wherever it can: nothing secret may come
// out of the client, in no error, log or metric.
func TestNoSecretComesOut(t *testing.T) {
	const bootstrap = "abcdef.0123456789abcdef"
	userData := []byte("#cloud-config\nruncmd:\n- kubeadm join --token " + bootstrap + "\n- echo hunter2-of-the-script\n")
	secrets := map[string]string{
		"personal token": token, "client secret": clientSecret, "client secret in a form": url.QueryEscape(clientSecret),
		"account password": password, "access token": "access-ZmVk9Q", "refresh token": "refresh-8Xw2pL",
		"user data": string(userData), "user data in base64": base64.StdEncoding.EncodeToString(userData),
		"bootstrap token": bootstrap, "part of the script": "hunter2-of-the-script",
		"a machine's first password": "initial-root-pw",
	}
	// echo repeats the request, and all secrets that belong to it, in each way to
	// write them.
	echo := func(r *http.Request, known []string, random *rand.Rand) string {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		all := []string{string(body)}
		for name, values := range r.Header {
			all = append(all, name+"="+strings.Join(values, ","))
		}
		for _, secret := range known {
			quoted, err := json.Marshal(secret)
			if err != nil {
				t.Error(err)
			}
			all = append(all, secret, "\x00"+secret+"\n", string(quoted), url.PathEscape(secret))
		}
		slices.Sort(all)
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) // messages are cut
		return strings.Join(all, "; ")
	}
	type answer func(http.ResponseWriter, string)
	message := func(code int) answer {
		return func(w http.ResponseWriter, said string) {
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": true, "message": said})
		}
	}
	answers := map[string]answer{
		"refused": message(200), "invalid": message(400), "unauthorized": message(401), "broken": message(500),
		"rate limited": message(429),
		"a page":       func(w http.ResponseWriter, said string) { w.WriteHeader(502); _, _ = io.WriteString(w, said) },
		"a redirect": func(w http.ResponseWriter, said string) {
			w.Header().Set("Location", "https://example.com/?"+url.QueryEscape(said))
			w.WriteHeader(302)
		},
		"not HTTP": func(w http.ResponseWriter, said string) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\n\r\n", strings.ReplaceAll(said, "\n", " "))
			_ = conn.Close()
		},
		"machines with odd fields": func(w http.ResponseWriter, said string) {
			_ = json.NewEncoder(w).Encode(map[string]any{"data": []any{map[string]any{
				"identifier": said, "hostname": said, "ram": said, "is_active": said, "created_on": said, "initial_password": said,
			}}})
		},
		"machines": func(w http.ResponseWriter, said string) {
			_, _ = io.WriteString(w, `{"data":[{"identifier":"a","hostname":"a","initial_password":"initial-root-pw"}]}`)
		},
	}
	operations := map[string]func(context.Context, *Client) error{
		"list":   func(ctx context.Context, c *Client) error { _, err := c.ListVMs(ctx); return err },
		"delete": func(ctx context.Context, c *Client) error { return c.DeleteVM(ctx, "a", "why") },
		"script": func(ctx context.Context, c *Client) error { return c.AddScript(ctx, "join", string(userData)) },
		"create": func(ctx context.Context, c *Client) error {
			vm := smallVM
			vm.UserData = userData
			return c.CreateVM(ctx, vm)
		},
	}
	scripts := []string{string(userData), base64.StdEncoding.EncodeToString(userData), bootstrap, "hunter2-of-the-script"}
	accounts := []struct {
		Credentials
		secrets []string
	}{
		{Credentials{Token: token, Password: password}, []string{token, password}},
		{
			Credentials{ClientID: clientID, ClientSecret: clientSecret, Password: password},
			[]string{clientSecret, url.QueryEscape(clientSecret), password, "access-ZmVk9Q", "refresh-8Xw2pL"},
		},
	}
	var out strings.Builder
	registry := prometheus.NewRegistry()
	errs := 0
	for name, say := range answers {
		for _, atLogin := range []bool{false, true} {
			for _, account := range accounts {
				for what, do := range operations {
					known := account.secrets
					if what == "create" || what == "script" {
						known = slices.Concat(known, scripts)
					}
					if atLogin {
						known = account.secrets[:len(account.secrets)-2]
					}
					random := rand.New(rand.NewPCG(7, 7))
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						said := echo(r, known, random)
						w.Header().Set("X-Request-ID", "for "+strings.Join(known[:2], " "))
						if strings.HasSuffix(r.URL.Path, "/auth/from/api") && !atLogin {
							_, _ = io.WriteString(w, `{"token":{"access":{"token":"access-ZmVk9Q"},"refresh":{"token":"refresh-8Xw2pL"}}}`)
							return
						}
						say(w, said)
					}))
					client := newClient(t, fixedCredentials(account.Credentials), func(o *Options) {
						o.BaseURL, o.Logger, o.Registerer, o.MaxTries = server.URL, logTo(&out), registry, 2
					})
					if err := do(t.Context(), client); err != nil {
						errs++
						fmt.Fprintf(&out, "%s, %s, %s: %v\n%+v\n%#v\n", name, account, what, err, err, err)
					}
					server.Close()
				}
			}
		}
	}
	exposed := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(exposed, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	out.WriteString(exposed.Body.String())
	printed := out.String()
	assert.Greater(t, errs, 100)
	assert.Contains(t, printed, "vpsie_api_requests_total")
	assert.Contains(t, printed, `"operation"="CreateVM"`)
	assert.Contains(t, printed, redacted)
	for what, secret := range secrets {
		// A message is put on one line, and one that is long is cut.
		for _, form := range []string{secret, strings.Join(strings.Fields(secret), " "), secret[:min(len(secret), 16)]} {
			if at := strings.Index(printed, form); at >= 0 {
				t.Errorf("the %s came out: %q", what, printed[max(at-200, 0):at+len(form)])
			}
		}
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		situation, text, want string
		secrets               []string
	}{
		{situation: "plain", text: "no such image", want: "no such image"},
		{situation: "lines and control characters", text: " a\r\n\tb\x00\x1b[31m \u202ec ", want: "a b [31m c"},
		{situation: "not UTF-8", text: "a\xffb", want: "ab"},
		{situation: "a secret within another", text: "pass password pass", secrets: []string{"pass", "password"}, want: "[redacted] [redacted] [redacted]"},
		{situation: "a secret with blanks", text: "it is a  b.", secrets: []string{"a  b"}, want: "it is [redacted]."},
		{situation: "no secret is empty", text: "abc", secrets: []string{"", "\n"}, want: "abc"},
		{situation: "a bootstrap token", text: "join abcdef.0123456789abcdef now", want: "join [redacted] now"},
		{situation: "base64", text: "got " + strings.Repeat("QUJD", 20) + "==", want: "got [redacted]"},
		{situation: "UUIDs stay", text: "no VM " + someID, want: "no VM " + someID},
		{situation: "long", text: strings.Repeat("é ", 400), want: strings.Repeat("é ", 150) + "…"},
	} {
		assert.Equal(t, c.want, clean(c.text, c.secrets), c.situation)
	}
}
