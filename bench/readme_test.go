package bench

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/cli"
)

var update = flag.Bool("update", false, "write the README's excerpt of the demo anew")

// excerptFence finds the README's excerpt of the demo: the block after the
// comment that announces it.
var excerptFence = regexp.MustCompile("(?s)(compared with the program's output by a test of bench/. -->\n```\n)(.*?)(```\n)")

// The README shows what `make demo` prints; "…" stands for lines left out.
func TestReadmeShowsTheDemo(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the excerpt was made on amd64; elsewhere Go may fuse multiplications with additions, and another plan of the same merit come first")
	}
	var out, errOut bytes.Buffer
	code := cli.Run(context.Background(), []string{"whatif", "plan", "--example"}, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	require.Equal(t, cli.ExitUnschedulable, code, errOut.String())
	want := excerpt(strings.Split(out.String(), "\n"))

	readme := read(t, "README.md")
	found := excerptFence.FindStringSubmatch(readme)
	require.NotNil(t, found, "the README has an excerpt of the demo")
	if *update {
		changed := strings.Replace(readme, found[0], found[1]+want+found[3], 1)
		require.NoError(t, os.WriteFile(filepath.Join(root, "README.md"), []byte(changed), 0o644))
		return
	}
	assert.Equal(t, want, found[2], "make readme writes the excerpt anew")
}

// excerpt is the head of the plan with the first machines to buy, and the first
// reasons for pods without a place.
func excerpt(lines []string) string {
	const machines, reasons = 7, 8
	var kept []string
	left := -1 // lines still to keep of the section at hand, -1 for all
	for _, line := range lines {
		switch title, _, _ := strings.Cut(strings.TrimSpace(line), " "); title {
		case "BUY":
			left = machines + 1
		case "EXISTING":
			left = 0
		case "No":
			kept = append(kept, "")
			left = reasons + 1
		}
		switch {
		case left > 0:
			left--
			fallthrough
		case left < 0:
			kept = append(kept, line)
		case kept[len(kept)-1] != "…":
			kept = append(kept, "…")
		}
	}
	return strings.Join(kept, "\n") + "\n"
}

// A link to a file of the repository leads somewhere.
func TestLinksOfTheDocsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	checked := 0
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			checked++
			target := filepath.Join(root, filepath.Dir(name), filepath.FromSlash(found[1]))
			_, err := os.Stat(target)
			assert.NoError(t, err, "%s links to %s", name, found[1])
		}
	}
	assert.Positive(t, checked, "links were looked at")
}
