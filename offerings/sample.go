package offerings

import (
	_ "embed"
	"fmt"
)

//go:embed sample.yaml
var sampleYAML []byte

// Sample returns the bundled catalogue of invented offerings and prices, for
// examples and tests. VPSie's real price list is not known.
func Sample() *Catalog {
	c, err := Parse("sample.yaml", sampleYAML)
	if err != nil {
		panic(fmt.Sprintf("offerings: the embedded file is broken: %v", err))
	}
	return c
}
