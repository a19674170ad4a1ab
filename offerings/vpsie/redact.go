package vpsie

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// longestMessage in characters is kept of what a server says.
const longestMessage = 300

// Shapes of secrets that nobody told us: bootstrap tokens and long runs of
// base64. UUIDs, at 36 characters, are not long.
var secretShapes = []*regexp.Regexp{
	regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`),
	regexp.MustCompile(`[A-Za-z0-9+/=_-]{40,}`),
}

// clean makes foreign text fit to print: no secrets, on one line, not long.
func clean(text string, secrets []string) string {
	text = hide(strings.ToValidUTF8(text, ""), secrets)
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longestMessage {
		text = string(runes[:longestMessage]) + "…"
	}
	return text
}

// hide replaces what must not be printed, the longest first, since one secret
// may be part of another.
func hide(text string, secrets []string) string {
	for _, s := range slices.Clone(secrets) {
		if lines := strings.Split(s, "\n"); len(lines) > 1 { // a script may come back in part
			secrets = append(secrets, lines...)
		}
	}
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return strings.TrimSpace(s) == "" })
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(secrets))
	for _, s := range secrets {
		pairs = append(pairs, s, redacted)
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	for _, shape := range secretShapes {
		text = shape.ReplaceAllString(text, redacted)
	}
	return text
}
