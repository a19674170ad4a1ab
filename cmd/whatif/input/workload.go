package input

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Workload reads a workload directory: pods.json (required), nodes.json and one
// file for each other kind of the simulator's Objects (pvcs.json, pvs.json,
// storageclasses.json, …), each a JSON array of API objects, each also as
// .json.gz. The pods are all that there are: no workload is expanded. Decoding is
// strict; quantities and names are checked; defaults and admission are applied
// where a pod does not carry them yet.
//
// catalogJSON is the content of offerings.json, nil when there is none; meta.json
// is not read. Every error is one line that begins with file:line, and with the
// column where a line holds more than one object.
func Workload(dir string) (objects *simulator.Objects, catalogJSON []byte, notes *Notes, err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, nil, err
	}
	known := map[string]bool{"meta.json": true, "offerings.json": true}
	var chunks []chunk
	for _, k := range kinds {
		of := &list{itemAPIVersion: k.apiVersion(), itemKind: k.gvk.Kind, only: true}
		for _, name := range k.files {
			known[name+".json"] = true
			src, err := readOptional(dir, name+".json")
			if err != nil {
				return nil, nil, nil, err
			}
			if src == nil {
				if k == podKind {
					return nil, nil, nil, fmt.Errorf("%s: no pods.json: not a workload directory", dir)
				}
				continue
			}
			more, err := splitArray(src, of)
			if err != nil {
				return nil, nil, nil, err
			}
			chunks = append(chunks, more...)
		}
	}
	catalog, err := readOptional(dir, "offerings.json")
	if err != nil {
		return nil, nil, nil, err
	}
	if catalog != nil {
		catalogJSON = catalog.data
	}
	found, notes, err := decode(chunks)
	if err != nil {
		return nil, nil, nil, err
	}
	a := &assembly{objects: &simulator.Objects{}, notes: notes}
	if err := a.workload(found); err != nil {
		return nil, nil, nil, err
	}
	return a.objects, catalogJSON, notes, notes.unreadFiles(dir, known)
}

// workload assembles what a workload directory holds.
func (a *assembly) workload(found []loaded) error {
	if err := a.add(found); err != nil {
		return err
	}
	a.dropFinishedPods()
	a.admission = newAdmission(a.objects.PriorityClasses)
	if err := a.admitPods(); err != nil {
		return err
	}
	for _, l := range a.workloads {
		if set, ok := l.obj.(*appsv1.DaemonSet); ok {
			if err := a.daemonSet(l, set); err != nil {
				return err
			}
		}
	}
	a.finish()
	return nil
}

// readOptional reads dir/name or dir/name.gz; nil without error when neither is
// there.
func readOptional(dir, name string) (*source, error) {
	for _, suffix := range []string{"", ".gz"} {
		src, err := readFile(filepath.Join(dir, name+suffix), DefaultMaxBytes)
		if !errors.Is(err, fs.ErrNotExist) {
			return src, err
		}
	}
	return nil, nil
}

// splitArray cuts the one array that a file of a workload directory is.
func splitArray(src *source, of *list) ([]chunk, error) {
	begin := skipSpace(src.data, 0)
	if begin == len(src.data) || src.data[begin] != '[' {
		return nil, jsonError(src, unexpected(src.data, begin, "an array of "+of.itemKind+" objects"))
	}
	spans, end, err := elements(src.data, begin)
	if err != nil {
		return nil, jsonError(src, err)
	}
	if end = skipSpace(src.data, end); end != len(src.data) {
		return nil, jsonError(src, unexpected(src.data, end, "the end of the file"))
	}
	return itemChunks(chunk{at: place{src: src, offset: begin}}, spans, of), nil
}

// unreadFiles remarks on JSON files that look like input but have no known name.
func (n *Notes) unreadFiles(dir string, known map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".gz")
		if !entry.IsDir() && filepath.Ext(name) == ".json" && !known[name] {
			n.remark("ignored %s: no such file in a workload directory", filepath.Join(dir, entry.Name()))
		}
	}
	return nil
}
