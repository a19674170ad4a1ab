package chaos

import (
	"encoding/base64"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noSecrets searches logs, metrics, audit log and every version of every object
// for whatever VPSie knows to be secret.
func (w *world) noSecrets() {
	w.Helper()
	w.recorder.complete(w)
	secrets := w.vpsie.Secrets()
	require.Greater(w, len(secrets), 3, "tokens, passwords, machines' secrets")
	needles := newNeedles(secrets)
	files := []string{w.plane.AuditLog()}
	logs := 0
	require.NoError(w, filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
			if strings.HasPrefix(entry.Name(), "controller-") {
				logs++
			}
		}
		return err
	}))
	require.Equal(w, w.started, logs, "one log for each start")
	bytes := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(w, err)
		bytes += len(content)
		if line, found := needles.in(string(content)); found {
			// The line is the evidence; the secrets are a fake's.
			w.Errorf("a secret is in %s: %s", filepath.Base(file), line)
		}
	}
	w.Logf("searched %d files, %d KiB, for %d secrets: none found", len(files), bytes>>10, len(secrets))
}

// window is how much of a secret is looked up first.
const window = 8

// needles are what to search for, by their first bytes.
type needles map[string][]string

// newNeedles are secrets in the forms in which they might be written: as they
// are, in a URL, and within base64, whose text depends on what precedes it.
func newNeedles(secrets []string) needles {
	all := needles{}
	for _, secret := range secrets {
		forms := []string{secret, url.QueryEscape(secret)}
		for before := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
			// The first characters and the last two mix with the neighbours'.
			forms = append(forms, encoded[(before*8+5)/6:len(encoded)-2])
		}
		for _, form := range forms {
			if len(form) >= window {
				all[form[:window]] = append(all[form[:window]], form)
			}
		}
	}
	return all
}

// in finds the first line that holds one of them.
func (n needles) in(text string) (line string, found bool) {
	for i := 0; i+window <= len(text); i++ {
		for _, form := range n[text[i:i+window]] {
			if strings.HasPrefix(text[i:], form) {
				start, end := strings.LastIndexByte(text[:i], '\n')+1, strings.IndexByte(text[i:], '\n')
				if end < 0 {
					end = len(text) - i
				}
				return text[start : i+end], true
			}
		}
	}
	return "", false
}

func TestSearchFindsSecretsHoweverTheyAreWritten(t *testing.T) {
	const secret = "pa$$word/0123456789abcdef"
	needles := newNeedles([]string{"another-secret-of-ours", secret})
	for situation, text := range map[string]string{
		"plain":            `{"msg":"login","password":"` + secret + `"}`,
		"in a URL":         "GET /login?password=" + url.QueryEscape(secret),
		"base64":           base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64, shifted":  base64.StdEncoding.EncodeToString([]byte("a" + secret + "b")),
		"base64, twice so": base64.StdEncoding.EncodeToString([]byte("ab" + secret + "b")),
		"a longer base64":  base64.StdEncoding.EncodeToString([]byte("kubeadm join --token abcdef." + secret + " --more")),
	} {
		t.Run(situation, func(t *testing.T) {
			line, found := needles.in("first line\n" + text + "\nlast line")
			require.True(t, found)
			assert.Equal(t, text, line)
			_, found = needles.in(text)
			assert.True(t, found, "without an end of line")
		})
	}
	_, found := needles.in("pa$$word/0123 456789abcdef [redacted] cGEkJHdvcmQ=")
	assert.False(t, found, "parts of it")
}
