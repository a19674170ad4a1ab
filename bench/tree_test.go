package bench

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The folders and files at the top are fixed; dot-files come and go.
func TestTopLevelIsFixed(t *testing.T) {
	fixed := map[string]bool{}
	for _, name := range []string{
		"cmd", "offerings", "simulator", "binpack", "controllers", "deploy", "bench", "docs",
		"Makefile", "Dockerfile", "go.mod", "go.sum", "README.md",
		"LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
	} {
		fixed[name] = true
	}
	seen := map[string]bool{}
	for _, name := range tracked(t) {
		top, _, _ := strings.Cut(name, "/")
		seen[top] = true
		if !fixed[top] && !strings.HasPrefix(top, ".") {
			t.Errorf("%s: %s has no place at the top level", name, top)
		}
	}
	for name := range fixed {
		assert.True(t, seen[name], "%s is missing", name)
	}
}

// generated marks Go files that no human writes, as go help generate has it.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// maxLines is where a file of Go no longer is one thought. There are no
// exceptions; should one be needed, it goes on a list here that only shrinks.
const maxLines = 500

func TestFilesAreOneThought(t *testing.T) {
	for _, name := range goFiles(t) {
		content := read(t, name)
		if lines := strings.Count(content, "\n"); lines > maxLines && !generated.MatchString(content) {
			t.Errorf("%s: %d lines, more than %d", name, lines, maxLines)
		}
	}
}

// Every package says what it owns: a library in its doc.go, a command in its
// main.go.
func TestEveryPackageIsDocumented(t *testing.T) {
	comments := map[string]string{}
	for _, name := range goFiles(t) {
		file, err := parser.ParseFile(token.NewFileSet(), name, read(t, name), parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		folder := path.Dir(name)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if _, known := comments[folder]; !known {
			comments[folder] = ""
		}
		if place := documentedIn(file); file.Doc != nil && path.Base(name) == place {
			comments[folder] = file.Doc.Text()
		}
	}
	require.NotEmpty(t, comments)
	for folder, comment := range comments {
		assert.NotEmpty(t, comment, "%s: no package comment in doc.go (of a command: in main.go)", folder)
	}
}

// documentedIn names the file that carries the package's comment.
func documentedIn(file *ast.File) string {
	switch file.Name.Name {
	case "main":
		return "main.go"
	case "crds", "rbac":
		// One file, which is nothing but what it embeds.
		return "embed.go"
	}
	return "doc.go"
}

// machinePath is a path that exists on one machine only. Paths inside containers
// (home directories of images, mount points) are fine where they are meant to be.
var machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9._/-])/(root|work|farm|tmp|Users|home/[a-z]+/(go|src|work))/[A-Za-z0-9._-]+`)

func TestNoPathsOfOneMachine(t *testing.T) {
	for _, name := range tracked(t) {
		for i, line := range strings.Split(read(t, name), "\n") {
			if found := machinePath.FindString(line); found != "" {
				t.Errorf("%s:%d: %s is a path of one machine", name, i+1, strings.TrimSpace(found))
			}
		}
	}
}

// Work that is not done is in the issues, where it can be found.
func TestNothingIsLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b`)
	for _, name := range goFiles(t) {
		for i, line := range strings.Split(read(t, name), "\n") {
			if found := later.FindString(line); found != "" {
				t.Errorf("%s:%d: %s", name, i+1, found)
			}
		}
	}
}
