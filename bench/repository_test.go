package bench

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the top of the repository.
const root = ".."

// module is the path under which the packages import one another.
const module = "github.com/vpsie/vpsie-k8s-autoscaler"

// tracked lists the files under version control by slash-separated path from the
// root. The test is skipped outside a git checkout.
func tracked(t *testing.T) []string {
	t.Helper()
	git := exec.Command("git", "ls-files", "-z")
	git.Dir = root
	listing, err := git.Output()
	var failed *exec.ExitError
	if errors.Is(err, exec.ErrNotFound) || errors.As(err, &failed) {
		t.Skipf("not a git checkout: %v", err)
	}
	require.NoError(t, err)
	// go test keeps a result until a file changes that the test has opened; git
	// is another process, so that its index has to be looked at from here.
	_, _ = os.Stat(filepath.Join(root, ".git", "index"))
	var files []string
	for _, name := range strings.Split(string(bytes.TrimRight(listing, "\x00")), "\x00") {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			files = append(files, name)
		}
	}
	require.NotEmpty(t, files)
	return files
}

// goFiles are the tracked files of Go.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, name := range tracked(t) {
		if strings.HasSuffix(name, ".go") {
			files = append(files, name)
		}
	}
	return files
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(content)
}
