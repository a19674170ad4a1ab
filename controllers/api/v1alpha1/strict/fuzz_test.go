package strict

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the input: no panic; NodeGroups or an error, not both; each line of
// the error names the file and a line that the file has; and what was accepted
// is accepted again, unchanged, when it is written out.
func FuzzNodeGroups(f *testing.F) {
	for _, input := range append(goldenInputs(f), "../../../../deploy/examples/nodegroups.yaml") {
		data, err := os.ReadFile(input)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(group("  {maxNodes: 3, labels: {\"a\\nb\": c}}\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		groups, err := NodeGroups("f", data)
		if err != nil {
			require.Nil(t, groups)
			for _, line := range strings.Split(err.Error(), "\n") {
				after, ok := strings.CutPrefix(line, "f:")
				require.Truef(t, ok, "%q does not start with the file", line)
				if number, _, ok := strings.Cut(after, ":"); ok && !strings.HasPrefix(after, " ") {
					n, err := strconv.Atoi(number)
					require.NoErrorf(t, err, "%q", line)
					// YAML 1.1 knows more line breaks than these, none shorter than a byte.
					require.LessOrEqualf(t, n, len(data)+1, "%q", line)
				}
			}
			return
		}
		require.NotEmpty(t, groups)
		var stream bytes.Buffer
		for _, g := range groups {
			g.ManagedFields = nil // raw JSON, whose spacing is not kept
			require.NoError(t, json.NewEncoder(&stream).Encode(g))
		}
		again, err := NodeGroups("f", stream.Bytes())
		require.NoErrorf(t, err, "%s", stream.Bytes())
		first, err := json.Marshal(groups)
		require.NoError(t, err)
		second, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}
