package offerings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth bounds the nesting of a JSON document, so that a hostile one cannot
// exhaust the stack. The catalogue formats need five levels.
const maxDepth = 50

// document is a file read field by field, strictly. The first error stays in
// err, with file, line and field; every later read returns a zero value, so
// that callers check once at the end.
type document struct {
	file string
	err  error
}

// failf keeps the first error. path is empty for the document itself.
func (d *document) failf(line int, path, format string, args ...any) {
	if d.err != nil {
		return
	}
	where := fmt.Sprintf("%s:%d: ", d.file, line)
	if path != "" {
		where += path + ": "
	}
	d.err = errors.New(where + fmt.Sprintf(format, args...))
}

// open parses data and returns its root. What starts with { or [ is JSON, the
// rest is YAML; both become the same tree, so both get the same checks.
func (d *document) open(data []byte) field {
	root := field{doc: d, line: 1}
	start := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(start) == 0:
		d.failf(1, "", "the file is empty")
	case start[0] == '{' || start[0] == '[':
		root.node = d.parseJSON(data)
	default:
		root.node = d.parseYAML(data)
	}
	if root.node != nil {
		root.line = root.node.Line
	}
	return root
}

var yamlErrorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (d *document) parseYAML(data []byte) *yaml.Node {
	fail := func(err error) {
		line, text := 1, err.Error()
		if m := yamlErrorLine.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			if n, err := strconv.Atoi(m[1]); err == nil {
				line = n
			}
		}
		d.failf(line, "", "not valid YAML: %s", oneLine(text))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, second yaml.Node
	if err := decoder.Decode(&root); errors.Is(err, io.EOF) {
		d.failf(1, "", "the file holds only comments")
		return nil
	} else if err != nil {
		fail(err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		d.failf(second.Line, "", "a second YAML document; a catalogue is one document")
		return nil
	case !errors.Is(err, io.EOF):
		fail(err)
		return nil
	}
	return root.Content[0]
}

func (d *document) parseJSON(data []byte) *yaml.Node {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	r := &jsonReader{decoder: decoder, data: data, line: 1}
	root, err := r.value(0)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return root
		} else if err == nil {
			err = errors.New("something follows the end of the document")
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends in the middle of the document")
	}
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		r.advance(syntax.Offset)
	} else {
		r.advance(decoder.InputOffset())
	}
	d.failf(r.line, "", "not valid JSON: %s", oneLine(err.Error()))
	return nil
}

// jsonReader builds a yaml.Node tree from JSON with line numbers. The YAML
// parser would read most JSON, but not all of its escapes, and would take a
// broken file for odd YAML.
type jsonReader struct {
	decoder *json.Decoder
	data    []byte
	offset  int64
	line    int
}

// advance moves the line count on to an offset of the input.
func (r *jsonReader) advance(to int64) {
	to = min(to, int64(len(r.data)))
	if to > r.offset {
		r.line += bytes.Count(r.data[r.offset:to], []byte{'\n'})
		r.offset = to
	}
}

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	return r.valueOf(token, depth)
}

func (r *jsonReader) valueOf(token json.Token, depth int) (*yaml.Node, error) {
	r.advance(r.decoder.InputOffset())
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: r.line}
	switch token := token.(type) {
	case json.Delim:
		return node, r.container(node, token, depth)
	case string:
		node.Tag, node.Value = "!!str", token
	case json.Number:
		node.Tag, node.Value = "!!int", token.String()
		if strings.ContainsAny(node.Value, ".eE") {
			node.Tag = "!!float"
		}
	case bool:
		node.Tag, node.Value = "!!bool", strconv.FormatBool(token)
	case nil:
		node.Tag, node.Value = "!!null", "null"
	}
	return node, nil
}

func (r *jsonReader) container(node *yaml.Node, open json.Delim, depth int) error {
	if depth >= maxDepth {
		return fmt.Errorf("nested more than %d levels deep", maxDepth)
	}
	node.Kind, node.Tag = yaml.MappingNode, "!!map"
	if open == '[' {
		node.Kind, node.Tag = yaml.SequenceNode, "!!seq"
	}
	for r.decoder.More() {
		child, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		node.Content = append(node.Content, child)
	}
	_, err := r.decoder.Token()
	return err
}

// oneLine keeps a foreign error message on one line.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
