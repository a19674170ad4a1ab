package input

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// maxListDepth bounds Lists inside of Lists; kubectl never writes even two.
const maxListDepth = 8

// loaded is a decoded object and where it was found.
type loaded struct {
	from *value
	kind *kind
	obj  object
	// spec is shared by all pods of equal spec; nil for other kinds.
	spec *sharedSpec
	// written by somebody, not read from an API server.
	written bool
}

// sharedSpec is a pod spec that was decoded once for all pods that have it.
type sharedSpec struct {
	spec v1.PodSpec
	// askedPriority is spec.priority as it was read.
	askedPriority *int32
	// checked says that its quantities are sane.
	checked bool
	// admitted says that spec is what the API server would have stored.
	admitted bool
	// validated says that a pod with this spec passed the API server's validation.
	validated bool
}

// decoder decodes chunks one after the other.
type decoder struct {
	specs   map[string]*sharedSpec
	scratch []byte
	loaded  []loaded
	notes   Notes
}

// decode decodes all chunks, on as many goroutines as help. The result does not
// depend on how many there are.
func decode(chunks []chunk) ([]loaded, *Notes, error) {
	for {
		found, notes, err := decodeParallel(chunks)
		var apart *apartError
		if errors.As(err, &apart) && len(apart.of.whole.text) <= maxYAMLBytes {
			chunks = rejoin(chunks, apart.of)
			continue
		}
		return found, notes, err
	}
}

// apartError is about an item of a YAML List that could not be parsed on its
// own: an anchor in another item, or a real mistake.
type apartError struct {
	of  *list
	err error
}

func (e *apartError) Error() string { return e.err.Error() }

// rejoin puts the whole document in the place of its items.
func rejoin(chunks []chunk, of *list) []chunk {
	var joined []chunk
	done := false
	for _, c := range chunks {
		switch {
		case c.list != of:
			joined = append(joined, c)
		case !done:
			joined = append(joined, of.whole)
			done = true
		}
	}
	return joined
}

