package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

const manual, planReference = "../../../docs/whatif.md", "../../../docs/plan.md"

// commandLines finds the lines of whatif in code blocks and examples.
var commandLines = regexp.MustCompile(`(?m)(?:^|\| )\s*whatif ((?:plan|explain|capture|schema)\b.*)$`)

// parses finds the command of a line and lets it parse its flags.
func parses(t *testing.T, line string) {
	t.Helper()
	words, _, _ := strings.Cut(line, " > ")
	words, _, _ = strings.Cut(words, " && ")
	root := newRoot("whatif", genericiooptions.NewTestIOStreamsDiscard())
	cmd, rest, err := root.Find(strings.Fields(words))
	require.NoError(t, err, line)
	require.NoError(t, cmd.ParseFlags(rest), line)
	assert.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), line)
}

func TestCommandLinesOfTheManualParse(t *testing.T) {
	found := 0
	blocks := strings.Split(read(t, manual), "```")
	for i := 1; i < len(blocks); i += 2 {
		for _, match := range commandLines.FindAllStringSubmatch(blocks[i], -1) {
			if strings.Contains(match[1], "   ") {
				continue // the list of commands
			}
			found++
			parses(t, match[1])
		}
	}
	assert.Greater(t, found, 5)
}

func TestExamplesOfTheHelpParse(t *testing.T) {
	forEachCommand(newRoot("whatif", genericiooptions.NewTestIOStreamsDiscard()), func(cmd *cobra.Command) {
		for _, match := range commandLines.FindAllStringSubmatch(cmd.Example, -1) {
			parses(t, match[1])
		}
	})
}

func forEachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		forEachCommand(child, visit)
	}
}

// Each flag that is ours is in the manual, and has words for the help.
func TestManualHasEveryFlag(t *testing.T) {
	text := read(t, manual)
	cmd, _, err := newRoot("whatif", genericiooptions.NewTestIOStreamsDiscard()).Find([]string{"plan"})
	require.NoError(t, err)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		assert.NotEmpty(t, f.Usage, f.Name)
		if of := f.Annotations[flagGroup]; len(of) > 0 && strings.HasPrefix(of[0], "Connection") {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand
		}
		assert.Contains(t, text, name)
	})
}

// Each field of the plan is in its reference.
func TestReferenceHasEveryField(t *testing.T) {
	var schema map[string]any
	require.NoError(t, json.Unmarshal(plan.Schema(), &schema))
	definitions := schema["$defs"].(map[string]any)
	text := read(t, planReference)
	var visit func(path string, of map[string]any)
	visit = func(path string, of map[string]any) {
		if reference, ok := of["$ref"].(string); ok {
			of = definitions[strings.TrimPrefix(reference, "#/$defs/")].(map[string]any)
		}
		if items, ok := of["items"].(map[string]any); ok {
			inner := items
			if reference, ok := items["$ref"].(string); ok {
				inner = definitions[strings.TrimPrefix(reference, "#/$defs/")].(map[string]any)
			}
			if inner["properties"] != nil {
				visit(path+"[]", inner)
				return
			}
		}
		properties, ok := of["properties"].(map[string]any)
		if !ok {
			assert.Contains(t, text, "`"+path+"`")
			return
		}
		for name, property := range properties {
			visit(strings.TrimPrefix(path+"."+name, "."), property.(map[string]any))
		}
	}
	visit("", schema)
}
