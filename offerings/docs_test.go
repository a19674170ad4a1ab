package offerings

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The examples of docs/catalog.md are read by the parsers they document.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile("../docs/catalog.md")
	require.NoError(t, err)
	blocks := func(language string) []string {
		var found []string
		for _, part := range strings.Split(string(text), "\n```"+language+"\n")[1:] {
			block, _, closed := strings.Cut(part, "\n```")
			require.True(t, closed)
			found = append(found, block)
		}
		return found
	}

	yamls := blocks("yaml")
	require.Len(t, yamls, 1)
	c, err := Parse("catalog.md", []byte(yamls[0]))
	require.NoError(t, err)
	assert.Len(t, c.Offerings, 3)
	o := c.Offering("std-4c8g")
	assert.Equal(t, Resources{MilliCPU: 3920, MemoryBytes: 6248 << 20, EphemeralBytes: 144 << 30, MaxPods: 110}, o.Allocatable,
		"the table of the model")
	top := (&document{file: "catalog.md"}).open([]byte(yamls[0])).entries("an object")
	assert.Equal(t, DefaultAllocatableModel(), top.get("allocatableModel").model(AllocatableModel{}), "the model written out is the default")

	jsons := blocks("json")
	require.Len(t, jsons, 2)
	w, err := ParseWorkloadOfferings("catalog.md", []byte(jsons[0]))
	require.NoError(t, err)
	assert.Len(t, w.Offerings, 1)
	var l Learned
	require.NoError(t, json.Unmarshal([]byte(jsons[1]), &l))
	assert.Equal(t, int64(4<<30), l.Apply(c).Offering("std-4c8g").Allocatable.MemoryBytes)
}
