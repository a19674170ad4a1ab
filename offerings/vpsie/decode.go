package vpsie

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A value is one place in an answer: what is there, or that nothing is. Reading
// it takes every spelling VPSie was seen to use. What cannot be read is noted
// with the name of its place, the first one counts, and reading goes on with
// zero values.
type value struct {
	at    string // data[3].ram
	given any    // nil when missing or null
	first *error
}

// parse reads the JSON object that an answer is.
func parse(body []byte) (value, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var top map[string]any
	if err := decoder.Decode(&top); err != nil {
		return value{}, errors.New("an answer that is not complete JSON")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return value{}, errors.New("an answer with something after its JSON")
	}
	return value{given: top, first: new(error)}, nil
}

func (v value) problem() error {
	if v.first == nil {
		return nil
	}
	return *v.first
}

func (v value) failf(format string, args ...any) {
	if v.first != nil && *v.first == nil {
		*v.first = fmt.Errorf("%s: %s", v.at, fmt.Sprintf(format, args...))
	}
}

func (v value) present() bool {
	return v.given != nil
}

// none is true of what VPSie answers when there is nothing: null and false.
func (v value) none() bool {
	return v.given == nil || v.given == false
}

// raw is a member as it is, nil when there is none.
func (v value) raw(name string) any {
	object, _ := v.given.(map[string]any)
	return object[name]
}

// field is the first of the members named that is present. VPSie spells some
// names in two ways.
func (v value) field(names ...string) value {
	at := names[0]
	if v.at != "" {
		at = v.at + "." + at
	}
	object, ok := v.given.(map[string]any)
	if !ok && v.present() {
		v.failf("must be an object")
	}
	for _, name := range names {
		if given := object[name]; given != nil {
			return value{at: at, given: given, first: v.first}
		}
	}
	return value{at: at, first: v.first}
}

// items are the elements of a list; none when there is no list.
func (v value) items() []value {
	list, ok := v.given.([]any)
	if !ok {
		if !v.none() {
			v.failf("must be a list")
		}
		return nil
	}
	items := make([]value, len(list))
	for i := range list {
		items[i] = value{at: fmt.Sprintf("%s[%d]", v.at, i), given: list[i], first: v.first}
	}
	return items
}

// text reads a string, or a number as one. Missing is "", and so is false.
func (v value) text() string {
	switch t := v.given.(type) {
	case string:
		return strings.TrimSpace(t)
	case json.Number:
		return t.String()
	}
	if !v.none() {
		v.failf("must be a string")
	}
	return ""
}

// identifier reads what must be there and must be able to be an identifier.
func (v value) identifier() string {
	id := v.text()
	if err := checkIdentifier(id); err != nil {
		v.failf("%v", err)
		return ""
	}
	return id
}

// secret reads what must be there and must be able to be a token, and never
// shows it.
func (v value) secret() string {
	text := v.text()
	if text == "" {
		v.failf("is missing")
	} else if strings.IndexFunc(text, notVisible) >= 0 {
		v.failf("has characters in it that a token cannot have")
		return ""
	}
	return text
}

// decimal reads a number that is not negative, from a number or a string.
// Missing is 0, and so is an empty string.
func (v value) decimal() float64 {
	text := v.text()
	if text == "" {
		return 0
	}
	number, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		v.failf("is too large")
	case err != nil || math.IsNaN(number) || math.IsInf(number, 0):
		v.failf("must be a number, got %s", shown(text))
	case number < 0:
		v.failf("must not be negative, got %s", shown(text))
	default:
		return number
	}
	return 0
}

// integer reads a whole number that is not negative and that a float64 holds
// exactly.
func (v value) integer() int64 {
	number := v.decimal()
	switch {
	case number != math.Trunc(number):
		v.failf("must be a whole number, got %s", shown(v.text()))
		return 0
	case number > 1<<53:
		v.failf("is too large")
		return 0
	}
	return int64(number)
}

// number reads an identifier that is a number.
func (v value) number() int64 {
	number := v.integer()
	if number == 0 {
		v.failf("must be a number greater than 0")
	}
	return number
}

// amount reads a whole number of units, in bytes.
func (v value) amount(unit int64) int64 {
	number := v.integer()
	if number > math.MaxInt64/unit {
		v.failf("is too large")
		return 0
	}
	return number * unit
}

// flag reads 0 and 1, as numbers or strings, and true and false. A flag that is
// missing is false.
func (v value) flag() bool {
	switch strings.ToLower(fmt.Sprint(v.given)) {
	case "1", "true":
		return true
	case "0", "false", "", "<nil>":
		return false
	}
	v.failf("must be 0 or 1")
	return false
}

// truth is flag for the envelope's error, where everything that is not a way to
// say no is a yes.
func truth(given any) bool {
	switch strings.ToLower(fmt.Sprint(given)) {
	case "0", "false", "", "<nil>":
		return false
	}
	return true
}

// timeForms are how dates were seen to be written, or how such servers do.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", http.TimeFormat}

// time reads a time, in UTC unless it says otherwise. What is missing or has
// another form is the zero time: nothing depends on it that could not wait.
func (v value) time() time.Time {
	text, _ := v.given.(string)
	for _, form := range timeForms {
		if t, err := time.Parse(form, strings.TrimSpace(text)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// strings reads a list of strings, or of objects with a name.
func (v value) strings() []string {
	var list []string
	for _, item := range v.items() {
		if _, object := item.given.(map[string]any); object {
			item = item.field("name", "tag")
		}
		if text := item.text(); text != "" {
			list = append(list, text)
		}
	}
	return list
}

// shown is a short form of what was given in place of a number.
func shown(text string) string {
	if len(text) > 20 {
		text = text[:20] + "…"
	}
	return strconv.Quote(text)
}

// smallNumber reads VPSie's code; what is no code is 0.
func smallNumber(given any) int {
	number, err := strconv.Atoi(fmt.Sprint(given))
	if err != nil || number < 0 || number > 99999 {
		return 0
	}
	return number
}
