package offerings

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

// field is one place in a document: its value, or the place where the value is
// missing. Its read methods fail when it is missing; ask present first where a
// field is optional.
type field struct {
	doc  *document
	node *yaml.Node // nil when missing
	line int        // of the value, or of the object that lacks it
	path string     // "offerings[3].capacity.memory"
}

func (f field) failf(format string, args ...any) {
	f.doc.failf(f.line, f.path, format, args...)
}

// present is false for a field that is missing or null.
func (f field) present() bool {
	return f.node != nil && f.node.ShortTag() != "!!null"
}

// value checks that there is a value of the kind wanted and returns it; nil
// after an error.
func (f field) value(kind yaml.Kind, want string) *yaml.Node {
	switch {
	case f.doc.err != nil:
		return nil
	case f.node == nil:
		f.failf("is missing")
		return nil
	case !f.present():
		f.failf("has no value; want %s", want)
		return nil
	case f.node.Kind != kind:
		f.failf("must be %s", want)
		return nil
	}
	return f.node
}

// at makes the field for a value found inside f, following YAML aliases.
func (f field) at(node *yaml.Node, path string) field {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return field{doc: f.doc, node: node, line: node.Line, path: path}
}

// object is a mapping whose keys have been checked.
type object struct {
	field
	members []member
}

type member struct {
	key   string
	value field
}

// entries reads a mapping with any keys, in document order, no key twice.
func (f field) entries(want string) object {
	o := object{field: f}
	node := f.value(yaml.MappingNode, want)
	if node == nil {
		return o
	}
	seen := make(map[string]struct{}, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := f.at(node.Content[i], f.path)
		if key.node.Kind != yaml.ScalarNode || key.node.ShortTag() != "!!str" && key.node.ShortTag() != "!!merge" {
			key.failf("a key must be a string")
			return o
		}
		name := key.node.Value
		path := name
		if f.path != "" {
			path = f.path + "." + name
		}
		if _, twice := seen[name]; twice {
			f.doc.failf(key.line, path, "is stated twice")
			return o
		}
		seen[name] = struct{}{}
		o.members = append(o.members, member{name, f.at(node.Content[i+1], path)})
	}
	return o
}

// object reads a mapping that may hold only the keys named.
func (f field) object(known ...string) object {
	o := f.entries("an object")
	for _, m := range o.members {
		if !slices.Contains(known, m.key) {
			m.value.failf("unknown field%s", didYouMean(m.key, known))
		}
	}
	return o
}

// get returns a member of the object, missing or not.
func (o object) get(key string) field {
	for _, m := range o.members {
		if m.key == key {
			return m.value
		}
	}
	path := key
	if o.path != "" {
		path = o.path + "." + key
	}
	return field{doc: o.doc, line: o.line, path: path}
}

// items reads a list.
func (f field) items() []field {
	node := f.value(yaml.SequenceNode, "a list")
	if node == nil {
		return nil
	}
	items := make([]field, len(node.Content))
	for i := range node.Content {
		items[i] = f.item(i)
	}
	return items
}

// item returns one element of a list that items has read.
func (f field) item(i int) field {
	return f.at(f.node.Content[i], fmt.Sprintf("%s[%d]", f.path, i))
}

// empty is true for the empty string.
func (f field) empty() bool {
	return f.node != nil && f.node.Kind == yaml.ScalarNode && f.node.ShortTag() == "!!str" && f.node.Value == ""
}

// text reads a string that is not empty.
func (f field) text() string {
	node := f.value(yaml.ScalarNode, "a string")
	if node == nil {
		return ""
	}
	if tag := node.ShortTag(); tag != "!!str" {
		f.failf("must be a string; write it in quotes")
	} else if node.Value == "" {
		f.failf("is empty")
	}
	return node.Value
}

// integer reads a whole number between least and most.
func (f field) integer(least, most int64) int64 {
	node := f.value(yaml.ScalarNode, "a whole number")
	if node == nil {
		return 0
	}
	n, err := strconv.ParseInt(node.Value, 10, 64)
	switch {
	case node.ShortTag() != "!!int" || err != nil:
		f.failf("must be a whole number, got %s", shown(node.Value))
	case n < least || n > most:
		f.failf("must be between %d and %d, got %d", least, most, n)
	}
	return n
}

// decimal is a number as it was written.
type decimal struct {
	value float64
	// places counts the decimals written: 2 for 4.97, 3 for 5e-3.
	places int
}

var decimalSyntax = regexp.MustCompile(`^[+-]?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$`)

// decimal reads a number; NaN, infinities and hexadecimal are not numbers here.
func (f field) decimal() decimal {
	node := f.value(yaml.ScalarNode, "a number")
	if node == nil {
		return decimal{}
	}
	tag := node.ShortTag()
	match := decimalSyntax.FindStringSubmatch(node.Value)
	value, err := strconv.ParseFloat(node.Value, 64)
	if tag != "!!int" && tag != "!!float" || match == nil || err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		f.failf("must be a decimal number, got %s", shown(node.Value))
		return decimal{}
	}
	// No exponent reads as 0, which is what it means.
	exponent, _ := strconv.Atoi(match[3])
	return decimal{value: value, places: max(0, len(match[2])-exponent)}
}

// longExponent guards resource.ParseQuantity, which takes seconds to round 1e-9999999.
var longExponent = regexp.MustCompile(`[eE][+-]?\d{3}`)

// quantity reads a Kubernetes quantity between least and most, which are
// quantities as well.
func (f field) quantity(least, most string) resource.Quantity {
	node := f.value(yaml.ScalarNode, `a quantity such as 4Gi`)
	if node == nil {
		return resource.Quantity{}
	}
	if len(node.Value) > 40 || longExponent.MatchString(node.Value) {
		f.failf("must be a quantity such as 4Gi, got %s", shown(node.Value))
		return resource.Quantity{}
	}
	q, err := resource.ParseQuantity(node.Value)
	switch {
	case err != nil:
		f.failf("must be a quantity such as 4Gi, got %s", shown(node.Value))
	case q.Cmp(resource.MustParse(least)) < 0 || q.Cmp(resource.MustParse(most)) > 0:
		f.failf("must be between %s and %s, got %s", least, most, shown(node.Value))
	}
	return q
}

// shown quotes what a file holds, shortened.
func shown(text string) string {
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	return strconv.Quote(text)
}
