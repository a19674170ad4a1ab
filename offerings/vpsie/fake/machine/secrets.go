package machine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	// token of a bootstrap: an ID, a dot, a secret.
	token = regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`)
	line  = regexp.MustCompile(`line (\d+)`)
)

// hidden is the error without tokens, for reasons that people get to read.
func hidden(err error) error {
	if clean := clean(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}

func clean(text string) string {
	return strings.Join(strings.Fields(token.ReplaceAllString(text, "[token]")), " ")
}

// lineOf is where a YAML error says it is. What it says beside may quote the
// document.
func lineOf(err error) string {
	if m := line.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf(" (line %s)", m[1])
	}
	return ""
}

// printable is a word that came from outside, in quotes and bounded.
func printable(word string) string {
	if len(word) > 40 {
		word = word[:40] + "…"
	}
	return clean(fmt.Sprintf("%q", word))
}
