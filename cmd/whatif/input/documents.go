package input

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// maxYAMLBytes bounds one YAML document that cannot be read item by item: the
// YAML library needs some fifteen times a document's size while it works.
const maxYAMLBytes = 32 << 20

// chunk is a piece of a source that is decoded on its own: a document, or one
// item of a List.
type chunk struct {
	at   place
	text []byte
	json bool
	// item: text is an item of a YAML sequence, with its dash.
	item bool
	// list is the List that the chunk is an item of.
	list *list
}

// list is the envelope of a List whose items are chunks of their own.
type list struct {
	itemAPIVersion, itemKind string
	// only that kind may be in it, and no List.
	only bool
	// whole is the document again, for the case that its items cannot be read apart.
	whole chunk
}

// split cuts a source into chunks. Errors are about the structure between them;
// what is wrong inside a chunk is found when it is decoded.
func split(src *source) ([]chunk, error) {
	var chunks []chunk
	for _, doc := range documents(src.data) {
		body := src.data[doc.start:doc.end]
		begin := doc.start + firstContent(body)
		if begin == doc.end {
			continue
		}
		if c := src.data[begin]; c == '{' || c == '[' {
			values, err := splitJSON(src, begin, doc.end)
			if err == nil {
				chunks = append(chunks, values...)
				continue
			}
			if !isFlowYAML(body) {
				return nil, err
			}
		}
		chunks = append(chunks, splitYAML(chunk{at: place{src: src, offset: begin}, text: src.data[begin:doc.end]})...)
	}
	return chunks, nil
}

// isFlowYAML tells YAML in braces from broken JSON: only YAML has comments or
// field names without quotes.
func isFlowYAML(body []byte) bool {
	return flowYAML.Match(body[:min(len(body), 4096)])
}

var flowYAML = regexp.MustCompile(`(?m)^\s*#|[{,]\s*[A-Za-z][\w./-]*\s*:`)

// documents cuts at the lines --- and ... of YAML. A JSON string holds no line
// break, so the same cut is right for JSON.
func documents(data []byte) []span {
	var found []span
	start := 0
	for i := 0; i < len(data); {
		lineEnd := len(data)
		if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
			lineEnd = i + n + 1
		}
		if marker := data[i:lineEnd]; isMarker(marker, "---") || isMarker(marker, "...") {
			found = append(found, span{start, i})
			start = i + 3
		}
		i = lineEnd
	}
	return append(found, span{start, len(data)})
}

func isMarker(line []byte, marker string) bool {
	return bytes.HasPrefix(line, []byte(marker)) && (len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0)
}

// firstContent skips blank lines, comments and YAML directives. What it returns
// is the beginning of a line unless the document begins behind its marker.
func firstContent(body []byte) int {
	for i := 0; i < len(body); {
		lineEnd := len(body)
		if n := bytes.IndexByte(body[i:], '\n'); n >= 0 {
			lineEnd = i + n + 1
		}
		line := bytes.TrimLeft(body[i:lineEnd], " \t\r\n")
		if len(line) > 0 && line[0] != '#' && line[0] != '%' {
			if line[0] == '{' || line[0] == '[' || i == 0 {
				return lineEnd - len(line)
			}
			return i
		}
		i = lineEnd
	}
	return len(body)
}

// splitJSON reads the JSON values of src.data[begin:end].
func splitJSON(src *source, begin, end int) ([]chunk, error) {
	data := src.data[:end]
	var chunks []chunk
	for i := begin; i < end; {
		value := chunk{at: place{src: src, offset: i}, json: true}
		valueEnd, err := skipValue(data, i)
		if err != nil {
			return nil, jsonError(src, err)
		}
		value.text = data[i:valueEnd]
		items, err := splitJSONList(value)
		if err != nil {
			return nil, jsonError(src, err)
		}
		chunks = append(chunks, items...)
		i = skipSpace(data, valueEnd)
	}
	return chunks, nil
}

func jsonError(src *source, err error) error {
	if syntax, ok := err.(*syntaxError); ok {
		return place{src: src, offset: syntax.offset}.errorf("%w", err)
	}
	return err
}

// splitJSONList gives the items of a List or of a bare array, else the value itself.
func splitJSONList(whole chunk) ([]chunk, error) {
	data, base := whole.at.src.data, whole.at.offset
	if data[base] == '[' {
		spans, _, err := elements(data, base)
		return itemChunks(whole, spans, &list{whole: whole}), err
	}
	if data[base] != '{' {
		return []chunk{whole}, nil
	}
	fields, _, err := members(data, base)
	if err != nil {
		return nil, err
	}
	items, ok := lookup(fields, "items")
	envelope := listEnvelope(data, fields)
	if !ok || envelope == nil || data[items.start] != '[' || !onlyListFields(fields) {
		return []chunk{whole}, nil
	}
	envelope.whole = whole
	spans, _, err := elements(data, items.start)
	return itemChunks(whole, spans, envelope), err
}

// onlyListFields is false for a List that the strict decoder would refuse.
func onlyListFields(fields []member) bool {
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		switch f.key {
		case "apiVersion", "kind", "metadata", "items":
		default:
			return false
		}
		if seen[f.key] {
			return false
		}
		seen[f.key] = true
	}
	return true
}

