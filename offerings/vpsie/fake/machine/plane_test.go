package machine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

func TestMain(m *testing.M) { planetest.Main(m) }

// site is a control plane and machines that know of it by their user data alone.
type site struct {
	*testing.T
	plane *plane.Plane
	admin kubernetes.Interface
}

func newSite(t *testing.T) *site {
	cluster := planetest.Get(t)
	config := cluster.Config()
	config.QPS = -1
	admin, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	return &site{T: t, plane: cluster, admin: admin}
}

// token creates a bootstrap token that is valid for so long.
func (s *site) token(id string, ttl time.Duration) string {
	s.Helper()
	secret := "0123456789abcdef"
	_, err := s.admin.CoreV1().Secrets(metav1.NamespaceSystem).Create(s.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id},
		Type:       corev1.SecretTypeBootstrapToken,
		StringData: map[string]string{
			"token-id": id, "token-secret": secret, "expiration": time.Now().Add(ttl).UTC().Format(time.RFC3339),
			"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
			"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
		},
	}, metav1.CreateOptions{})
	require.NoError(s, err)
	return id + "." + secret
}

// joinData is the user data of a machine that joins, as a template.
const joinData = `#cloud-config
write_files:
- path: /etc/kubernetes/join.yaml
  permissions: "0600"
  content: |
    apiVersion: kubeadm.k8s.io/v1beta4
    kind: JoinConfiguration
    discovery:
      bootstrapToken:
        token: {{ .Token }}
        apiServerEndpoint: {{ .Endpoint }}
        caCertHashes: ["{{ .CAHash }}"]
    nodeRegistration:
      name: {{ .Name }}
      taints:
      - {key: autoscaler.vpsie.com/startup, effect: NoSchedule}
      kubeletExtraArgs:
      - {name: node-labels, value: "topology.kubernetes.io/zone=ams1,team=blue"}
      - {name: provider-id, value: "vpsie://{{ .Name }}"}
    timeouts: {discovery: {{ .Timeout }}}
runcmd:
- [hostnamectl, set-hostname, "{{ .Name }}"]
- {{ .Command }}
`

// order is what a test's user data is made of.
type order struct {
	Name, Token, Endpoint, CAHash, Timeout, Command string
}

// order of a machine that will join.
func (s *site) order(name, token string) order {
	return order{
		Name: name, Token: token, Endpoint: s.plane.Endpoint(), CAHash: s.plane.CAHash(), Timeout: "60s",
		Command: "kubeadm join --config /etc/kubernetes/join.yaml",
	}
}

func (s *site) userData(o order) []byte {
	s.Helper()
	var out bytes.Buffer
	require.NoError(s, template.Must(template.New("").Parse(joinData)).Execute(&out, o))
	return out.Bytes()
}

// box is a machine that runs.
type box struct {
	stop func()
	mu   sync.Mutex
	last fake.Boot
}

func (b *box) boot() fake.Boot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// run switches a machine on.
func run(t *testing.T, runner *machine.Runner, m fake.Machine) *box {
	ctx, cancel := context.WithCancel(context.Background())
	b := &box{}
	done := make(chan struct{})
	b.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(b.stop)
	if m.Offering.Name == "" {
		m.Offering = *offerings.Sample().Offering("std-2c4g")
	}
	m.Identifier = "vm-" + m.Hostname
	m.Datacenter = *offerings.Sample().Datacenter("ams1")
	go func() {
		defer close(done)
		runner.Run(ctx, m, func(boot fake.Boot) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.last = boot
		})
	}()
	return b
}

// eventually waits until a condition holds, and shows what it still lacks if it never does.
func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 45*time.Second, true, func(context.Context) (bool, error) {
		last = condition()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, last)
	}
}

func (s *site) becomes(b *box, stage string) fake.Boot {
	s.Helper()
	eventually(s.T, "stage "+stage, func() error {
		if got := b.boot(); got.Stage != stage {
			return fmt.Errorf("is %+v", got)
		}
		return nil
	})
	return b.boot()
}

func (s *site) node(name string) *corev1.Node {
	s.Helper()
	node, err := s.admin.CoreV1().Nodes().Get(s.Context(), name, metav1.GetOptions{})
	require.NoError(s, err)
	return node
}

