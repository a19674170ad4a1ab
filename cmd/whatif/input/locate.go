package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
)

// refused says which field of the value the strict decoder did not take, and on
// which line of the file it stands. It runs once, on the way out.
func (v *value) refused(k *kind, err error) error {
	if isSyntax, offset := kjson.SyntaxErrorOffset(err); isSyntax {
		at := v.at()
		if v.chunk.json {
			at.offset += max(0, int(offset)-1)
		}
		return at.errorf("invalid JSON: %s", oneLine(err.Error()))
	}
	var field, what string
	var strict kjson.FieldError
	if errors.As(err, &strict) {
		field = strict.FieldPath()
		what, _, _ = strings.Cut(err.Error(), " \"")
	} else {
		path := culprit(v.json, func(data []byte) error { return unmarshal(data, k.new()) })
		field, what = pathString(path), typeError(err)
	}
	at := v.fieldPlace(field)
	return at.errorf("%s %s: %s: %s", k.gvk.Kind, objectName(v.json), field, what)
}

// typeError words an error of the decoder for someone who wrote YAML.
func typeError(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("found %s where %s is wanted", wrong.Value, wrong.Type)
	}
	return oneLine(strings.TrimPrefix(err.Error(), "json: "))
}

// oneLine keeps an error to one line of bounded length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + " …"
	}
	return s
}

// objectName is "namespace/name" as far as it can be read.
func objectName(data []byte) string {
	var named struct {
		Metadata struct {
			Name      any `json:"name"`
			Namespace any `json:"namespace"`
		} `json:"metadata"`
	}
	if json.Unmarshal(data, &named) != nil || named.Metadata.Name == nil {
		return "without a name"
	}
	if named.Metadata.Namespace == nil {
		return fmt.Sprint(named.Metadata.Name)
	}
	return fmt.Sprintf("%v/%v", named.Metadata.Namespace, named.Metadata.Name)
}

// culprit finds the innermost field that does not decode, for errors that do not
// name it (a wrong quantity, a wrong type in some array element): it decodes the
// object with nothing but one field in it, field by field, and descends into
// the first that fails.
func culprit(data []byte, decode func([]byte) error) []any {
	const maxDepth = 64
	var path []any
	var prefix, suffix []byte
	fails := func(open string, raw []byte, end string) bool {
		candidate := bytes.Join([][]byte{prefix, []byte(open), raw, []byte(end), suffix}, nil)
		if decode(candidate) == nil {
			return false
		}
		prefix = append(prefix, open...)
		suffix = append([]byte(end), suffix...)
		data = raw
		return true
	}
descend:
	for len(path) < maxDepth && len(data) > 0 {
		switch data[0] {
		case '{':
			fields, _, _ := members(data, 0)
			for _, f := range fields {
				if fails(`{"`+f.key+`":`, data[f.value.start:f.value.end], "}") {
					path = append(path, f.key)
					continue descend
				}
			}
		case '[':
			spans, _, _ := elements(data, 0)
			for i, s := range spans {
				if fails("[", data[s.start:s.end], "]") {
					path = append(path, i)
					continue descend
				}
			}
		}
		break
	}
	return path
}

// pathString writes a path as the API server does: spec.containers[0].image.
func pathString(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	return b.String()
}

// fieldPlace is the line of a field, or of the object when the field cannot be
// found. JSON is YAML enough for the parser that knows lines.
func (v *value) fieldPlace(field string) place {
	at := v.at()
	body, full := v.chunk.document(), pathString(v.path)
	if v.chunk.json {
		body, full = v.json, ""
	}
	switch {
	case full == "" || field == "":
		full += field
	case field[0] == '[':
		full += field
	default:
		full += "." + field
	}
	var doc yaml.Node
	if len(body) > maxYAMLBytes || yaml.Unmarshal(body, &doc) != nil || len(doc.Content) == 0 {
		return at
	}
	found := findNode(doc.Content[0], nil, full)
	for found == nil && full != "" {
		// A field that is missing is reported where its parent stands.
		full = full[:max(0, strings.LastIndexAny(full, ".["))]
		found = findNode(doc.Content[0], nil, full)
	}
	if found == nil || full == "" {
		return at
	}
	start := v.chunk.at.offset
	if v.chunk.json {
		start = at.offset
	}
	return place{src: at.src, offset: start + nodeOffset(body, found)}
}

// findNode walks to the node of a field path; key is the node to point at.
func findNode(node, key *yaml.Node, path string) *yaml.Node {
	if key == nil {
		key = node
	}
	if path == "" {
		return key
	}
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yaml.MappingNode:
		path = strings.TrimPrefix(path, ".")
		// The last of equal keys is the duplicate that the error is about.
		for i := len(node.Content) - 2; i >= 0; i -= 2 {
			name := node.Content[i].Value
			rest, ok := strings.CutPrefix(path, name)
			if !ok || name == "" || rest != "" && rest[0] != '.' && rest[0] != '[' {
				continue
			}
			if found := findNode(node.Content[i+1], node.Content[i], rest); found != nil {
				return found
			}
		}
	case yaml.SequenceNode:
		number, rest, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
		if i, err := strconv.Atoi(number); ok && err == nil && i >= 0 && i < len(node.Content) {
			return findNode(node.Content[i], nil, rest)
		}
	}
	return nil
}

// nodeOffset is where a node begins in text; columns count characters.
func nodeOffset(body []byte, node *yaml.Node) int {
	offset := lineOffset(body, node.Line)
	column := 1
	for i := range string(body[offset:]) {
		if column == node.Column {
			return offset + i
		}
		column++
	}
	return offset
}
