package input

import (
	"bytes"
	"fmt"
)

// The scanner finds where JSON values begin and end without decoding them. It
// is lax inside a value (the strict decoder sees every byte of it later) and
// exact about what stands between values.

// span is data[start:end].
type span struct{ start, end int }

// member is one key of an object; key is the raw text between the quotes.
type member struct {
	key   string
	value span
}

// syntaxError says what is wrong at which byte.
type syntaxError struct {
	offset int
	what   string
}

func (e *syntaxError) Error() string { return e.what }

func unexpected(data []byte, i int, wanted string) *syntaxError {
	if i >= len(data) {
		return &syntaxError{len(data), "truncated JSON: it ends where " + wanted + " should follow"}
	}
	return &syntaxError{i, fmt.Sprintf("invalid JSON: %q where %s should follow", rune(data[i]), wanted)}
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

// skipString returns the end of the string that opens at i.
func skipString(data []byte, i int) (int, error) {
	for i++; i < len(data); {
		quote := bytes.IndexByte(data[i:], '"')
		if quote < 0 {
			break
		}
		end := i + quote
		slashes := 0
		for end-slashes > i && data[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1, nil
		}
		i = end + 1
	}
	return 0, unexpected(data, len(data), "a closing quote")
}

// skipValue returns the end of the value that begins at i.
func skipValue(data []byte, i int) (int, error) {
	if i >= len(data) {
		return 0, unexpected(data, i, "a value")
	}
	switch data[i] {
	case '"':
		return skipString(data, i)
	case '{', '[':
		return skipNested(data, i)
	}
	start := i
	for i < len(data) && isLiteral(data[i]) {
		i++
	}
	if i == start {
		return 0, unexpected(data, i, "a value")
	}
	return i, nil
}

// isLiteral reports a byte of a number, true, false or null.
func isLiteral(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

func skipNested(data []byte, i int) (int, error) {
	for depth := 0; i < len(data); {
		switch data[i] {
		case '"':
			end, err := skipString(data, i)
			if err != nil {
				return 0, err
			}
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return 0, unexpected(data, len(data), "a closing bracket")
}

// elements returns the elements of the array that opens at i, and its end.
func elements(data []byte, i int) ([]span, int, error) {
	var found []span
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == ']' {
		return nil, i + 1, nil
	}
	for {
		end, err := skipValue(data, i)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, span{i, end})
		i = skipSpace(data, end)
		switch {
		case i < len(data) && data[i] == ',':
			i = skipSpace(data, i+1)
		case i < len(data) && data[i] == ']':
			return found, i + 1, nil
		default:
			return nil, 0, unexpected(data, i, "a comma or the end of the array")
		}
	}
}

// members returns the keys of the object that opens at i, and its end.
func members(data []byte, i int) ([]member, int, error) {
	found := make([]member, 0, 8)
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == '}' {
		return nil, i + 1, nil
	}
	for {
		if i >= len(data) || data[i] != '"' {
			return nil, 0, unexpected(data, i, "a field name")
		}
		keyEnd, err := skipString(data, i)
		if err != nil {
			return nil, 0, err
		}
		key := data[i+1 : keyEnd-1]
		i = skipSpace(data, keyEnd)
		if i >= len(data) || data[i] != ':' {
			return nil, 0, unexpected(data, i, "a colon")
		}
		i = skipSpace(data, i+1)
		end, err := skipValue(data, i)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, member{fieldName(key), span{i, end}})
		i = skipSpace(data, end)
		switch {
		case i < len(data) && data[i] == ',':
			i = skipSpace(data, i+1)
		case i < len(data) && data[i] == '}':
			return found, i + 1, nil
		default:
			return nil, 0, unexpected(data, i, "a comma or the end of the object")
		}
	}
}

// fieldName spares an allocation for the keys that every object has.
func fieldName(key []byte) string {
	switch string(key) {
	case "apiVersion":
		return "apiVersion"
	case "kind":
		return "kind"
	case "metadata":
		return "metadata"
	case "spec":
		return "spec"
	case "status":
		return "status"
	case "items":
		return "items"
	}
	return string(key)
}

// lookup finds the only member of that name; ok is false when it is missing or
// there twice.
func lookup(found []member, key string) (value span, ok bool) {
	for _, m := range found {
		if m.key != key {
			continue
		}
		if ok {
			return span{}, false
		}
		value, ok = m.value, true
	}
	return value, ok
}

// text is the content of a JSON string without escapes, "" for anything else.
func text(data []byte, value span) string {
	if value.end-value.start < 2 || data[value.start] != '"' {
		return ""
	}
	return string(data[value.start+1 : value.end-1])
}
