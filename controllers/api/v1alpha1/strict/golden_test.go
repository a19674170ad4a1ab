package strict

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

var update = flag.Bool("update", false, "write the golden error files anew")

// testdata holds pairs: NAME.yaml or NAME.json, a file with a mistake, and
// NAME.err, what is said about it.
func goldenInputs(t testing.TB) []string {
	t.Helper()
	var inputs []string
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*.json"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		inputs = append(inputs, files...)
	}
	require.NotEmpty(t, inputs)
	return inputs
}

func goldenFile(input string) string {
	return strings.TrimSuffix(input, filepath.Ext(input)) + ".err"
}

func TestGoldenErrors(t *testing.T) {
	for _, input := range goldenInputs(t) {
		t.Run(filepath.Base(input), func(t *testing.T) {
			data, err := os.ReadFile(input)
			require.NoError(t, err)
			groups, err := NodeGroups(filepath.Base(input), data)
			require.Error(t, err)
			assert.Nil(t, groups)
			got := err.Error() + "\n"
			if *update {
				require.NoError(t, os.WriteFile(goldenFile(input), []byte(got), 0o644))
			}
			want, err := os.ReadFile(goldenFile(input))
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

// Every CEL rule of the CRD, and no copy of it, is what refuses a file here: a
// rule without a golden error that carries its message was never seen to refuse.
func TestEveryRuleOfTheCRDRefusesSomeGoldenFile(t *testing.T) {
	var said strings.Builder
	for _, input := range goldenInputs(t) {
		text, err := os.ReadFile(goldenFile(input))
		require.NoError(t, err)
		said.Write(text)
	}
	v, err := nodeGroupValidator()
	require.NoError(t, err)
	rules := 0
	var walk func(path string, s *schema.Structural)
	walk = func(path string, s *schema.Structural) {
		for _, rule := range s.XValidations {
			rules++
			where := strings.TrimPrefix(regexp.QuoteMeta(path+rule.FieldPath), `\.`)
			where = strings.ReplaceAll(where, `\[\]`, `\[\d+\]`)
			line := regexp.MustCompile(`(?m)^[^:]+:\d+: ` + where + `: Invalid value: (\S+: )?` + regexp.QuoteMeta(rule.Message) + `$`)
			found := line.MatchString(said.String())
			assert.Truef(t, found, "no golden file breaks the rule at %s: %s", path, rule.Message)
		}
		for name, property := range s.Properties {
			walk(path+"."+name, &property)
		}
		if s.Items != nil {
			walk(path+"[]", s.Items)
		}
	}
	walk("", v.structural)
	assert.GreaterOrEqual(t, rules, 10)
}
