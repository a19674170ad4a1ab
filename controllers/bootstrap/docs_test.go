package bootstrap_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/bootstrap"
)

func manual(t *testing.T) string {
	text, err := os.ReadFile("../../docs/bootstrap.md")
	require.NoError(t, err)
	return string(text)
}

func TestManualNamesEveryField(t *testing.T) {
	text := manual(t)
	data := reflect.TypeFor[bootstrap.Data]()
	for i := range data.NumField() {
		assert.Contains(t, text, "`."+data.Field(i).Name+"`")
	}
}

// The example of the manual works as it stands there.
func TestManualsExample(t *testing.T) {
	_, rest, found := strings.Cut(manual(t), "```yaml\n")
	require.True(t, found)
	document, _, found := strings.Cut(rest, "---\n")
	require.True(t, found)
	var configMap corev1.ConfigMap
	require.NoError(t, yaml.UnmarshalStrict([]byte(document), &configMap))
	rendered, err := bootstrap.Render(bootstrap.UserData, configMap.Data["user-data"], sample())
	require.NoError(t, err)
	var parsed cloudConfig
	require.NoError(t, yaml.Unmarshal(rendered, &parsed))
	require.Len(t, parsed.Files, 1)
	assert.Equal(t, sample().JoinConfiguration, parsed.Files[0].Content)
}
