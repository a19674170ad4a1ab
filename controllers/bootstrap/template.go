package bootstrap

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

//go:embed kubeadm.yaml.tmpl
var defaultTemplate string

// DefaultTemplate is the user data of kubeadm groups that name no template.
func DefaultTemplate() string { return defaultTemplate }

// Kind is what a template makes.
type Kind string

// The kinds of templates.
const (
	// UserData is a #cloud-config document or a script, for cloud-init.
	UserData Kind = "user data"
	// Script is a bash script that VPSie runs at the first boot.
	Script Kind = "script"
)

// functions of templates beside text/template's own.
var functions = template.FuncMap{
	// indent puts so many blanks before each line, for YAML block scalars.
	"indent": func(blanks int, text string) (string, error) {
		if blanks < 0 || blanks > 80 {
			return "", fmt.Errorf("indent must be between 0 and 80, got %d", blanks)
		}
		margin := strings.Repeat(" ", blanks)
		return margin + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+margin), nil
	},
	// quote makes a JSON string, which is a YAML string too.
	"quote": func(text string) (string, error) {
		quoted, err := json.Marshal(text)
		return string(quoted), err
	},
	"base64": func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) },
	"join":   func(separator string, list []string) string { return strings.Join(list, separator) },
}

// Render executes a template and checks that a machine would execute the result.
// The error may quote the data, token included: render with a token that opens
// nothing where the error is shown.
func Render(kind Kind, text string, data Data) ([]byte, error) {
	parsed, err := template.New(string(kind)).Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is malformed: %w", err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("cannot be rendered: %w", err)
	}
	if err := check(kind, out.Bytes()); err != nil {
		return nil, fmt.Errorf("makes no %s: %w", kind, err)
	}
	return out.Bytes(), nil
}

func check(kind Kind, rendered []byte) error {
	isScript := bytes.HasPrefix(rendered, []byte("#!"))
	switch {
	case kind == Script && !isScript:
		return errors.New("a script begins with #! and its interpreter, such as #!/bin/bash")
	case isScript:
		return nil
	}
	return CheckCloudConfig(rendered)
}

// template is the text of a group's template.
func (b *Bootstrapper) template(ctx context.Context, group *v1alpha1.NodeGroup) (string, error) {
	reference := group.Spec.Bootstrap.Template
	if reference == nil {
		if group.Spec.Bootstrap.Mode == v1alpha1.BootstrapScript {
			return "", invalid{fmt.Errorf("NodeGroup %s: mode script needs a template", group.Name)}
		}
		return defaultTemplate, nil
	}
	configMap, err := b.options.Kubernetes.CoreV1().ConfigMaps(b.options.Namespace).Get(ctx, reference.ConfigMap, metav1.GetOptions{})
	where := fmt.Sprintf("template of NodeGroup %s: ConfigMap %s/%s", group.Name, b.options.Namespace, reference.ConfigMap)
	if apierrors.IsNotFound(err) {
		return "", invalid{fmt.Errorf("%s does not exist", where)}
	} else if err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	text, ok := configMap.Data[reference.Key]
	if !ok {
		return "", invalid{fmt.Errorf("%s has no key %q", where, reference.Key)}
	}
	return text, nil
}
