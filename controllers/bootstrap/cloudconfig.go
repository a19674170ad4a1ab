package bootstrap

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"sigs.k8s.io/yaml"
)

//go:embed cloud-config.schema.json
var cloudConfigSchema []byte

// header is the first line of what cloud-init reads as cloud-config.
const header = "#cloud-config"

// schema is cloud-init's own, compiled once. Only this package's file is in it,
// so it compiles or no test passes.
var schema = sync.OnceValue(func() *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(cloudConfigSchema))
	if err != nil {
		panic(err)
	}
	const name = "cloud-config.schema.json"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, document); err != nil {
		panic(err)
	}
	return compiler.MustCompile(name)
})

// CheckCloudConfig refuses a document that cloud-init would not take: without its
// first line, malformed, with keys given twice, or against cloud-init's schema.
// The error is one line and may quote the document.
func CheckCloudConfig(document []byte) error {
	first, _, _ := bytes.Cut(document, []byte("\n"))
	if strings.TrimRight(string(first), " \t\r") != header {
		return errors.New("the first line must be " + header + ", or #! and an interpreter")
	}
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return errors.New(oneLine(err.Error()))
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("reading it as JSON: %w", err)
	}
	if _, ok := value.(map[string]any); !ok {
		return errors.New("cloud-config must be a mapping, such as runcmd: [...]")
	}
	err = schema().Validate(value)
	if broken, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return errors.New(oneLine(deepest(broken)))
	}
	return err
}

// deepest words the rule that was broken furthest down, which says most about
// the mistake: alternatives are nested, and so are the documents' parts.
func deepest(broken *jsonschema.ValidationError) string {
	worst := broken
	var descend func(e *jsonschema.ValidationError)
	descend = func(e *jsonschema.ValidationError) {
		_, group := e.ErrorKind.(*kind.Group)
		if !group && len(e.Causes) == 0 && (len(worst.Causes) > 0 || len(e.InstanceLocation) > len(worst.InstanceLocation)) {
			worst = e
		}
		for _, cause := range e.Causes {
			descend(cause)
		}
	}
	descend(broken)
	where := strings.Join(worst.InstanceLocation, ".")
	said := worst.Error()
	if _, after, found := strings.Cut(said, "': "); found {
		said = after
	}
	if where == "" {
		return said
	}
	return where + ": " + said
}

// oneLine makes an error of a library fit for a status.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
