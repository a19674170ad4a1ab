package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// document is one document of a file.
type document struct {
	text  []byte
	start int // the line of the file, from 1, on which text starts
}

// parsed is a document's value, as JSON decodes it but with integers as int64,
// and where each part of it stands. The value is nil in an empty document.
type parsed struct {
	value any
	at    position
}

// split cuts a file into documents: at lines of three dashes, as kubectl does,
// and between the objects of a JSON stream.
func split(data []byte) ([]document, *Error) {
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, &Error{Detail: "this is a binary file, not YAML or JSON"}
	}
	var docs []document
	var text []byte // the lines of data since the last separator
	line, start := 0, 1
	for rest := data; len(rest) > 0; {
		line++
		end := len(rest)
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			end = i + 1
		}
		if after, ok := bytes.CutPrefix(rest[:end], []byte("---")); ok {
			if after = bytes.TrimSpace(after); len(after) > 0 && after[0] != '#' {
				return nil, &Error{Line: line, Detail: "only a comment may follow the --- between documents on its line"}
			}
			docs = append(docs, document{text, start})
			text, start = nil, line+1
		} else {
			text = data[len(data)-len(rest)-len(text) : len(data)-len(rest)+end]
		}
		rest = rest[end:]
	}
	var all []document
	for _, d := range append(docs, document{text, start}) {
		all = append(all, splitJSON(d)...)
	}
	return all, nil
}

// splitJSON cuts a stream of JSON objects into one document each. What is not
// such a stream to its end stays whole, for the YAML parser to judge.
func splitJSON(d document) []document {
	if !bytes.HasPrefix(bytes.TrimSpace(d.text), []byte("{")) {
		return []document{d}
	}
	var docs []document
	decoder := json.NewDecoder(bytes.NewReader(d.text))
	line, from := d.start, int64(0)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return docs
		} else if err != nil {
			return []document{d}
		}
		to := decoder.InputOffset()
		docs = append(docs, document{d.text[from:to], line})
		line += bytes.Count(d.text[from:to], []byte("\n"))
		from = to
	}
}

// parse reads a document twice: for its positions and for its value.
func parse(d document) (parsed, *Error) {
	decoder := yamlnode.NewDecoder(bytes.NewReader(d.text))
	var root, more yamlnode.Node
	if err := decoder.Decode(&root); errors.Is(err, io.EOF) {
		return parsed{}, nil
	} else if err != nil {
		return parsed{}, syntaxError(d, err)
	}
	at := position{node: &root, offset: d.start - 1}
	if err := decoder.Decode(&more); err == nil {
		return parsed{}, &Error{Line: more.Line + at.offset, Detail: "a second document starts here without a line --- before it"}
	} else if !errors.Is(err, io.EOF) {
		return parsed{}, syntaxError(d, err)
	}
	asJSON, err := yaml.YAMLToJSON(d.text)
	if err != nil {
		return parsed{}, syntaxError(d, err)
	}
	p := parsed{at: at}
	if err := utiljson.Unmarshal(asJSON, &p.value); err != nil {
		return parsed{}, syntaxError(d, err)
	}
	return p, nil
}

var yamlMessage = regexp.MustCompile(`^(?:error converting YAML to JSON: )?(?:yaml: )?(?:unmarshal errors:\s*)?(?:line (\d+): )?`)

// syntaxError turns a parser's error, whose lines count from the start of the
// document, into one whose lines count from the start of the file.
func syntaxError(d document, err error) *Error {
	e := &Error{Line: d.start}
	message, _, _ := strings.Cut(err.Error(), "\n  line")
	if m := yamlMessage.FindStringSubmatch(err.Error()); m != nil {
		message = err.Error()[len(m[0]):]
		if line, err := strconv.Atoi(m[1]); err == nil {
			e.Line = d.start - 1 + line
		}
	}
	e.Detail = "not valid YAML or JSON: " + strings.Join(strings.Fields(message), " ")
	return e
}
