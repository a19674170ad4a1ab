package bench

import (
	"fmt"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A layer is a folder and what of this module the packages in it may import.
type layer struct {
	folder string
	// may are packages; one that ends in /... stands for all below it.
	may []string
	// tests may import these as well.
	tests []string
}

// layers are docs/architecture.md's drawing. A package belongs to the layer with
// the longest folder that holds it; a package that no layer holds is a mistake.
var layers = []layer{
	{folder: "offerings"},
	{folder: "offerings/vpsie", may: []string{"offerings", "offerings/vpsie/..."}},
	{
		folder: "offerings/vpsie/fake",
		may:    []string{"offerings", "offerings/vpsie/fake/..."},
		tests:  []string{"offerings/vpsie", "cmd/devcluster/plane/..."},
	},
	{folder: "deploy/crds"},
	{folder: "deploy/rbac"},
	{folder: "controllers/api/v1alpha1", tests: []string{"deploy/crds"}},
	{
		folder: "controllers/api/v1alpha1/strict", may: []string{"controllers/api/v1alpha1", "deploy/crds"},
		tests: []string{"cmd/devcluster/..."},
	},

	{folder: "simulator", tests: []string{"simulator/simtest"}},
	{folder: "simulator/simtest", may: []string{"simulator"}},
	{folder: "simulator/verify", may: []string{"simulator"}, tests: []string{"simulator/simtest"}},

	{folder: "binpack/vector"},
	{folder: "binpack/plan"},
	{
		folder: "binpack",
		may:    []string{"binpack/...", "simulator", "simulator/verify", "offerings", "controllers/api/v1alpha1"},
		tests:  []string{"simulator/simtest", "controllers/api/v1alpha1/strict"},
	},

	{
		folder: "controllers",
		may:    []string{"controllers/...", "binpack", "binpack/plan", "simulator", "simulator/verify", "offerings", "offerings/vpsie/..."},
		tests:  []string{"simulator/simtest", "deploy/...", "cmd/devcluster/..."},
	},
	{folder: "cmd", may: []string{"..."}},
	{folder: "bench", may: []string{"..."}},
}

func (l *layer) allows(pkg string, test bool) bool {
	allowed := l.may
	if test {
		allowed = slices.Concat(l.may, l.tests)
	}
	return slices.ContainsFunc(allowed, func(pattern string) bool { return matches(pattern, pkg) })
}

func matches(pattern, pkg string) bool {
	folder, below := strings.CutSuffix(pattern, "...")
	if !below {
		return pkg == pattern
	}
	return strings.HasPrefix(pkg+"/", folder)
}

// layerOf is the layer of a package, nil if there is none.
func layerOf(pkg string) *layer {
	var found *layer
	for i := range layers {
		if l := &layers[i]; matches(l.folder+"/...", pkg) && (found == nil || len(l.folder) > len(found.folder)) {
			found = l
		}
	}
	return found
}

// refusal says why a package must not import another, "" if it may.
func refusal(from, to string, test bool) string {
	l := layerOf(from)
	switch {
	case l == nil:
		return fmt.Sprintf("package %s is in no layer", from)
	case from == to, l.allows(to, test):
		return ""
	}
	return fmt.Sprintf("package %s (layer %s) must not import %s", from, l.folder, to)
}

func TestImportsRunOneWay(t *testing.T) {
	own := 0
	for _, name := range goFiles(t) {
		file, err := parser.ParseFile(token.NewFileSet(), name, read(t, name), parser.ImportsOnly)
		require.NoError(t, err)
		from := path.Dir(name)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			own++
			if why := refusal(from, to, strings.HasSuffix(name, "_test.go")); why != "" {
				t.Errorf("%s: %s", name, why)
			}
		}
	}
	assert.Greater(t, own, 50, "imports of our own were looked at")
}

// The test above is worth something only if it refuses.
func TestRefusedImports(t *testing.T) {
	for _, edge := range []struct {
		situation, from, to string
		test                bool
		want                string
	}{
		{situation: "a package and its own external test", from: "offerings", to: "offerings", test: true},
		{situation: "the engine uses the catalogue", from: "binpack", to: "offerings"},
		{situation: "a command uses anything", from: "cmd/whatif/cli", to: "simulator"},
		{situation: "the judge uses the simulator", from: "simulator/verify", to: "simulator"},
		{situation: "a test uses the language of tests", from: "simulator/verify", to: "simulator/simtest", test: true},
		{
			situation: "a leaf looks up", from: "offerings", to: "binpack",
			want: "package offerings (layer offerings) must not import binpack",
		},
		{
			situation: "API types know no catalogue", from: "controllers/api/v1alpha1", to: "offerings",
			want: "package controllers/api/v1alpha1 (layer controllers/api/v1alpha1) must not import offerings",
		},
		{
			situation: "the simulator knows no prices", from: "simulator", to: "offerings",
			want: "package simulator (layer simulator) must not import offerings",
		},
		{
			situation: "the judge does not know the planner", from: "simulator/verify", to: "binpack",
			want: "package simulator/verify (layer simulator/verify) must not import binpack",
		},
		{
			situation: "the planner does not act", from: "binpack", to: "controllers",
			want: "package binpack (layer binpack) must not import controllers",
		},
		{
			situation: "the mathematics knows no pods", from: "binpack/vector", to: "simulator",
			want: "package binpack/vector (layer binpack/vector) must not import simulator",
		},
		{
			situation: "helpers of tests stay in tests", from: "binpack", to: "simulator/simtest",
			want: "package binpack (layer binpack) must not import simulator/simtest",
		},
		{
			situation: "nobody imports a command", from: "controllers/scaleup", to: "cmd/whatif/input",
			want: "package controllers/scaleup (layer controllers) must not import cmd/whatif/input",
		},
		{
			situation: "a folder that nobody planned", from: "utils", to: "offerings",
			want: "package utils is in no layer",
		},
		{
			situation: "a name that only begins alike", from: "offerings2", to: "offerings",
			want: "package offerings2 is in no layer",
		},
	} {
		t.Run(edge.situation, func(t *testing.T) {
			assert.Equal(t, edge.want, refusal(edge.from, edge.to, edge.test))
		})
	}
}