func decodeParallel(chunks []chunk) ([]loaded, *Notes, error) {
	const worthwhile = 32
	workers := max(1, min(runtime.GOMAXPROCS(0), len(chunks)/worthwhile))
	decoders := make([]decoder, workers)
	failures := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		share := chunks[w*len(chunks)/workers : (w+1)*len(chunks)/workers]
		wait.Go(func() {
			d := &decoders[w]
			d.specs = make(map[string]*sharedSpec)
			d.loaded = make([]loaded, 0, len(share))
			for _, c := range share {
				if failures[w] = d.chunk(c); failures[w] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	// Shares are in order, so the first failure is the first in the input.
	total := 0
	for w := range workers {
		if failures[w] != nil {
			return nil, nil, failures[w]
		}
		total += len(decoders[w].loaded)
	}
	if workers == 1 {
		return decoders[0].loaded, &decoders[0].notes, nil
	}
	found, notes := make([]loaded, 0, total), &Notes{}
	for w := range decoders {
		found = append(found, decoders[w].loaded...)
		notes.merge(&decoders[w].notes)
	}
	return found, notes, nil
}

func (d *decoder) chunk(c chunk) error {
	data, err := toJSON(c)
	if err != nil {
		if c.list != nil {
			return &apartError{c.list, err}
		}
		return err
	}
	of := list{}
	if c.list != nil {
		of = *c.list
	}
	return d.value(&value{chunk: c, json: data}, of, 0)
}

// value is one JSON value of a chunk.
type value struct {
	chunk chunk
	json  []byte
	// path leads from the chunk's root to the value.
	path []any
	// offset of the value in the chunk's text, where that is JSON.
	offset int
}

// at is where the value begins, as well as is known without parsing again.
func (v *value) at() place {
	at := v.chunk.at
	if v.chunk.json {
		at.offset += v.offset
	} else if len(v.path) > 0 {
		at.element = pathString(v.path)
	}
	return at
}

// value decodes an object, or the objects of a List.
func (d *decoder) value(v *value, of list, depth int) error {
	begin := skipSpace(v.json, 0)
	v.json, v.offset = v.json[begin:], v.offset+begin
	if len(v.json) == 0 || string(v.json) == "null" {
		return nil
	}
	switch {
	case v.json[0] == '[' && !of.only:
		return d.items(v, span{0, len(v.json)}, of, depth)
	case v.json[0] != '{':
		return v.at().errorf("not a Kubernetes object: found %s", describe(v.json))
	}
	fields, _, err := members(v.json, 0)
	if err != nil {
		return v.syntax(err)
	}
	apiVersion, kindName := stringField(v.json, fields, "apiVersion"), stringField(v.json, fields, "kind")
	if apiVersion == "" && kindName == "" {
		apiVersion, kindName = of.itemAPIVersion, of.itemKind
	}
	if apiVersion == "" || kindName == "" {
		return v.at().errorf("not a Kubernetes object: apiVersion and kind must both be set, found %q and %q", apiVersion, kindName)
	}
	groupVersion, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return v.at().errorf("apiVersion: %w", err)
	}
	if of.only && (apiVersion != of.itemAPIVersion || kindName != of.itemKind) {
		return v.at().errorf("found %s %s in the file for %s %s", apiVersion, kindName, of.itemAPIVersion, of.itemKind)
	}
	if itemKind, isList := strings.CutSuffix(kindName, "List"); isList {
		if items, ok := lookup(fields, "items"); ok && (v.json[items.start] == '[' || v.json[items.start] == 'n') {
			inner := list{}
			if itemKind != "" {
				inner = list{itemAPIVersion: apiVersion, itemKind: itemKind}
			}
			if !onlyListFields(fields) {
				return v.at().errorf("%s: only apiVersion, kind, metadata and items may be set, each once", kindName)
			}
			return d.items(v, items, inner, depth)
		}
	}
	k := kindOf[groupVersion.WithKind(kindName).GroupKind()]
	switch {
	case k == nil:
		d.notes.ignore(apiVersion, kindName)
		return nil
	case k.apiVersion() != apiVersion:
		return v.at().errorf("%s of %s is not read: use %s (kubectl convert, or get it from the cluster anew)", kindName, apiVersion, k.apiVersion())
	}
	return d.object(v, k, fields)
}

func (d *decoder) items(v *value, items span, of list, depth int) error {
	if v.json[items.start] == 'n' {
		return nil
	}
	if depth++; depth > maxListDepth {
		return v.at().errorf("Lists nested more than %d deep", maxListDepth)
	}
	spans, _, err := elements(v.json, items.start)
	if err != nil {
		return v.syntax(err)
	}
	path := v.path
	if v.json[0] == '{' {
		path = append(path[:len(path):len(path)], "items")
	}
	for i, s := range spans {
		item := &value{
			chunk: v.chunk, json: v.json[s.start:s.end], offset: v.offset + s.start,
			path: append(path[:len(path):len(path)], i),
		}
		if err := d.value(item, of, depth); err != nil {
			return err
		}
	}
	return nil
}

// object decodes an object of a kind that is needed.
func (d *decoder) object(v *value, k *kind, fields []member) error {
	var found loaded
	if k == podKind {
		found.obj, found.spec = d.pod(v.json, fields)
	}
	if found.obj == nil {
		into := k.new()
		if err := unmarshal(v.json, into); err != nil {
			return v.refused(k, err)
		}
		found.obj = into
		if pod, ok := into.(*v1.Pod); ok {
			found.spec = newSharedSpec(pod.Spec)
		}
	}
	found.from, found.kind = v, k
	if !v.chunk.json {
		v.json = nil
	}
	found.obj.GetObjectKind().SetGroupVersionKind(k.gvk)
	found.obj.SetManagedFields(nil)
	if found.obj.GetName() == "" {
		return v.at().errorf("%s: metadata.name: required, and generateName is not enough here", k.gvk.Kind)
	}
	if k.namespaced && found.obj.GetNamespace() == "" {
		found.obj.SetNamespace(v1.NamespaceDefault)
	} else if !k.namespaced {
		found.obj.SetNamespace("")
	}
	d.loaded = append(d.loaded, found)
	return nil
}

// pod decodes a pod whose spec is likely to be that of an earlier one: the spec
// and the rest are decoded apart, both strictly. It gives up with nil on the
// slightest irregularity; decoding the pod in one piece then has the last word.
func (d *decoder) pod(data []byte, fields []member) (object, *sharedSpec) {
	at, ok := lookup(fields, "spec")
	if !ok || data[at.start] != '{' {
		return nil, nil
	}
	shared := d.specs[string(data[at.start:at.end])]
	if shared == nil {
		var spec v1.PodSpec
		if unmarshal(data[at.start:at.end], &spec) != nil {
			return nil, nil
		}
		shared = newSharedSpec(spec)
		d.specs[string(data[at.start:at.end])] = shared
	}
	d.scratch = append(d.scratch[:0], data[:at.start]...)
	d.scratch = append(d.scratch, "null"...)
	d.scratch = append(d.scratch, data[at.end:]...)
	pod := &v1.Pod{}
	if unmarshal(d.scratch, pod) != nil {
		return nil, nil
	}
	return pod, shared
}

func newSharedSpec(spec v1.PodSpec) *sharedSpec {
	return &sharedSpec{spec: spec, askedPriority: spec.Priority}
}

// unmarshal decodes as the API server does with fieldValidation=Strict: field
// names are case-sensitive, unknown and duplicate fields are errors.
func unmarshal(data []byte, into any) error {
	if err := checkExponents(data, into); err != nil {
		return err
	}
	strict, err := kjson.UnmarshalStrict(data, into)
	if err == nil && len(strict) > 0 {
		return strict[0]
	}
	return err
}

func stringField(data []byte, fields []member, key string) string {
	value, _ := lookup(fields, key)
	return text(data, value)
}

// describe names a JSON value that is no object.
func describe(data []byte) string {
	switch c := data[0]; {
	case c == '"':
		return "a string"
	case c == '[':
		return "an array"
	case c == 't' || c == 'f':
		return "a boolean"
	default:
		return "a number"
	}
}

func (n *Notes) merge(other *Notes) {
	for _, k := range other.Ignored {
		for range k.Count {
			n.ignore(k.APIVersion, k.Kind)
		}
	}
	n.Remarks = append(n.Remarks, other.Remarks...)
}

func (v *value) syntax(err error) error {
	at := v.at()
	var syntax *syntaxError
	if v.chunk.json && errors.As(err, &syntax) {
		at.offset += syntax.offset
	}
	return fmt.Errorf("%s: %w", at, err)
}
