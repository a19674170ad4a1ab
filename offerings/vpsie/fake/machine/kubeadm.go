package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4"
	"mvdan.cc/sh/v3/interp"
	"sigs.k8s.io/yaml"
)

// joinRequest is what `kubeadm join` was told.
type joinRequest struct {
	endpoint    string
	token       string
	tlsToken    string
	caHashes    []string
	unsafe      bool // no hash, on purpose
	name        string
	taints      []corev1.Taint
	kubeletArgs []kubeadm.Arg
	timeout     time.Duration // of discovery; 0 when not said
}

// kubeadmCommand knows join, reset and version. A join that fails is the reason why
// the machine did not, until one succeeds.
func kubeadmCommand(ctx context.Context, g *guest, shell *interp.HandlerContext, args []string) error {
	words := operands(args)
	if len(words) == 0 {
		return failed(1)
	}
	switch words[0] {
	case "version":
		fmt.Fprintln(shell.Stdout, g.config.KubeletVersion)
		return nil
	case "config", "reset": // pulls images, wipes what is not there
		return nil
	case "join":
		request, err := g.parseJoin(shell, args)
		if err == nil {
			err = g.join(ctx, request)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			g.fail(fmt.Errorf("kubeadm join: %w", hidden(err)))
			return failed(1)
		}
		return nil
	}
	return errUnknown{"kubeadm " + printable(words[0]) + " is not known here"}
}

// parseJoin reads the arguments after kubeadm, "join" among them.
func (g *guest) parseJoin(shell *interp.HandlerContext, args []string) (*joinRequest, error) {
	flags := pflag.NewFlagSet("kubeadm", pflag.ContinueOnError)
	flags.SetOutput(nopWriter{})
	config := flags.String("config", "", "")
	token := flags.String("token", "", "")
	discoveryToken := flags.String("discovery-token", "", "")
	tlsToken := flags.String("tls-bootstrap-token", "", "")
	hashes := flags.StringSlice("discovery-token-ca-cert-hash", nil, "")
	unsafe := flags.Bool("discovery-token-unsafe-skip-ca-verification", false, "")
	name := flags.String("node-name", "", "")
	flags.String("cri-socket", "", "")
	flags.StringSlice("ignore-preflight-errors", nil, "")
	flags.StringP("v", "v", "", "")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	positional := flags.Args()[1:] // after "join"
	if *config != "" {
		if flags.Changed("token") || flags.Changed("discovery-token") || len(positional) > 0 {
			return nil, errors.New("cannot mix --config with arguments that it holds")
		}
		content, err := g.disk.read(absolute(shell, *config))
		if err != nil {
			return nil, fmt.Errorf("--config: %w", err)
		}
		request, err := parseJoinConfiguration(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", *config, err)
		}
		if *name != "" {
			request.name = *name
		}
		return request.complete(g.hostname)
	}
	if len(positional) != 1 {
		return nil, errors.New("want one endpoint of an API server, HOST:PORT, or --config")
	}
	request := &joinRequest{
		endpoint: positional[0], token: or(*discoveryToken, *token), tlsToken: or(*tlsToken, *token),
		caHashes: *hashes, unsafe: *unsafe, name: *name,
	}
	return request.complete(g.hostname)
}

// parseJoinConfiguration reads the JoinConfiguration among the documents of a
// file. A field that kubeadm does not know is an error here, where kubeadm
// itself only warns: it may be a misspelt taint.
func parseJoinConfiguration(content []byte) (*joinRequest, error) {
	for _, document := range strings.Split("\n"+string(content), "\n---") {
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			return nil, fmt.Errorf("not YAML%s", lineOf(err))
		}
		if kind.Kind != "JoinConfiguration" {
			continue
		}
		if kind.APIVersion != kubeadm.SchemeGroupVersion.String() {
			return nil, fmt.Errorf("apiVersion is %s, want %s", printable(kind.APIVersion), kubeadm.SchemeGroupVersion)
		}
		var c kubeadm.JoinConfiguration
		if err := yaml.UnmarshalStrict([]byte(document), &c); err != nil {
			return nil, fmt.Errorf("JoinConfiguration: %w", hidden(err))
		}
		return requestOf(&c)
	}
	return nil, errors.New("holds no JoinConfiguration")
}

func requestOf(c *kubeadm.JoinConfiguration) (*joinRequest, error) {
	d := c.Discovery.BootstrapToken
	switch {
	case d == nil:
		return nil, errors.New("discovery.bootstrapToken is required here")
	case c.Discovery.File != nil:
		return nil, errors.New("discovery.bootstrapToken and discovery.file exclude one another")
	case c.ControlPlane != nil:
		return nil, errors.New("machines here are workers: controlPlane must be empty")
	case c.DryRun:
		return nil, errors.New("dryRun joins nothing")
	}
	request := &joinRequest{
		endpoint: d.APIServerEndpoint, token: d.Token, tlsToken: or(c.Discovery.TLSBootstrapToken, d.Token),
		caHashes: d.CACertHashes, unsafe: d.UnsafeSkipCAVerification,
		name: c.NodeRegistration.Name, taints: c.NodeRegistration.Taints, kubeletArgs: c.NodeRegistration.KubeletExtraArgs,
	}
	if c.Timeouts != nil && c.Timeouts.Discovery != nil {
		request.timeout = c.Timeouts.Discovery.Duration
	}
	return request, nil
}

// complete checks a request as kubeadm does, and names the node.
func (r *joinRequest) complete(hostname string) (*joinRequest, error) {
	for _, t := range []struct{ what, value string }{{"discovery token", r.token}, {"TLS bootstrap token", r.tlsToken}} {
		if t.value == "" || token.FindString(t.value) != t.value {
			return nil, fmt.Errorf("the %s is not of the form [a-z0-9]{6}.[a-z0-9]{16}", t.what)
		}
	}
	if _, _, err := net.SplitHostPort(r.endpoint); err != nil {
		return nil, fmt.Errorf("the API server's endpoint %s is not HOST:PORT", printable(r.endpoint))
	}
	if len(r.caHashes) == 0 && !r.unsafe {
		return nil, errors.New("no hash of the CA's public key, and not told to go without (unsafeSkipCAVerification)")
	}
	// As kubeadm: the host name in lower case, unless told otherwise.
	r.name = strings.ToLower(strings.TrimSpace(or(r.name, hostname)))
	if problems := validation.IsDNS1123Subdomain(r.name); len(problems) > 0 {
		return nil, fmt.Errorf("node name %s: %s", printable(r.name), problems[0])
	}
	return r, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

type nopWriter struct{}

func (nopWriter) Write(p []byte) (int, error) { return len(p), nil }
