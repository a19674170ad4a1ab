package input

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each of these would take minutes, not fail a moment later.
func TestQuantitiesWithAnAbsurdExponent(t *testing.T) {
	const head = "apiVersion: v1\nkind: "
	for _, c := range []struct{ situation, text, want string }{
		{
			"a request", head + "Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    resources: {requests: {cpu: \"1e99999999\"}}\n",
			"spec.containers[0].resources.requests.cpu",
		},
		{
			"a negative exponent", head + "Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    resources: {limits: {memory: \"1E-99999999\"}}\n",
			"spec.containers[0].resources.limits.memory",
		},
		{"a pointer to a quantity", head + "Pod\nmetadata: {name: a}\nspec:\n  volumes:\n  - {name: v, emptyDir: {sizeLimit: 1e1000000}}\n", "spec.volumes[0].emptyDir.sizeLimit"},
		{"a node", head + "Node\nmetadata: {name: a}\nstatus: {allocatable: {memory: +1.5e999}}\n", "status.allocatable.memory"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "in.yaml")
			require.NoError(t, os.WriteFile(file, []byte(c.text), 0o600))
			_, _, err := Files([]string{file}, Options{})
			require.ErrorContains(t, err, "the exponent is out of range")
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestTextThatOnlyLooksLikeAnExponent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`apiVersion: v1
kind: Pod
metadata:
  name: a
  uid: 31e12345-0000-4e55-9e99-1e9999999999
  labels: {commit: "12e4567"}
spec:
  containers:
  - {name: c, image: c, args: ["1e99999999"], resources: {requests: {cpu: 1e2, memory: "2e9"}}}
`), 0o600))
	in, _, err := Files([]string{file}, Options{})
	require.NoError(t, err)
	require.Len(t, in.Pods, 1)
}

func TestLongExponents(t *testing.T) {
	for text, want := range map[string]bool{
		"1e999": true, `"1e+999"`: true, "[.5E-1234]": true, `{"a":1e100}`: true,
		"1e99": false, "1e99x999": false, "a1e999": false, "1e999-4": false, "e999": false, "1e": false, "": false,
	} {
		assert.Equal(t, want, hasLongExponent([]byte(text)), text)
	}
}
