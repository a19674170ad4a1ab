package bootstrap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// Scripts is the part of VPSie's API that stores scripts; *vpsie.Client is one.
type Scripts interface {
	Scripts(ctx context.Context) ([]vpsie.Script, error)
	AddScript(ctx context.Context, name, content string, tags ...string) error
	DeleteScript(ctx context.Context, id string) error
}

// Options of New. Kubernetes, Scripts, Namespace and ClusterID have no default.
type Options struct {
	// Kubernetes creates token Secrets and reads cluster-info, templates and the
	// API server's version.
	Kubernetes kubernetes.Interface
	// Scripts stores the scripts of mode script.
	Scripts Scripts
	// Namespace has the ConfigMaps of templates.
	Namespace string
	// ClusterID is in the names of scripts: several clusters share an account.
	ClusterID string
	// TokenTTL is how long a token may be used. Default 40 m: a machine has
	// that long from its order to its joining (the default time-outs of both,
	// and a little).
	TokenTTL time.Duration
	// Clock says when tokens expire. Default the real one.
	Clock clock.PassiveClock
	// Random makes the secrets. Default crypto/rand.
	Random io.Reader
}

// Bootstrapper makes what machines need to join.
type Bootstrapper struct {
	options Options
}

// clusterIDForm keeps names of scripts and marks of machines readable for us.
var clusterIDForm = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

// CheckClusterID refuses what cannot be part of scripts' names and machines' marks.
func CheckClusterID(id string) error {
	if !clusterIDForm.MatchString(id) {
		return fmt.Errorf("cluster ID %q: must be 1 to 63 letters, digits, '-', '_' and '.', and begin and end with a letter or digit", id)
	}
	return nil
}

// New completes the options with their defaults.
func New(options Options) (*Bootstrapper, error) {
	switch {
	case options.Kubernetes == nil || options.Scripts == nil:
		return nil, errors.New("bootstrap: Options.Kubernetes and Options.Scripts are needed")
	case options.Namespace == "":
		return nil, errors.New("bootstrap: Options.Namespace is empty")
	case options.TokenTTL < 0:
		return nil, fmt.Errorf("bootstrap: Options.TokenTTL must not be negative, got %v", options.TokenTTL)
	}
	if err := CheckClusterID(options.ClusterID); err != nil {
		return nil, fmt.Errorf("bootstrap: Options.ClusterID: %w", err)
	}
	if options.TokenTTL == 0 {
		options.TokenTTL = 40 * time.Minute
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.Random == nil {
		options.Random = rand.Reader
	}
	return &Bootstrapper{options: options}, nil
}

// Material is what a machine is ordered with. At most one field is set; none
// for managed machines, which VPSie joins. Both lead to a token: never log them.
type Material struct {
	// UserData is for cloud-init.
	UserData []byte
	// ScriptID is VPSie's identifier of a stored script.
	ScriptID string
}

// invalid is an error that the same call returns again until a person changes
// the NodeGroup or its template.
type invalid struct{ error }

// Unwrap returns the cause.
func (i invalid) Unwrap() error { return i.error }

// IsInvalid says that an error of Prepare lies in the NodeGroup's template: the
// same call fails again until a person changes it.
func IsInvalid(err error) bool {
	_, ok := errors.AsType[invalid](err)
	return ok
}

// Prepare makes the material of a machine that is about to be ordered, and with
// it a new token: what was prepared for the machine before no longer joins. The
// labels are those that its Node will carry; the ones that a kubelet may set
// itself are there from registration on. The error's text holds no secret.
func (b *Bootstrapper) Prepare(ctx context.Context, machine *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup, labels map[string]string) (Material, error) {
	if group.Spec.Bootstrap.Mode == v1alpha1.BootstrapManaged {
		return Material{}, nil
	}
	text, err := b.template(ctx, group)
	if err != nil {
		return Material{}, err
	}
	data, err := b.data(ctx, machine, group, labels)
	if err != nil {
		return Material{}, err
	}
	kind := UserData
	if group.Spec.Bootstrap.Mode == v1alpha1.BootstrapScript {
		kind = Script
	}
	rendered, err := b.render(ctx, machine, kind, text, data)
	if err != nil || kind == UserData {
		return Material{UserData: rendered}, err
	}
	id, err := b.storeScript(ctx, machine, rendered)
	return Material{ScriptID: id}, err
}

// render checks the template with a token that opens nothing, and only then
// makes one that does.
func (b *Bootstrapper) render(ctx context.Context, machine *v1alpha1.VPSieNode, kind Kind, text string, data Data) ([]byte, error) {
	rehearsal, err := data.with(rehearsalToken)
	if err != nil {
		return nil, err
	}
	if _, err := Render(kind, text, rehearsal); err != nil {
		return nil, invalid{fmt.Errorf("template of NodeGroup %s: %w", data.NodeGroup, err)}
	}
	token, err := b.createToken(ctx, machine)
	if err != nil {
		return nil, err
	}
	data, err = data.with(token)
	if err != nil {
		return nil, err
	}
	rendered, err := Render(kind, text, data)
	if err != nil {
		// What the template says of a real token is not repeated.
		return nil, invalid{fmt.Errorf("template of NodeGroup %s: it renders with one token and fails with another", data.NodeGroup)}
	}
	return rendered, nil
}

// Release deletes what Prepare made, when the machine has joined or never will.
// It is not an error if there is nothing.
func (b *Bootstrapper) Release(ctx context.Context, machine *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup) error {
	if err := b.deleteToken(ctx, machine); err != nil {
		return err
	}
	if group != nil && group.Spec.Bootstrap.Mode != v1alpha1.BootstrapScript {
		return nil
	}
	return b.deleteScripts(ctx, machine)
}
