package input

import (
	"cmp"
	"fmt"
	"slices"
)

// IgnoredKind counts objects of a kind that was skipped.
type IgnoredKind struct {
	APIVersion string
	Kind       string
	Count      int
}

// Notes are what a user should be told about input that was read without error.
type Notes struct {
	// Ignored kinds, sorted by API version and kind.
	Ignored []IgnoredKind
	// Remarks, one line each, in a stable order.
	Remarks []string
}

// Lines are the notes as text, one line each.
func (n *Notes) Lines() []string {
	lines := slices.Clone(n.Remarks)
	for _, k := range n.Ignored {
		lines = append(lines, fmt.Sprintf("ignored %d × %s %s: scheduling does not read it", k.Count, k.APIVersion, k.Kind))
	}
	return lines
}

func (n *Notes) remark(format string, args ...any) {
	n.Remarks = append(n.Remarks, fmt.Sprintf(format, args...))
}

// ignore counts one object of an unneeded kind.
func (n *Notes) ignore(apiVersion, kindName string) {
	i, found := slices.BinarySearchFunc(n.Ignored, IgnoredKind{APIVersion: apiVersion, Kind: kindName}, func(a, b IgnoredKind) int {
		return cmp.Or(cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Kind, b.Kind))
	})
	if !found {
		n.Ignored = slices.Insert(n.Ignored, i, IgnoredKind{APIVersion: apiVersion, Kind: kindName})
	}
	n.Ignored[i].Count++
}