func TestGoodUserDataJoins(t *testing.T) {
	s := newSite(t)
	runner := machine.New(machine.Config{CSI: &machine.CSI{}})
	b := run(t, runner, fake.Machine{
		Hostname: "WEB-1", UserData: s.userData(s.order("web-1", s.token("aaaaaa", time.Hour))),
		Addresses: func() (string, string) { return "198.18.0.9", "10.20.0.9" },
	})
	s.becomes(b, fake.BootReady)

	node := s.node("web-1")
	assert.Equal(t, "vpsie://web-1", node.Spec.ProviderID)
	assert.Equal(t, "ams1", node.Labels[corev1.LabelTopologyZone])
	assert.Equal(t, "blue", node.Labels["team"])
	assert.Equal(t, "web-1", node.Labels[corev1.LabelHostname])
	assert.Contains(t, node.Spec.Taints, corev1.Taint{Key: "autoscaler.vpsie.com/startup", Effect: corev1.TaintEffectNoSchedule})
	assert.Contains(t, node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "10.20.0.9"})
	sold := offerings.Sample().Offering("std-2c4g")
	assert.Equal(t, sold.Allocatable.MemoryBytes, node.Status.Allocatable.Memory().Value())
	assert.Equal(t, sold.Allocatable.MilliCPU, node.Status.Allocatable.Cpu().MilliValue())
	assert.Equal(t, sold.Capacity.MemoryBytes, node.Status.Capacity.Memory().Value())

	eventually(t, "CSINode and its label", func() error {
		csi, err := s.admin.StorageV1().CSINodes().Get(t.Context(), "web-1", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(csi.Spec.Drivers) != 1 {
			return errors.New("no driver yet")
		}
		d := csi.Spec.Drivers[0]
		assert.Equal(t, []string{"region"}, d.TopologyKeys)
		assert.EqualValues(t, 7, *d.Allocatable.Count)
		assert.Equal(t, "ams1", s.node("web-1").Labels["region"])
		return nil
	})
	// The control plane takes its own taint away from a node that is ready.
	eventually(t, "the not-ready taint is gone", func() error {
		for _, taint := range s.node("web-1").Spec.Taints {
			if strings.HasPrefix(taint.Key, "node.kubernetes.io/") {
				return errors.New(taint.Key)
			}
		}
		return nil
	})
}

func TestMachineNeverJoins(t *testing.T) {
	s := newSite(t)
	good := s.token("bbbbbb", time.Hour)
	for situation, tc := range map[string]struct {
		change func(*order)
		raw    string
		want   string
	}{
		"a token of the cluster with a wrong secret": {change: func(o *order) { o.Token = "bbbbbb.ffffffffffffffff" }, want: "failed to verify the JWS signature"},
		"a token that nobody made":                   {change: func(o *order) { o.Token = "cccccc.0123456789abcdef" }, want: "no signature for the token"},
		"no token":                                   {change: func(o *order) { o.Token = "tbd" }, want: "the discovery token is not of the form"},
		"the hash of another CA":                     {change: func(o *order) { o.CAHash = "sha256:" + strings.Repeat("ab", 32) }, want: "the CA in cluster-info is invalid"},
		"no hash":                                    {change: func(o *order) { o.CAHash = "" }, want: "invalid hash of the CA"},
		"nobody at the endpoint":                     {change: func(o *order) { o.Endpoint = "127.0.0.1:1" }, want: "reading cluster-info"},
		"a command that is unknown":                  {change: func(o *order) { o.Command = "kubeadmin join" }, want: `unknown command "kubeadmin"`},
		"a file that is not there":                   {change: func(o *order) { o.Command = "kubeadm join --config /etc/join.yaml" }, want: "--config: open /etc/join.yaml"},
		"shell that is broken":                       {change: func(o *order) { o.Command = "if true" }, want: "user data: line"},
		"YAML that is broken":                        {raw: "#cloud-config\nruncmd: [a\n", want: "not YAML"},
		"no known format":                            {raw: "kubeadm join", want: "must begin with #cloud-config"},
	} {
		t.Run(situation, func(t *testing.T) {
			t.Parallel()
			o := s.order("never-"+strings.ToLower(strings.ReplaceAll(situation, " ", "-")), good)
			o.Timeout = "2s"
			data := []byte(tc.raw)
			if tc.change != nil {
				tc.change(&o)
				data = s.userData(o)
			}
			b := run(t, machine.New(machine.Config{}), fake.Machine{Hostname: o.Name, UserData: data})
			eventually(t, "the boot fails", func() error {
				if got := b.boot(); got.Stage != fake.BootFailed {
					return fmt.Errorf("is %+v", got)
				}
				return nil
			})
			assert.Contains(t, b.boot().Reason, tc.want)
			assert.NotContains(t, b.boot().Reason, o.Token[max(0, len(o.Token)-16):], "the reason is for everybody to read")
			_, err := s.admin.CoreV1().Nodes().Get(context.Background(), o.Name, metav1.GetOptions{})
			assert.Error(t, err)
		})
	}
}
