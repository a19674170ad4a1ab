package bootstrap_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	kubeadmapi "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
)

// sample is data as a machine's template gets it.
func sample() bootstrap.Data {
	return bootstrap.Data{
		Hostname:          "vpsie-general-x1",
		NodeGroup:         "general",
		KubernetesVersion: "v1.37.2",
		Endpoint:          "10.0.0.1:6443",
		CAHashes:          []string{"sha256:0011"},
		Token:             "abcdef.0123456789abcdef",
		Labels:            map[string]string{"team": "shop"},
		JoinConfiguration: "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n",
	}
}

// cloudConfig is the part of a document that the tests look at.
type cloudConfig struct {
	Files []struct {
		Path, Content, Permissions string
	} `json:"write_files"`
	Commands []any `json:"runcmd"`
}

func TestDefaultTemplate(t *testing.T) {
	for situation, commands := range map[string]int{"no VPC": 2, "a VPC": 3} {
		t.Run(situation, func(t *testing.T) {
			data := sample()
			if situation == "a VPC" {
				data.VPCID = 7
			}
			rendered, err := bootstrap.Render(bootstrap.UserData, bootstrap.DefaultTemplate(), data)
			require.NoError(t, err)
			var document cloudConfig
			require.NoError(t, yaml.Unmarshal(rendered, &document))
			require.Len(t, document.Files, 1)
			assert.Equal(t, "0600", document.Files[0].Permissions, "the file has the token in it")
			var configuration kubeadmapi.JoinConfiguration
			require.NoError(t, yaml.UnmarshalStrict([]byte(document.Files[0].Content), &configuration))
			assert.Equal(t, "JoinConfiguration", configuration.Kind)
			require.Len(t, document.Commands, commands)
			assert.Equal(t, []any{"kubeadm", "join", "--config", document.Files[0].Path}, document.Commands[commands-2])
		})
	}
}

func TestRefusedTemplates(t *testing.T) {
	for _, c := range []struct {
		situation string
		kind      bootstrap.Kind
		template  string
		want      string
	}{
		{"a malformed template", bootstrap.UserData, "#cloud-config\n{{ .Hostname", "is malformed: template: user data:2: unclosed action"},
		{"a field that does not exist", bootstrap.UserData, "#cloud-config\nhostname: {{ .Host }}", "can't evaluate field Host"},
		{"a label that the group does not have", bootstrap.UserData, "#cloud-config\nhostname: {{ .Labels.zone }}", `map has no entry for key "zone"`},
		{"an indentation out of all proportion", bootstrap.UserData, "{{ indent 1000000 .Token }}", "indent must be between 0 and 80, got 1000000"},
		{"no header", bootstrap.UserData, "hostname: x\n", "makes no user data: the first line must be #cloud-config, or #! and an interpreter"},
		{"a header that only begins so", bootstrap.UserData, "#cloud-config-archive\n- a\n", "the first line must be #cloud-config"},
		{"multi-part MIME", bootstrap.UserData, "Content-Type: multipart/mixed\n", "the first line must be #cloud-config"},
		{"YAML that is none", bootstrap.UserData, "#cloud-config\nruncmd: [a\n", "makes no user data: yaml: line 2: did not find expected"},
		{"a key given twice", bootstrap.UserData, "#cloud-config\nhostname: a\nhostname: b\n", `key "hostname" already set`},
		{"a list", bootstrap.UserData, "#cloud-config\n- a\n", "cloud-config must be a mapping"},
		{"an empty document", bootstrap.UserData, "#cloud-config\n", "cloud-config must be a mapping"},
		{"commands that are no list", bootstrap.UserData, "#cloud-config\nruncmd: kubeadm join\n", "makes no user data: runcmd: got string, want array"},
		{"a file without a path", bootstrap.UserData, "#cloud-config\nwrite_files: [{content: x}]\n", "write_files.0: missing property 'path'"},
		{"permissions as a number", bootstrap.UserData, "#cloud-config\nwrite_files: [{path: /a, permissions: 0600}]\n", "write_files.0.permissions: got number, want string"},
		{"a misspelt key of a file", bootstrap.UserData, "#cloud-config\nwrite_files: [{path: /a, contents: x}]\n", "write_files.0: additional properties 'contents' not allowed"},
		{"cloud-config as a script", bootstrap.Script, "#cloud-config\nruncmd: [a]\n", "makes no script: a script begins with #!"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			_, err := bootstrap.Render(c.kind, c.template, sample())
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "\n", "an error is one line")
		})
	}
}

func TestTemplatesOfUsers(t *testing.T) {
	for situation, c := range map[string]struct {
		kind           bootstrap.Kind
		template, want string
	}{
		"a script as user data": {bootstrap.UserData, "#!/bin/sh\nkubeadm join {{ .Endpoint }} --token {{ .Token }}\n", "#!/bin/sh\nkubeadm join 10.0.0.1:6443 --token abcdef.0123456789abcdef\n"},
		"a script":              {bootstrap.Script, "#!/bin/bash\njoin {{ join \",\" .CAHashes }}\n", "#!/bin/bash\njoin sha256:0011\n"},
		"quoting":               {bootstrap.UserData, "#cloud-config\nhostname: {{ quote .Labels.team }}\n", "#cloud-config\nhostname: \"shop\"\n"},
		"base64":                {bootstrap.UserData, "#cloud-config\nwrite_files: [{path: /a, encoding: b64, content: {{ base64 .NodeGroup }}}]\n", "#cloud-config\nwrite_files: [{path: /a, encoding: b64, content: Z2VuZXJhbA==}]\n"},
	} {
		t.Run(situation, func(t *testing.T) {
			rendered, err := bootstrap.Render(c.kind, c.template, sample())
			require.NoError(t, err)
			assert.Equal(t, c.want, string(rendered))
		})
	}
}

func FuzzCheckCloudConfig(f *testing.F) {
	for _, seed := range []string{"#cloud-config\n", "#cloud-config\nruncmd: [[a, b], c]\n", "#cloud-config\n? {a: b}\n: c\n", "#cloud-config\n&a [*a]\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		if err := bootstrap.CheckCloudConfig([]byte(document)); err != nil && strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%q: the error is not one line: %q", document, err)
		}
	})
}
