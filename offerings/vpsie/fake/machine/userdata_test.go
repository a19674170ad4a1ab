package machine

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func packed(t *testing.T, text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

func TestFilesAreWritten(t *testing.T) {
	p, err := parse([]byte(`#cloud-config
fqdn: web-1.example.com
packages: [jq]
write_files:
- {path: /late, content: last, defer: true}
- {path: /plain, content: "a\nb", permissions: "0600", owner: root}
- {path: /coded, content: ` + base64.StdEncoding.EncodeToString([]byte("decoded")) + `, encoding: b64}
- {path: /packed, content: ` + base64.StdEncoding.EncodeToString([]byte(packed(t, "unpacked"))) + `, encoding: gz+base64}
- {path: /plain, content: "\nc", append: true}
`))
	require.NoError(t, err)
	assert.Equal(t, "web-1", p.hostname)
	d := newDisk()
	var order []string
	for _, f := range p.files {
		d.put(f)
		order = append(order, f.path)
	}
	assert.Equal(t, []string{"/plain", "/coded", "/packed", "/plain", "/late"}, order)
	for name, want := range map[string]string{"/plain": "a\nb\nc", "/coded": "decoded", "/packed": "unpacked", "/late": "last"} {
		got, err := d.read(name)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), name)
	}
}

func TestCommandsBecomeOneScript(t *testing.T) {
	p, err := parse([]byte("#cloud-config\nbootcmd: [early]\nruncmd:\n- cd /tmp\n- [echo, it's, 5, $HOME]\n- null\n- |\n  if true; then\n    echo y\n  fi\n"))
	require.NoError(t, err)
	assert.Equal(t, "early\n", p.early.text)
	assert.Equal(t, "cd /tmp\n'echo' 'it'\\''s' '5' '$HOME'\nif true; then\n  echo y\nfi\n\n", p.late.text)
	assert.False(t, p.late.bash)
}

func TestUserDataIsRefused(t *testing.T) {
	for situation, tc := range map[string]struct{ data, want string }{
		"nothing known":           {"hello", "must begin with #cloud-config"},
		"MIME":                    {"Content-Type: multipart/mixed; boundary=x\n", "multi-part MIME is not understood"},
		"a template":              {"## template: jinja\n#cloud-config\n", "templates are not rendered"},
		"Python":                  {"#!/usr/bin/python3\n", "no shell that is understood"},
		"not YAML":                {"#cloud-config\na: [b\n", "not YAML with keys at its top (line"},
		"a list":                  {"#cloud-config\n- a\n", "not YAML with keys"},
		"an unknown key":          {"#cloud-config\nruncmds: [a]\n", `user data: "runcmds": line 2: unknown key`},
		"commands that are none":  {"#cloud-config\nruncmd: a\n", `"runcmd": line 2: must be a list`},
		"a command of maps":       {"#cloud-config\nruncmd:\n- {a: b}\n", "line 3: must be a string or a list"},
		"words that are lists":    {"#cloud-config\nruncmd:\n- [a, [b]]\n", "line 3: a command's words must be strings"},
		"files that are none":     {"#cloud-config\nwrite_files: x\n", `"write_files": line 2: must be a list`},
		"a relative path":         {"#cloud-config\nwrite_files: [{path: x}]\n", "line 2: path must be absolute"},
		"an unknown encoding":     {"#cloud-config\nwrite_files: [{path: /x, encoding: rot13}]\n", `unknown encoding "rot13"`},
		"no base64":               {"#cloud-config\nwrite_files: [{path: /x, encoding: b64, content: '%'}]\n", "content is not base64"},
		"no gzip":                 {"#cloud-config\nwrite_files: [{path: /x, encoding: gz, content: x}]\n", "gzip"},
		"permissions of letters":  {"#cloud-config\nwrite_files: [{path: /x, permissions: rw}]\n", "permissions must be octal"},
		"a misspelt key":          {"#cloud-config\nwrite_files: [{path: /x, contents: y}]\n", `unknown key "contents"`},
		"a file that is a scalar": {"#cloud-config\nwrite_files: [x]\n", "line 2: not a file"},
		"broken gzip":             {"\x1f\x8bxx", "gzip"},
	} {
		_, err := parse([]byte(tc.data))
		assert.ErrorContains(t, err, tc.want, situation)
	}
	bomb := packed(t, strings.Repeat("0", largestFile+1))
	_, err := parse([]byte(bomb))
	assert.ErrorContains(t, err, "more than")

	p, err := parse([]byte(packed(t, "#!/usr/bin/env bash\ntrue\n")))
	require.NoError(t, err)
	assert.True(t, p.late.bash)
	p, err = parse(nil)
	require.NoError(t, err)
	assert.Equal(t, &program{}, p)
}

func TestSecretsAreNotRepeated(t *testing.T) {
	assert.Equal(t, `token [token] is "[token]"`, clean("token abcdef.0123456789abcdef\nis \"zzzzzz.0123456789abcdef\""))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("#cloud-config\nwrite_files:\n- {path: /a, content: b, encoding: b64}\nruncmd:\n- [a, b]\n- c\n"))
	f.Add([]byte("#!/bin/sh\nkubeadm join\n"))
	f.Add([]byte("#cloud-config\n? [a]\n: b\n&a c: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parse(data)
		if (p == nil) == (err == nil) {
			t.Fatalf("both or neither of a program and an error: %v, %v", p, err)
		}
	})
}
