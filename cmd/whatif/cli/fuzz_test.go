package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A cap is refused in one line or within bounds, whatever is typed, and at once.
func FuzzQuantity(f *testing.F) {
	for _, seed := range []string{"", "64", "256Gi", "1500m", "0", "-1", "1e9", "1E", "1e999999999", "999999999999999999999999999999", "0.1n", "lots", "1P", "+5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := quantity("--max-cpu", text)
		switch {
		case err != nil:
			assert.NotContains(t, err.Error(), "\n")
		case text == "":
			assert.True(t, parsed.IsZero(), "none")
		default:
			assert.Positive(t, parsed.Sign())
			assert.Positive(t, parsed.MilliValue())
			assert.LessOrEqual(t, parsed.Cmp(mostQuantity), 0)
		}
	})
}
