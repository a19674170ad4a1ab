package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

func TestGoldenReports(t *testing.T) {
	decision, request := fixture(t)
	r := New(decision, request, []string{"prices are invented"})
	empty, emptyRequest := nothing(t)
	tests := []struct {
		file   string
		report *Report
		format string
		style  Style
	}{
		{"plan.table", r, Table, Plain},
		{"plan.wide", r, Wide, Plain},
		{"plan.terminal", r, Table, Style{Bars: true, Colors: true, Width: 80}},
		{"plan.nocolor", r, Wide, Style{Bars: true, Width: 120}},
		{"plan.json", r, JSON, Plain},
		{"plan.yaml", r, YAML, Plain},
		{"plan.html", r, HTML, Plain},
		{"nothing.table", New(empty, emptyRequest, nil), Table, Plain},
		{"nothing.wide", New(empty, emptyRequest, nil), Wide, Plain},
	}
	for _, tc := range tests {
		t.Run(tc.file, func(t *testing.T) {
			got := render(t, tc.report, tc.format, tc.style)
			golden(t, tc.file, got)
			assert.Equal(t, string(got), string(render(t, tc.report, tc.format, tc.style)), "the same report twice")
		})
	}
}

// Bars and colours add nothing but bars and colours.
func TestColorsAreOnlyColors(t *testing.T) {
	decision, request := fixture(t)
	r := New(decision, request, nil)
	colored := render(t, r, Table, Style{Bars: true, Colors: true})
	plain := render(t, r, Table, Style{Bars: true})
	assert.NotEqual(t, string(plain), string(colored))
	assert.Equal(t, string(plain), text.StripEscape(string(colored)))
}

func TestJSONIsThePlan(t *testing.T) {
	decision, request := fixture(t)
	r := New(decision, request, []string{"a note"})

	var fromJSON, fromYAML plan.Plan
	decoder := json.NewDecoder(bytes.NewReader(render(t, r, JSON, Plain)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&fromJSON))
	assert.Equal(t, *decision, fromJSON)
	require.NoError(t, yaml.UnmarshalStrict(render(t, r, YAML, Plain), &fromYAML))
	assert.Equal(t, *decision, fromYAML)
}

func TestYAMLKeepsHostileStrings(t *testing.T) {
	decision, request := fixture(t)
	words := []string{"yes", "0x10", "1:20", "~", "a: b # c", "line\nline\ttab", "'\"\\", "- x", " ", "<b>&", "\u2028\u00e9\U0001f600", "1e3", "=", "null"}
	for i, word := range words {
		decision.Unschedulable = append(decision.Unschedulable[:0:0], plan.Unschedulable{
			Pod: "a/b", Summary: word, Reasons: []plan.Reason{{Template: "*", Plugin: "P", Message: words[len(words)-1-i]}},
		})
		var back plan.Plan
		require.NoError(t, yaml.UnmarshalStrict(render(t, New(decision, request, nil), YAML, Plain), &back), word)
		assert.Equal(t, decision.Unschedulable, back.Unschedulable)
	}
}

func TestFormatsAreChecked(t *testing.T) {
	for _, format := range Formats {
		assert.NoError(t, CheckFormat(format, Formats))
	}
	assert.EqualError(t, CheckFormat("xml", Formats), `-o "xml": no such format; there are table, wide, json, yaml, html`)
	assert.Error(t, CheckFormat(HTML, TextFormats))
	decision, request := fixture(t)
	assert.Error(t, New(decision, request, nil).Write(&bytes.Buffer{}, "xml", Plain))
}

// broken is a pipe that nobody reads any more.
type broken struct{}

var errBroken = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrorsAreReturned(t *testing.T) {
	decision, request := fixture(t)
	for _, format := range Formats {
		assert.ErrorIs(t, New(decision, request, nil).Write(broken{}, format, Plain), errBroken, format)
	}
}

// A plan made from another catalogue than the request's still has a report: what
// its machines can carry is unknown.
func TestMachinesThatNoTemplateKnows(t *testing.T) {
	decision, request := fixture(t)
	for i := range decision.Add {
		decision.Add[i].Offering = "withdrawn"
	}
	table := string(render(t, New(decision, request, nil), Table, Plain))
	assert.Contains(t, table, "withdrawn")
	assert.Contains(t, string(render(t, New(decision, request, nil), HTML, Plain)), "cpu: unknown")
}

func TestStyleOfAFile(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer file.Close()
	assert.Equal(t, Plain, StyleFor(file))
	assert.Equal(t, Plain, StyleFor(&bytes.Buffer{}))
	assert.False(t, IsTerminal(file))
}
