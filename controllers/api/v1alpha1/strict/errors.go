package strict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Error is one mistake in a file.
type Error struct {
	// File is the name given by the caller.
	File string
	// Line counts from 1; 0 when the mistake is about the file as a whole.
	Line int
	// Field is the path in the object, as the API server writes it; empty when
	// the mistake is not about one field.
	Field string
	// Detail says what is wrong, without the field.
	Detail string
}

// Error is "file:line: field: detail", without the parts that are unknown. It
// is one line of bounded length, whatever keys and values the file has.
func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, e.Line)
	}
	if e.Field != "" {
		s += ": " + oneLine(e.Field, 200)
	}
	return s + ": " + oneLine(e.Detail, 500)
}

// oneLine escapes what does not print and cuts text off after limit bytes.
func oneLine(text string, limit int) string {
	var line strings.Builder
	for _, r := range text {
		if line.Len() >= limit {
			line.WriteString("...")
			break
		}
		if strconv.IsPrint(r) {
			line.WriteRune(r)
		} else {
			line.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return line.String()
}

// maxErrors is how many mistakes are listed: a file of another kind altogether
// should not fill the screen.
const maxErrors = 10

// join is the mistakes in the order of their lines as one error, one a line;
// nil when there are none.
func join(file string, mistakes []*Error) error {
	slices.SortFunc(mistakes, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Detail, b.Detail))
	})
	var errs []error
	for i, m := range mistakes {
		if i == maxErrors {
			errs = append(errs, &Error{File: file, Detail: fmt.Sprintf("and %d more", len(mistakes)-maxErrors)})
			break
		}
		errs = append(errs, m)
	}
	return errors.Join(errs...)
}
