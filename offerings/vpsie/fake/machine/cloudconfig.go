package machine

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file is an entry of write_files, decoded.
type file struct {
	path    string
	content []byte
	mode    uint32
	append  bool
}

// ignored keys of a cloud-config concern what a machine here does not have:
// users, disks, packages, clocks. Others that are not understood are refused.
var ignored = []string{
	"apt", "chpasswd", "disable_root", "disk_setup", "final_message", "growpart", "locale", "manage_etc_hosts",
	"mounts", "ntp", "output", "package_reboot_if_required", "package_update", "package_upgrade", "packages", "password",
	"power_state", "preserve_hostname", "prefer_fqdn_over_hostname", "resize_rootfs", "ssh_authorized_keys", "ssh_pwauth",
	"swap", "timezone", "users", "groups",
}

// parseCloudConfig reads a #cloud-config document.
func parseCloudConfig(data []byte) (*program, error) {
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("user data: the cloud-config is not YAML with keys at its top%s", lineOf(err))
	}
	p := &program{}
	for key, value := range keys {
		var err error
		switch {
		case key == "hostname":
			err = value.Decode(&p.hostname)
		case key == "fqdn":
			var fqdn string
			if err = value.Decode(&fqdn); p.hostname == "" {
				p.hostname, _, _ = strings.Cut(fqdn, ".")
			}
		case key == "write_files":
			p.files, err = parseFiles(value)
		case key == "bootcmd":
			p.early.text, err = parseCommands(value)
		case key == "runcmd":
			p.late.text, err = parseCommands(value)
		case !slices.Contains(ignored, key):
			err = fmt.Errorf("line %d: unknown key", value.Line)
		}
		if err != nil {
			return nil, fmt.Errorf("user data: %s: %w", printable(key), hidden(err))
		}
	}
	return p, nil
}

// parseFiles reads write_files. What is deferred comes last, as cloud-init has it.
func parseFiles(list yaml.Node) ([]file, error) {
	var entries []yaml.Node
	if err := list.Decode(&entries); err != nil {
		return nil, fmt.Errorf("line %d: must be a list", list.Line)
	}
	var now, later []file
	for _, entry := range entries {
		var e struct {
			Path        string `yaml:"path"`
			Content     string `yaml:"content"`
			Encoding    string `yaml:"encoding"`
			Permissions string `yaml:"permissions"`
			Owner       string `yaml:"owner"`
			Append      bool   `yaml:"append"`
			Defer       bool   `yaml:"defer"`
		}
		known := []string{"path", "content", "encoding", "permissions", "owner", "append", "defer"}
		for i := 0; i+1 < len(entry.Content) && entry.Kind == yaml.MappingNode; i += 2 {
			if !slices.Contains(known, entry.Content[i].Value) {
				return nil, fmt.Errorf("line %d: unknown key %s", entry.Content[i].Line, printable(entry.Content[i].Value))
			}
		}
		if err := entry.Decode(&e); err != nil {
			return nil, fmt.Errorf("line %d: not a file%s", entry.Line, lineOf(err))
		}
		f := file{path: path.Clean(e.Path), append: e.Append, mode: 0o644}
		if !path.IsAbs(e.Path) {
			return nil, fmt.Errorf("line %d: path must be absolute", entry.Line)
		}
		if e.Permissions != "" {
			mode, err := strconv.ParseUint(e.Permissions, 8, 12)
			if err != nil {
				return nil, fmt.Errorf("line %d: permissions must be octal, in quotes", entry.Line)
			}
			f.mode = uint32(mode)
		}
		content, err := decode(e.Content, e.Encoding)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", entry.Line, err)
		}
		f.content = content
		if e.Defer {
			later = append(later, f)
		} else {
			now = append(now, f)
		}
	}
	return append(now, later...), nil
}

func decode(content, encoding string) ([]byte, error) {
	raw := []byte(content)
	switch strings.ToLower(encoding) {
	case "", "text/plain":
		return raw, nil
	case "b64", "base64", "gz+b64", "gz+base64", "gzip+b64", "gzip+base64":
		decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(content), ""))
		if err != nil {
			return nil, fmt.Errorf("content is not base64")
		}
		if raw = decoded; !strings.HasPrefix(strings.ToLower(encoding), "gz") {
			return raw, nil
		}
		return gunzip(raw)
	case "gz", "gzip":
		return gunzip(raw)
	}
	return nil, fmt.Errorf("unknown encoding %s", printable(encoding))
}

// parseCommands makes one script of a list of commands, as cloud-init does: a
// string is shell code, a list is one command whose words are quoted.
func parseCommands(list yaml.Node) (string, error) {
	var entries []yaml.Node
	if err := list.Decode(&entries); err != nil {
		return "", fmt.Errorf("line %d: must be a list", list.Line)
	}
	var lines strings.Builder
	for _, entry := range entries {
		switch entry.Kind {
		case yaml.ScalarNode:
			if entry.Tag != "!!null" {
				fmt.Fprintln(&lines, entry.Value)
			}
		case yaml.SequenceNode:
			for i, word := range entry.Content {
				if word.Kind != yaml.ScalarNode {
					return "", fmt.Errorf("line %d: a command's words must be strings", word.Line)
				}
				if i > 0 {
					lines.WriteByte(' ')
				}
				lines.WriteString("'" + strings.ReplaceAll(word.Value, "'", `'\''`) + "'")
			}
			lines.WriteByte('\n')
		default:
			return "", fmt.Errorf("line %d: must be a string or a list of strings", entry.Line)
		}
	}
	return lines.String(), nil
}
