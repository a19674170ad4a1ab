package app

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// maxConfigBytes bounds the configuration file, which is a page of text.
const maxConfigBytes = 1 << 20

// readConfigFile sets the flags that the file names and the command line did
// not. Errors say file and line.
func readConfigFile(name string, flags *pflag.FlagSet) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err != nil {
		return err
	}
	if len(text) > maxConfigBytes {
		return fmt.Errorf("%s: larger than %d bytes: not a configuration file", name, maxConfigBytes)
	}
	return applyConfig(name, text, flags)
}

func applyConfig(name string, text []byte, flags *pflag.FlagSet) error {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(document.Content) == 0 {
		return nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: must be flag names and values, such as \"dry-run: true\"", name, root.Line)
	}
	var errs []error
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if err := applyEntry(key.Value, value, flags, seen); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, key.Line, err))
		}
		seen[key.Value] = key.Line
	}
	return errors.Join(errs...)
}

func applyEntry(key string, value *yaml.Node, flags *pflag.FlagSet, seen map[string]int) error {
	flag := flags.Lookup(key)
	switch {
	case flag == nil || key == "config" || key == "help":
		return fmt.Errorf("unknown key %.60q (the keys are the flags' names, see --help)", key)
	case seen[key] != 0:
		return fmt.Errorf("%s is set twice, first on line %d", key, seen[key])
	case value.Kind != yaml.ScalarNode:
		return fmt.Errorf("%s: must be a single value", key)
	case value.Tag == "!!null":
		return fmt.Errorf("%s: has no value", key)
	case flag.Changed:
		return nil
	}
	// Set through the flag's value, so that the flag itself does not count as
	// given on the command line.
	if err := flag.Value.Set(value.Value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
