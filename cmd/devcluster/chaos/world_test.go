package chaos

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/rbac"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

const (
	// patience is how long to wait for what must come.
	patience = 4 * time.Minute
	tick     = 100 * time.Millisecond

	secretName = "vpsie-secret"
	namespace  = metav1.NamespaceSystem
	robot      = "system:serviceaccount:" + rbac.Namespace + ":" + rbac.ServiceAccount
)

// world is a cluster that buys at a VPSie that the test commands.
type world struct {
	testing.TB
	plane  *plane.Plane
	client client.Client
	vpsie  *fake.Server
	trap   *trap
	// dir has the controllers' logs and everything else that is searched for secrets.
	dir string
	// url is VPSie's, behind the trap.
	url        string
	kubeconfig string
	foreign    []fake.VM
	recorder   *recorder

	mu       sync.Mutex
	replicas []*replica
	started  int
}

// newWorld cleans the shared plane and connects it to a new VPSie, on which
// somebody else's machines run. No controller runs yet.
func newWorld(t testing.TB) *world {
	if os.Getenv(enabled) == "" {
		t.Skipf("takes minutes: set %s, or run make e2e or make chaos", enabled)
	}
	planetest.Binaries(t)
	go func() { _, _ = buildController() }() // while the plane starts; whoever needs it looks at the error
	cluster := planetest.Get(t)
	planetest.Reset(t, cluster)
	w := &world{TB: t, plane: cluster, dir: t.ArtifactDir(), trap: &trap{}}
	config := cluster.Config()
	config.QPS = -1
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	var err error
	w.client, err = client.New(config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	w.recorder = record(t, config, filepath.Join(w.dir, "objects.jsonl"))
	w.startVPSie()
	w.connect()
	return w
}

// startVPSie starts the account. Its machines take a second or so to boot.
func (w *world) startVPSie() {
	short := func(base, jitter time.Duration) fake.Delay {
		return fake.Delay{Base: base * time.Millisecond, Jitter: jitter * time.Millisecond}
	}
	server, err := fake.New(fake.Config{
		Seed:          *seed,
		TokenTTL:      20 * time.Second,
		QueueDelay:    short(100, 300),
		HandoverDelay: short(0, 200),
		StartDelay:    short(50, 200),
		BootDelay:     short(50, 300),
		DeleteDelay:   short(500, 1500),
		// They are a little smaller than what is sold, which is to be learned.
		Machines: machine.New(machine.Config{Offers: machine.Shortfall(map[string]int64{small: 64 << 20, dedicated: 96 << 20})}),
	})
	require.NoError(w, err)
	w.vpsie, w.trap.next = server, server
	for _, name := range []string{"mail", "vpsie-general-old", "Database-1"} {
		vm, err := server.AddVM(fake.Foreign{Hostname: name, Offering: "std-2c4g", Datacenter: "fra1", Notes: "not Kubernetes'"})
		require.NoError(w, err)
		w.foreign = append(w.foreign, vm)
	}
	listener := httptest.NewServer(w.trap)
	w.url = listener.URL
	w.Cleanup(func() {
		w.stopReplicas()
		listener.CloseClientConnections()
		listener.Close()
		server.Close()
	})
}

// connect gives the controller its rights, its credentials and the template of
// machines that join by a script.
func (w *world) connect() {
	require.NoError(w, w.plane.Apply(w.Context(), rbac.Manifests))
	config, err := w.plane.UserConfig(robot, serviceaccount.MakeGroupNames(rbac.Namespace)...)
	require.NoError(w, err)
	kubeconfig, err := plane.KubeconfigOf(config)
	require.NoError(w, err)
	w.kubeconfig = filepath.Join(w.TempDir(), "kubeconfig")
	require.NoError(w, os.WriteFile(w.kubeconfig, kubeconfig, 0o600))
	w.create(w.secret(fake.DefaultCredentials()))
	w.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "join", Namespace: namespace},
		Data:       map[string]string{"script": joinScript},
	})
}

const joinScript = `#!/bin/bash
cat > /etc/kubernetes/join.yaml <<'EOF'
{{ .JoinConfiguration }}
EOF
kubeadm join --config /etc/kubernetes/join.yaml
`

func (w *world) secret(c fake.Credentials) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secretName, Namespace: namespace},
		StringData: map[string]string{"clientId": c.ClientID, "clientSecret": c.ClientSecret, "password": c.Password, "url": w.url},
	}
}

func (w *world) create(objects ...client.Object) {
	w.Helper()
	for _, object := range objects {
		require.NoError(w, w.client.Create(w.Context(), object))
	}
}

// eventually waits until what has no complaint.
func (w *world) eventually(what func() string) {
	w.Helper()
	if complaint := w.poll(patience, what); complaint != "" {
		w.Fatalf("not within %s: %s", patience, complaint)
	}
}

// poll asks until there is no complaint, and returns the last one when time is up.
func (w *world) poll(within time.Duration, what func() string) (complaint string) {
	ctx, cancel := context.WithTimeout(w.Context(), within)
	defer cancel()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		if complaint = what(); complaint == "" {
			return ""
		}
		select {
		case <-ctx.Done():
			return complaint
		case <-ticker.C:
		}
	}
}

func (w *world) machines() []v1alpha1.VPSieNode {
	w.Helper()
	var list v1alpha1.VPSieNodeList
	require.NoError(w, w.client.List(w.Context(), &list))
	return list.Items
}

func (w *world) nodes() []corev1.Node {
	w.Helper()
	var list corev1.NodeList
	require.NoError(w, w.client.List(w.Context(), &list))
	return list.Items
}

// done is how many requests of an operation VPSie carried out.
func (w *world) done(operation fake.Operation) int {
	count := 0
	for _, request := range w.vpsie.Requests() {
		if request.Operation == operation && request.Done {
			count++
		}
	}
	return count
}

// bought is how many machines VPSie made for us.
func (w *world) bought() int {
	count := 0
	for _, vm := range w.vpsie.History() {
		if !vm.Foreign {
			count++
		}
	}
	return count
}
