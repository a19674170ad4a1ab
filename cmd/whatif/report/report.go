package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
)

// Formats of a report.
const (
	Table = "table"
	Wide  = "wide"
	JSON  = "json"
	YAML  = "yaml"
	HTML  = "html"
)

// Formats lists them in the order of the help.
var Formats = []string{Table, Wide, JSON, YAML, HTML}

// TextFormats are the Formats without HTML, for answers that have no page.
var TextFormats = []string{Table, Wide, JSON, YAML}

// CheckFormat refuses what is not one of the formats.
func CheckFormat(format string, formats []string) error {
	if !slices.Contains(formats, format) {
		return fmt.Errorf("-o %q: no such format; there are %s", format, strings.Join(formats, ", "))
	}
	return nil
}

// Report is a plan and the request that it answers.
type Report struct {
	plan    *plan.Plan
	request *binpack.Request
	// notes stand at the top of the page.
	notes []string
}

// New makes a report of a plan. The request adds what a plan does not hold: what
// machines can carry, and what pods ask for. The notes are what a reader must
// know about the input.
func New(decision *plan.Plan, request *binpack.Request, notes []string) *Report {
	return &Report{plan: decision, request: request, notes: notes}
}

// Write renders the report in one of Formats. The style matters to tables only.
func (r *Report) Write(w io.Writer, format string, style Style) error {
	switch format {
	case JSON:
		return writeJSON(w, r.plan)
	case YAML:
		return writeYAML(w, r.plan)
	case Table, Wide:
		return r.writeTable(w, format == Wide, style)
	case HTML:
		return r.writeHTML(w)
	}
	return CheckFormat(format, Formats)
}

// writeJSON writes a document with two spaces of indent. Nothing is escaped for
// HTML: `<` stays readable in reasons.
func writeJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// writeYAML writes the JSON form of a document as YAML, fields in the same order.
func writeYAML(w io.Writer, document any) error {
	var text bytes.Buffer
	if err := writeJSON(&text, document); err != nil {
		return err
	}
	// JSON is YAML; what remains is to take its style away.
	var node yaml.Node
	if err := yaml.Unmarshal(text.Bytes(), &node); err != nil {
		return err
	}
	blockStyle(&node)
	text.Reset()
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&node), encoder.Close()); err != nil {
		return err
	}
	_, err := w.Write(text.Bytes())
	return err
}

// sexagesimal numbers are strings in YAML 1.2 and numbers in YAML 1.1.
var sexagesimal = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)

// blockStyle takes JSON's brackets and quotes off, except for the quotes around
// strings that YAML 1.1, which Kubernetes speaks, takes for something else; the
// encoder knows YAML 1.2 only.
func blockStyle(node *yaml.Node) {
	switch strings.ToLower(node.Value) {
	case "y", "n", "yes", "no", "on", "off":
	default:
		if !sexagesimal.MatchString(node.Value) {
			node.Style = 0
		}
	}
	for _, child := range node.Content {
		blockStyle(child)
	}
}
