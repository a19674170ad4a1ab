package plan

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON schema (draft 2020-12) of a plan document.
func Schema() []byte { return slices.Clone(schema) }
