package input

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/controller"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// Options of reading files.
type Options struct {
	// Stdin is what "-" stands for. Nil: there is no standard input.
	Stdin io.Reader
	// MaxBytes is the most that one file may hold, decompressed. 0: DefaultMaxBytes.
	MaxBytes int64
}

// Files reads manifests and dumps of clusters: YAML or JSON, several documents
// in a file, Lists of any kind, compressed with gzip or not. A path is a file, a
// directory (read recursively: .yaml, .yml and .json, each also with .gz, sorted
// by path) or "-" for standard input.
//
// What comes out is what the scheduler would find in a cluster that holds the
// objects: defaulted, admitted, and with the pods that workloads still lack.
// An object that nobody but its author has accepted yet (no UID and no resource
// version) is validated as the API server would. Every error is one line that
// begins with file:line.
func Files(paths []string, opts Options) (*simulator.Objects, *Notes, error) {
	found, notes, err := readFiles(paths, opts)
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, fmt.Errorf("no Kubernetes objects that matter to scheduling in %s", strings.Join(paths, ", "))
	}
	a := &assembly{objects: &simulator.Objects{}, notes: notes, validate: true}
	if err := a.add(found); err != nil {
		return nil, nil, err
	}
	a.dropFinishedPods()
	a.admission = newAdmission(a.objects.PriorityClasses)
	if err := a.admitPods(); err != nil {
		return nil, nil, err
	}
	if err := a.newExpansion().expand(); err != nil {
		return nil, nil, err
	}
	a.finish()
	return a.objects, a.notes, nil
}

// finish does what needs all pods to be there.
func (a *assembly) finish() {
	a.dropUnknownNodes()
	a.claims()
	a.completeNamespaces()
}

// dropFinishedPods leaves out pods that need no room any more: those that ended,
// and those deleted before they got a node.
func (a *assembly) dropFinishedPods() {
	a.pods = slices.DeleteFunc(a.pods, func(l *loaded) bool {
		pod := l.obj.(*v1.Pod)
		return !controller.IsPodActive(pod) && (pod.DeletionTimestamp == nil || l.spec.spec.NodeName == "")
	})
}

// readFiles reads and decodes all paths in order.
func readFiles(paths []string, opts Options) ([]loaded, *Notes, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = DefaultMaxBytes
	}
	var chunks []chunk
	stdinRead := false
	for _, path := range paths {
		var sources []*source
		var err error
		if path == "-" {
			if opts.Stdin == nil || stdinRead {
				return nil, nil, errors.New("-: standard input can be read once, and only where there is one")
			}
			stdinRead = true
			var src *source
			src, err = readSource("stdin", opts.Stdin, 0, opts.MaxBytes)
			sources = []*source{src}
		} else {
			sources, err = readPath(path, opts.MaxBytes)
		}
		if err != nil {
			return nil, nil, err
		}
		for _, src := range sources {
			more, err := split(src)
			if err != nil {
				return nil, nil, err
			}
			chunks = append(chunks, more...)
		}
	}
	return decode(chunks)
}

// readPath reads a file, or what is to be read in a directory.
func readPath(path string, maxBytes int64) ([]*source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		src, err := readFile(path, maxBytes)
		return []*source{src}, err
	}
	var sources []*source
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isManifest(name) {
			return err
		}
		src, err := readFile(name, maxBytes)
		sources = append(sources, src)
		return err
	})
	if err == nil && len(sources) == 0 {
		err = fmt.Errorf("%s: no .yaml, .yml or .json files (nor .gz of them) in the directory", path)
	}
	return sources, err
}

func isManifest(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}
