package offerings

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// near returns up to three of the candidates that look like a misspelt name,
// the nearest first and equally near ones in alphabetical order.
func near(name string, candidates []string) []string {
	type guess struct {
		name     string
		distance int
	}
	// A third of the name may be wrong; 64 runes are enough to tell names apart
	// and bound the work on a hostile one.
	if runes := []rune(name); len(runes) > 64 {
		name = string(runes[:64])
	}
	lower := strings.ToLower(name)
	limit := max(1, len([]rune(name))/3)
	var guesses []guess
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(lower, strings.ToLower(c)); d <= limit {
			guesses = append(guesses, guess{c, d})
		}
	}
	slices.SortFunc(guesses, func(a, b guess) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var names []string
	for _, g := range guesses[:min(3, len(guesses))] {
		names = append(names, g.name)
	}
	return names
}

// didYouMean words near as the end of an error message; empty when nothing is near.
func didYouMean(name string, candidates []string) string {
	names := near(name, candidates)
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}
