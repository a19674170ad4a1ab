package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/input"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/snapshot"
)

var errSnapshotAlone = errors.New("a ClusterSnapshot is a whole cluster: give it alone, as -f FILE or on standard input as -f -")

// isSnapshot tells a ClusterSnapshot among what package input skipped: one in a
// directory, or one that does not begin as capture writes it.
func isSnapshot(ignored input.IgnoredKind) bool {
	return ignored.Kind == snapshot.Kind && ignored.APIVersion == snapshot.APIVersion
}

// readFilesOrSnapshot reads -f: manifests and dumps, or one file that capture
// wrote.
func readFilesOrSnapshot(paths []string, stdin io.Reader) (*source, error) {
	for _, path := range paths {
		name, text := path, stdin
		switch {
		case path != "-":
			file, err := openRegular(path)
			if err != nil {
				return nil, err
			}
			if file == nil {
				continue
			}
			defer file.Close()
			text = file
		case stdin == nil:
			continue
		default:
			name = "stdin"
		}
		head := bufio.NewReaderSize(text, snapshot.HeadBytes)
		// An error comes back from whoever reads on.
		begin, _ := head.Peek(snapshot.HeadBytes)
		switch is := snapshot.Recognise(begin); {
		case is && len(paths) > 1:
			return nil, errSnapshotAlone
		case is:
			return readSnapshot(name, head)
		case path == "-":
			stdin = head
		}
	}
	return readFiles(paths, stdin)
}

// openRegular opens a file that can be opened again; nil for a directory, and for
// a pipe, whose bytes come only once.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	return os.Open(path)
}

func readSnapshot(name string, text io.Reader) (*source, error) {
	s, err := snapshot.Read(name, text)
	if err != nil {
		return nil, err
	}
	read := &source{objects: &s.Objects, nodeGroups: s.NodeGroups, leftOut: s.Metadata.LeftOut}
	for _, resource := range s.Metadata.LeftOut {
		read.notes = append(read.notes, fmt.Sprintf("%s: whoever captured this was not allowed to list %s: the plan is made as if there were none", name, resource))
	}
	return read, nil
}
