package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// didYouMean ends an error about an unknown name with up to three that are spelt
// alike; empty when none is.
func didYouMean(name string, candidates []string) string {
	const longest, most = 80, 3
	if len(name) > longest {
		return ""
	}
	distances := map[string]int{}
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(name, c); d <= max(1, len(name)/3) {
			distances[c] = d
		}
	}
	var near []string
	for c := range distances {
		near = append(near, c)
	}
	if len(near) == 0 {
		return ""
	}
	slices.SortFunc(near, func(a, b string) int {
		return cmp.Or(cmp.Compare(distances[a], distances[b]), strings.Compare(a, b))
	})
	return "; did you mean " + strings.Join(near[:min(most, len(near))], " or ") + "?"
}