// listEnvelope is nil when the fields are not those of a List.
func listEnvelope(data []byte, fields []member) *list {
	apiVersion, _ := lookup(fields, "apiVersion")
	kindName, _ := lookup(fields, "kind")
	itemKind, isList := strings.CutSuffix(text(data, kindName), "List")
	if !isList {
		return nil
	}
	if itemKind == "" {
		return &list{}
	}
	return &list{itemAPIVersion: text(data, apiVersion), itemKind: itemKind}
}

func itemChunks(whole chunk, spans []span, of *list) []chunk {
	chunks := make([]chunk, len(spans))
	for i, s := range spans {
		chunks[i] = chunk{at: place{src: whole.at.src, offset: s.start}, text: whole.at.src.data[s.start:s.end], json: true, list: of}
	}
	return chunks
}

// splitYAML cuts the items of a List in block style (what `kubectl get -o yaml`
// prints) out by their indentation, so that a dump of many megabytes is never
// one YAML document. Whatever does not look exactly so stays whole.
func splitYAML(whole chunk) []chunk {
	items, envelope := yamlItems(whole.text)
	if items == nil {
		return []chunk{whole}
	}
	asJSON, err := yaml.YAMLToJSONStrict(envelope)
	if err != nil || len(asJSON) == 0 || asJSON[0] != '{' {
		return []chunk{whole}
	}
	fields, _, err := members(asJSON, 0)
	of := listEnvelope(asJSON, fields)
	if err != nil || of == nil || !onlyListFields(fields) {
		return []chunk{whole}
	}
	of.whole = whole
	chunks := make([]chunk, len(items))
	for i, s := range items {
		chunks[i] = chunk{at: place{src: whole.at.src, offset: whole.at.offset + s.start}, text: whole.text[s.start:s.end], item: true, list: of}
	}
	return chunks
}

// document is the text as a document of its own: the dash of an item becomes a
// space, so that lines and columns stay.
func (c *chunk) document() []byte {
	if !c.item {
		return c.text
	}
	document := bytes.Clone(c.text)
	document[bytes.IndexByte(document, '-')] = ' '
	return document
}

// yamlItems finds the lines of each item under a top-level `items:`, and the
// text around them; nil when there is any doubt.
func yamlItems(doc []byte) (items []span, envelope []byte) {
	const before, inside, after = 0, 1, 2
	state, indent, header := before, -1, 0
	for i := 0; i < len(doc); {
		lineEnd := len(doc)
		if n := bytes.IndexByte(doc[i:], '\n'); n >= 0 {
			lineEnd = i + n + 1
		}
		line := bytes.TrimRight(doc[i:lineEnd], " \t\r\n")
		column := len(line) - len(bytes.TrimLeft(line, " "))
		isItem := column < len(line) && line[column] == '-' && (column+1 == len(line) || line[column+1] == ' ')
		switch {
		case string(line) == "items:":
			if state != before {
				return nil, nil
			}
			state, header = inside, i
		case state != inside || len(line) == 0 || line[column] == '#':
		case isItem && (indent < 0 || column == indent):
			indent = column
			if len(items) > 0 {
				items[len(items)-1].end = i
			}
			items = append(items, span{i, len(doc)})
		case indent < 0:
			return nil, nil
		case column > indent:
		case column == 0:
			items[len(items)-1].end = i
			state = after
			envelope = append(bytes.Clone(doc[:header]), doc[i:]...)
		default:
			return nil, nil
		}
		i = lineEnd
	}
	if state == inside {
		envelope = doc[:header]
	}
	return items, envelope
}

// toJSON converts a chunk of YAML. The error says the line in the source.
func toJSON(c chunk) ([]byte, error) {
	if c.json {
		return c.text, nil
	}
	if len(c.text) > maxYAMLBytes {
		return nil, c.at.errorf("a YAML document of more than %d MiB: use JSON (kubectl get -o json), which is read item by item", maxYAMLBytes>>20)
	}
	asJSON, err := yaml.YAMLToJSONStrict(c.document())
	if err != nil {
		return nil, yamlError(c, err)
	}
	return asJSON, nil
}

var (
	yamlLine   = regexp.MustCompile(`line (\d+): `)
	yamlPrefix = regexp.MustCompile(`^(error converting YAML to JSON: )?(yaml: )?(unmarshal errors:\s*)?`)
)

// yamlError turns the library's message, with lines counted in the chunk, into
// one line with the line of the file.
func yamlError(c chunk, err error) error {
	message, _, _ := strings.Cut(yamlPrefix.ReplaceAllString(err.Error(), ""), "\n")
	offset := 0
	if at := yamlLine.FindStringSubmatchIndex(message); at != nil {
		line, _ := strconv.Atoi(message[at[2]:at[3]])
		offset = lineOffset(c.text, line)
		message = message[:at[0]] + message[at[1]:]
	}
	at := place{src: c.at.src, offset: c.at.offset + offset}
	return fmt.Errorf("%s: invalid YAML: %s", at, strings.TrimSpace(message))
}

// lineOffset is where line n, from 1, begins in text; the last line's beginning
// when there are fewer.
func lineOffset(text []byte, n int) int {
	offset := 0
	for ; n > 1; n-- {
		next := bytes.IndexByte(text[offset:], '\n')
		if next < 0 || offset+next+1 >= len(text) {
			break
		}
		offset += next + 1
	}
	return offset
}
