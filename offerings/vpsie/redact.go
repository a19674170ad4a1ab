package vpsie

import (
	"encoding/json"
	"net/url"
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
	var forms []string
	for _, s := range secrets {
		for _, part := range append(parts(s), s) {
			if strings.TrimSpace(part) != "" {
				forms = append(forms, spellings(part)...)
			}
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, redacted)
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	for _, shape := range secretShapes {
		text = shape.ReplaceAllString(text, redacted)
	}
	return text
}

// parts are what may come back of a script: its lines, and those of its words
// that may be a password, of eight characters or more and with a digit.
func parts(secret string) []string {
	lines := strings.Split(secret, "\n")
	if len(lines) == 1 {
		return nil
	}
	words := strings.FieldsFunc(secret, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'=:,`, r) })
	return append(lines, slices.DeleteFunc(words, func(word string) bool {
		return len(word) < 8 || !strings.ContainsAny(word, "0123456789")
	})...)
}

// spellings are how a secret looks in a request that is quoted: as it is, in a
// URL or form, and in JSON as Go and as others write it.
func spellings(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string is always marshalled
	plain := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(secret)
	return []string{secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1 : len(quoted)-1]), plain}
}
