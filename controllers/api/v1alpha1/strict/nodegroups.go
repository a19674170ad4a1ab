package strict

import (
	"fmt"
	"slices"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// MaxBytes is the size of the largest file that is read, in bytes. The API
// server takes 3 MiB a request; more than this is not a file of NodeGroups.
const MaxBytes = 8 << 20

// NodeGroups returns the NodeGroups of a file in the order in which they stand
// there, with the CRD's defaults applied. The data is YAML or JSON: one or more
// documents, each a NodeGroup, a NodeGroupList or a List of such.
//
// The error is one *Error, or several joined by errors.Join and printed one a
// line. A file without a NodeGroup is an error too.
func NodeGroups(name string, data []byte) ([]*v1alpha1.NodeGroup, error) {
	if len(data) > MaxBytes {
		return nil, &Error{File: name, Detail: fmt.Sprintf("the file has %d MiB, more than the %d MiB that are read", len(data)>>20, MaxBytes>>20)}
	}
	v, err := nodeGroupValidator()
	if err != nil {
		return nil, fmt.Errorf("load the NodeGroup CRD: %w", err)
	}
	docs, mistake := split(data)
	if mistake != nil {
		mistake.File = name
		return nil, mistake
	}
	r := reader{file: name, validator: v, lineOf: map[string]int{}}
	for _, d := range docs {
		r.document(d)
	}
	if len(r.mistakes) > 0 {
		return nil, join(name, r.mistakes)
	}
	if len(r.groups) == 0 {
		return nil, &Error{File: name, Detail: "there is no NodeGroup in the file"}
	}
	return r.groups, nil
}

// reader gathers the NodeGroups and the mistakes of one file.
type reader struct {
	file      string
	validator *validator
	groups    []*v1alpha1.NodeGroup
	lineOf    map[string]int // first line of each NodeGroup, by name
	mistakes  []*Error
}

func (r *reader) fail(line int, field, format string, args ...any) {
	r.mistakes = append(r.mistakes, &Error{File: r.file, Line: line, Field: field, Detail: fmt.Sprintf(format, args...)})
}

func (r *reader) document(d document) {
	p, mistake := parse(d)
	if mistake != nil {
		mistake.File = r.file
		r.mistakes = append(r.mistakes, mistake)
		return
	}
	if p.value == nil { // nothing but comments between two separators
		return
	}
	if repeated := p.at.repeatedFields(); len(repeated) > 0 {
		for _, f := range repeated {
			r.fail(f.line, f.path, "duplicate field, first set at line %d", f.first)
		}
		return
	}
	r.value(p.value, p.at)
}

// value takes a document, or an item of a List.
func (r *reader) value(value any, at position) {
	object, ok := value.(map[string]any)
	if !ok {
		r.fail(at.line(), "", "this is %s where a NodeGroup is expected", describe(value))
		return
	}
	apiVersion, kind, ok := r.typeMeta(object, at)
	if !ok {
		return
	}
	ours := v1alpha1.GroupVersion.String()
	switch {
	case apiVersion == ours && kind == "NodeGroup":
		r.nodeGroup(object, at)
	case apiVersion == ours && kind == "NodeGroupList", apiVersion == "v1" && kind == "List":
		r.list(object, at)
	case kind == "NodeGroup":
		r.fail(at.lineOf("apiVersion"), "apiVersion", "must be %s, not %q", ours, apiVersion)
	default:
		r.fail(at.lineOf("kind"), "kind", "only NodeGroups are read here, not %s %s", apiVersion, kind)
	}
}

// typeMeta reads the two fields that say what an object is.
func (r *reader) typeMeta(object map[string]any, at position) (apiVersion, kind string, ok bool) {
	fields := [2]string{}
	for i, name := range []string{"apiVersion", "kind"} {
		switch v := object[name].(type) {
		case string:
			fields[i] = v
		case nil:
			r.fail(at.lineOf(name), name, "Required value")
			return "", "", false
		default:
			r.fail(at.lineOf(name), name, "must be a string, not %s", describe(v))
			return "", "", false
		}
	}
	return fields[0], fields[1], true
}

func (r *reader) list(object map[string]any, at position) {
	known := true
	for _, key := range at.keys() {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata", "items"}, key) {
			known = false
			r.fail(at.lineOf(key), key, "unknown field")
		}
	}
	if !known {
		return
	}
	items, ok := object["items"].([]any)
	if !ok {
		r.fail(at.lineOf("items"), "items", "must be a list, not %s", describe(object["items"]))
		return
	}
	for i, item := range items {
		r.value(item, at.child("items").index(i))
	}
}

func (r *reader) nodeGroup(object map[string]any, at position) {
	group, mistakes := r.validator.nodeGroup(object)
	if len(mistakes) > 0 {
		for _, m := range mistakes {
			r.fail(at.lineOf(m.field), m.field, "%s", m.detail)
		}
		return
	}
	line := at.lineOf("metadata.name")
	if first, ok := r.lineOf[group.Name]; ok {
		r.fail(line, "metadata.name", "Duplicate value: %q: the NodeGroup at line %d has the same name", group.Name, first)
		return
	}
	r.lineOf[group.Name] = line
	r.groups = append(r.groups, group)
}

// describe names a decoded value's type for a message.
func describe(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	default:
		return "a number"
	}
}
