package snapshot

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/input"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1/strict"
)

// HeadBytes of a file are enough for Recognise.
const HeadBytes = 4096

// Recognise tells by its beginning whether a file, in gzip or not, is a
// ClusterSnapshot of some version.
func Recognise(head []byte) bool {
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		zipped, err := gzip.NewReader(bytes.NewReader(head))
		if err != nil {
			return false
		}
		// The head ends anywhere, so an error is expected after some text.
		head, _ = io.ReadAll(io.LimitReader(zipped, HeadBytes))
	}
	fields := &fieldReader{decoder: json.NewDecoder(bytes.NewReader(head))}
	group, _, _ := strings.Cut(APIVersion, "/")
	return fields.open() == nil &&
		strings.HasPrefix(fields.text("apiVersion"), group+"/") && fields.text("kind") == Kind
}

// Read reads what Write wrote, out of gzip or not. The fields stand in the order
// in which Write writes them. Errors are one line each (those of NodeGroups one
// line a mistake) that begins with name and, where there is one, the line.
func Read(name string, r io.Reader) (*Snapshot, error) {
	text, err := input.Text(name, r)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{}
	if err := s.read(name, text); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Snapshot) read(name string, text []byte) error {
	fields := &fieldReader{decoder: json.NewDecoder(bytes.NewReader(text))}
	broken := func() error {
		return fmt.Errorf("%s:%d: not a whole %s: %w", name, lineOf(text, fields.decoder.InputOffset()), Kind, fields.err)
	}
	if fields.open() != nil {
		return broken()
	}
	apiVersion, kind := fields.text("apiVersion"), fields.text("kind")
	if fields.err != nil {
		return broken()
	}
	switch {
	case kind != Kind:
		return fmt.Errorf("%s: a %s of %s, not a %s", name, kind, apiVersion, Kind)
	case apiVersion != APIVersion:
		return fmt.Errorf("%s: a %s of %s, but this version of whatif reads %s: take the version that captured it", name, Kind, apiVersion, APIVersion)
	}
	metadata := fields.raw("metadata")
	if fields.err != nil {
		return broken()
	}
	metadataLine := lineOf(text, fields.decoder.InputOffset())
	unknown, err := kjson.UnmarshalStrict(metadata, &s.Metadata)
	if err = errors.Join(append(unknown, err)...); err != nil {
		return fmt.Errorf("%s:%d: metadata: %s", name, metadataLine, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	groups := fields.raw("nodeGroups")
	if fields.err != nil {
		return broken()
	}
	before := fields.decoder.InputOffset() - int64(len(groups))
	if s.NodeGroups, err = readNodeGroups(name, groups, lineOf(text, before)); err != nil {
		return err
	}
	fields.name("objects")
	if fields.err != nil {
		return broken()
	}
	// The decoder ends behind the name; a colon follows.
	begin := int(fields.decoder.InputOffset())
	begin += bytes.IndexByte(text[begin:], ':') + 1
	objects, end, err := input.Stored(name, text, begin)
	if err != nil {
		return err
	}
	if rest := bytes.TrimSpace(text[end:]); string(rest) != "}" {
		return fmt.Errorf("%s:%d: not a whole %s: %.20q behind the objects, where only } may be", name, lineOf(text, int64(end)), Kind, rest)
	}
	s.Objects = *objects
	return nil
}

// readNodeGroups reads the array as the API server would read each group in it.
func readNodeGroups(name string, array []byte, line int) ([]*v1alpha1.NodeGroup, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(array, &items); err != nil {
		return nil, fmt.Errorf("%s:%d: nodeGroups: must be a list", name, line)
	}
	if len(items) == 0 {
		return nil, nil
	}
	// Blank lines in front make the lines in errors those of the file.
	list := bytes.Repeat([]byte("\n"), line-1)
	list = append(list, `{"apiVersion":"`+v1alpha1.GroupVersion.String()+`","kind":"NodeGroupList","items":`...)
	list = append(list, array...)
	return strict.NodeGroups(name, append(list, '}'))
}

// lineOf is the line of an offset in text, both counted as editors do.
func lineOf(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
}

// fieldReader reads the members of one JSON object in a known order, and stops
// at its first error.
type fieldReader struct {
	decoder *json.Decoder
	err     error
}

func (f *fieldReader) open() error {
	var token json.Token
	if token, f.err = f.decoder.Token(); f.err == nil && token != json.Delim('{') {
		f.err = fmt.Errorf("found %v instead of an object", token)
	}
	f.end()
	return f.err
}

// end says more of a file that ends too early than the decoder does.
func (f *fieldReader) end() {
	if errors.Is(f.err, io.EOF) || errors.Is(f.err, io.ErrUnexpectedEOF) {
		f.err = errors.New("the file ends too early")
	}
}

// name reads the name of the next field.
func (f *fieldReader) name(want string) {
	if f.err != nil {
		return
	}
	var token json.Token
	if token, f.err = f.decoder.Token(); f.err == nil && token != want {
		f.err = fmt.Errorf("found %v instead of the field %q", token, want)
	}
	f.end()
}

// raw reads the value of the field that must come next.
func (f *fieldReader) raw(name string) json.RawMessage {
	var value json.RawMessage
	if f.name(name); f.err == nil {
		f.err = f.decoder.Decode(&value)
		f.end()
	}
	return value
}

func (f *fieldReader) text(name string) string {
	value := ""
	if f.name(name); f.err == nil {
		f.err = f.decoder.Decode(&value)
		f.end()
	}
	return value
}
