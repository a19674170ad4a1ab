package snapshot

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// Write writes the snapshot: JSON in gzip, one object a line, so that two
// snapshots can be compared line by line. The same snapshot gives the same bytes.
func (s *Snapshot) Write(w io.Writer) error {
	zipped := gzip.NewWriter(w)
	d := &documentWriter{out: bufio.NewWriter(zipped)}
	d.text(`{"apiVersion":"` + APIVersion + `","kind":"` + Kind + `",` + "\n" + `"metadata":`)
	d.json(&s.Metadata)
	d.text(",\n" + `"nodeGroups":[`)
	for _, group := range s.NodeGroups {
		group.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("NodeGroup"))
		d.item(group)
	}
	d.text("],\n" + `"objects":[`)
	d.items = 0
	for _, list := range lists(&s.Objects) {
		for o := range list.each {
			gvk, err := kindOf(o)
			if err != nil {
				return err
			}
			o.GetObjectKind().SetGroupVersionKind(gvk)
			d.item(o)
		}
	}
	d.text("]}\n")
	if d.err != nil {
		return fmt.Errorf("write the snapshot: %w", d.err)
	}
	if err := d.out.Flush(); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return zipped.Close()
}

// kindOf is the kind of an object, which those of a typed client do not carry.
func kindOf(o object) (schema.GroupVersionKind, error) {
	kinds, _, err := scheme.Scheme.ObjectKinds(o)
	if err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("write the snapshot: %w", err)
	}
	return kinds[0], nil
}

// documentWriter stops at its first error.
type documentWriter struct {
	out   *bufio.Writer
	items int
	err   error
}

func (d *documentWriter) text(s string) {
	if d.err == nil {
		_, d.err = d.out.WriteString(s)
	}
}

func (d *documentWriter) json(value any) {
	if d.err != nil {
		return
	}
	var data []byte
	if data, d.err = json.Marshal(value); d.err == nil {
		_, d.err = d.out.Write(data)
	}
}

// item writes an element of an array, on a line of its own.
func (d *documentWriter) item(value any) {
	if d.items > 0 {
		d.text(",")
	}
	d.items++
	d.text("\n")
	d.json(value)
}
