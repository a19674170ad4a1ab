package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/example"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/input"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/live"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1/strict"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// source is a cluster as it was read, with what came along.
type source struct {
	objects    *simulator.Objects
	nodeGroups []*v1alpha1.NodeGroup
	// catalog is nil where the source has none.
	catalog *offerings.Catalog
	// leftOut are resources that could not be listed.
	leftOut []string
	notes   []string
}

// readCluster reads the cluster from the one place that the flags name.
func (q *questionFlags) readCluster(ctx context.Context) (*source, error) {
	switch {
	case len(q.files) > 0:
		return readFilesOrSnapshot(q.files, q.streams.In)
	case q.workload != "":
		return readWorkload(q.workload, q.offerings == "")
	case q.example:
		return readExample()
	}
	return q.readLive(ctx)
}

// isLive says that no flag names another place to read the cluster from.
func (q *questionFlags) isLive() bool {
	return len(q.files) == 0 && q.workload == "" && !q.example
}

func readFiles(paths []string, stdin io.Reader) (*source, error) {
	objects, notes, err := input.Files(paths, input.Options{Stdin: stdin})
	if err != nil {
		return nil, err
	}
	s := &source{objects: objects, notes: notes.Lines()}
	for _, ignored := range notes.Ignored {
		if isSnapshot(ignored) {
			return nil, errSnapshotAlone
		}
		if ignored.Kind == "NodeGroup" {
			s.notes = append(s.notes, "NodeGroups among the cluster's files are not used: give them with --nodegroup FILE")
		}
	}
	return s, nil
}

func readWorkload(dir string, withOfferings bool) (*source, error) {
	objects, catalogJSON, notes, err := input.Workload(dir)
	if err != nil {
		return nil, err
	}
	s := &source{objects: objects, notes: notes.Lines()}
	if withOfferings && catalogJSON != nil {
		s.catalog, err = offerings.ParseWorkloadOfferings(filepath.Join(dir, "offerings.json"), catalogJSON)
	}
	return s, err
}

// readExample reads the bundled cluster the way a user's files are read: as one
// stream of documents.
func readExample() (*source, error) {
	names, err := fs.Glob(example.FS, "cluster/*.yaml")
	if err != nil {
		return nil, err
	}
	var documents bytes.Buffer
	for _, name := range names {
		manifest, err := fs.ReadFile(example.FS, name)
		if err != nil {
			return nil, err
		}
		documents.WriteString("---\n")
		documents.Write(manifest)
	}
	s, err := readFiles([]string{"-"}, &documents)
	if err != nil {
		return nil, fmt.Errorf("example cluster: %w", err)
	}
	const groups = "nodegroups.yaml"
	data, err := fs.ReadFile(example.FS, groups)
	if err != nil {
		return nil, err
	}
	s.nodeGroups, err = strict.NodeGroups(groups, data)
	return s, err
}

func (q *questionFlags) readLive(ctx context.Context) (*source, error) {
	config, err := q.connection.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to read: %w", err)
	}
	snapshot, err := live.Read(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("%w (to read a cluster from files, give -f FILE)", err)
	}
	s := &source{objects: &snapshot.Objects, nodeGroups: snapshot.NodeGroups, leftOut: snapshot.LeftOut, notes: snapshot.Notes}
	if len(snapshot.NotServed) > 0 {
		s.notes = append(s.notes, "not served by this cluster, so it has none: "+strings.Join(snapshot.NotServed, ", "))
	}
	return s, nil
}

// readNodeGroups reads files of NodeGroups as the API server would, each group
// stated once.
func readNodeGroups(paths []string) ([]*v1alpha1.NodeGroup, error) {
	var all []*v1alpha1.NodeGroup
	from := map[string]string{}
	for _, path := range paths {
		data, err := readLimited(path, strict.MaxBytes)
		if err != nil {
			return nil, err
		}
		groups, err := strict.NodeGroups(path, data)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			if first, again := from[g.Name]; again {
				return nil, fmt.Errorf("%s: NodeGroup %s is in %s already", path, g.Name, first)
			}
			from[g.Name] = path
		}
		all = append(all, groups...)
	}
	return all, nil
}

// readLimited reads one byte more than the most that its reader accepts, so that
// a huge file is refused without being read whole.
func readLimited(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	return data, errors.Join(err, f.Close())
}
