package cluster_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// What a cluster does in its own time is waited for, looked at every tick.
const (
	waiting = 60 * time.Second
	tick    = 50 * time.Millisecond
)

// envRun makes this test binary run the cluster of a folder until it is killed.
const envRun = "VPSIE_TEST_CLUSTER"

func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "--cluster-id=devcluster") {
		standIn()
		os.Exit(1)
	}
	dir := os.Getenv(envRun)
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := cluster.Start(context.Background(), cluster.Options{Dir: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func start(t *testing.T, options cluster.Options) *cluster.Cluster {
	t.Helper()
	planetest.Binaries(t)
	if options.Dir == "" {
		options.Dir = filepath.Join(t.TempDir(), "cluster")
	}
	c, err := cluster.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	return c
}

// buy orders a machine that joins, with the credentials the controller would use.
func buy(t *testing.T, c *cluster.Cluster, name, offering, datacenter string) {
	t.Helper()
	secret, err := c.Client().CoreV1().Secrets(metav1.NamespaceSystem).Get(t.Context(), "vpsie-secret", metav1.GetOptions{})
	require.NoError(t, err)
	credentials, err := vpsie.CredentialsFromSecret(secret.Data)
	require.NoError(t, err)
	client, err := vpsie.New(vpsie.Options{Credentials: func(context.Context) (vpsie.Credentials, error) { return credentials, nil }})
	require.NoError(t, err)
	_, err = c.Client().CoreV1().Secrets(metav1.NamespaceSystem).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-abcdef"},
		Type:       corev1.SecretTypeBootstrapToken,
		StringData: map[string]string{
			"token-id": "abcdef", "token-secret": "0123456789abcdef",
			"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
			"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, client.CreateVM(t.Context(), vpsie.VMRequest{
		Hostname: name, Offering: offerings.Sample().Offering(offering).Identifier, OSImage: "image-ubuntu-2404", Datacenter: datacenter,
		UserData: fmt.Appendf(nil, "#cloud-config\nruncmd:\n- hostnamectl set-hostname %s\n- kubeadm join %s --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash %s\n",
			name, c.Plane.Endpoint(), c.Plane.CAHash()),
	}))
}

func TestMachinesThatAreBoughtRunPodsWithVolumes(t *testing.T) {
	c := start(t, cluster.Options{BootTime: 100 * time.Millisecond})
	size := corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}
	_, err := c.Client().CoreV1().PersistentVolumeClaims("default").Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Spec:       corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Resources: size},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.Client().CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "database"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "main", Image: "registry.example/main:1"}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
			}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	before, err := cluster.Look(t.Context(), c.Client(), c.State().VPSie)
	require.NoError(t, err)
	assert.Equal(t, &cluster.View{Pods: cluster.PodCounts{All: 1, Pending: 1}}, before)

	buy(t, c, "web-1", "std-2c4g", "fra1")

	var view *cluster.View
	require.Eventually(t, func() bool {
		view, err = cluster.Look(t.Context(), c.Client(), c.State().VPSie)
		return err == nil && view.Pods.Running == 1
	}, waiting, tick, "the pod runs")
	price := view.PricePerHour
	assert.Positive(t, price)
	assert.Equal(t, []cluster.Node{{
		Name: "web-1", Offering: "std-2c4g", Datacenter: "fra1", State: cluster.NodeReady, Pods: 1, PricePerHour: price,
	}}, view.Nodes)
	status, err := cluster.StatusOf(t.Context(), filepath.Dir(c.State().Kubeconfig))
	require.NoError(t, err)
	assert.True(t, status.Healthy(), "%+v", status)
	assert.Equal(t, view.Nodes, status.View.Nodes)
	assert.Len(t, status.Programs, 4)
}

func TestStopLeavesNothing(t *testing.T) {
	c := start(t, cluster.Options{})
	state := c.State()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, c.Wait(ctx))

	c.Stop()

	for name, program := range state.Programs {
		assert.False(t, program.Runs(), name)
	}
	assert.NoDirExists(t, filepath.Dir(state.Kubeconfig))
	assert.ErrorIs(t, cluster.Down(filepath.Dir(state.Kubeconfig)), cluster.ErrNone)
}

func TestProgramThatDiesEndsTheWait(t *testing.T) {
	c := start(t, cluster.Options{})
	dir := filepath.Dir(c.State().Kubeconfig)
	require.NoError(t, syscall.Kill(c.State().Programs["kube-scheduler"].PID, syscall.SIGKILL))
	require.ErrorContains(t, c.Wait(t.Context()), "kube-scheduler ended: signal: killed")
	status, err := cluster.StatusOf(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"kube-scheduler"}, status.Ended)
	assert.False(t, status.Healthy())

	c.Stop()

	assert.FileExists(t, filepath.Join(dir, cluster.LogsFolder, "kube-scheduler.log"), "for whoever wants to know why")
	assert.NoFileExists(t, filepath.Join(dir, "kubeconfig"))
	_, err = cluster.ReadState(dir)
	assert.ErrorIs(t, err, cluster.ErrNone)
}

// standIn makes this test binary a controller that answers when asked whether it
// is ready; what is tested is how one is connected and watched.
func standIn() {
	var kubeconfig, health string
	flags := pflag.NewFlagSet("controller", pflag.ExitOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.StringVar(&kubeconfig, "kubeconfig", "", "")
	flags.StringVar(&health, "health-addr", "", "")
	_ = flags.Parse(os.Args[1:])
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err == nil {
		var client *kubernetes.Clientset
		if client, err = kubernetes.NewForConfig(config); err == nil {
			_, err = client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{})
		}
		if err == nil {
			_, err = client.CoreV1().Nodes().Create(context.Background(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
		}
	}
	fmt.Println(os.Args[1:], err)
	asked := 0
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	})
	fmt.Println(http.ListenAndServe(health, nil))
}

func TestControllerIsConnected(t *testing.T) {
	c := start(t, cluster.Options{Controller: os.Args[0], ControllerArguments: []string{"--log-level=debug"}})
	dir := filepath.Dir(c.State().Kubeconfig)
	printed, err := os.ReadFile(filepath.Join(dir, cluster.LogsFolder, "controller.log"))
	require.NoError(t, err)
	assert.Contains(t, string(printed), "--cluster-id=devcluster --log-level=debug]")
	assert.Contains(t, string(printed), `User "system:serviceaccount:kube-system:vpsie-autoscaler" cannot create resource "nodes"`,
		"it may list nodes and not make any: what deploy/rbac says")
	assert.Regexp(t, `^http://127\.0\.0\.1:[0-9]+/metrics$`, c.State().Metrics)

	require.NoError(t, syscall.Kill(c.State().Programs["controller"].PID, syscall.SIGKILL))
	assert.ErrorContains(t, c.Wait(t.Context()), "controller ended: signal: killed")
}

func TestControllerThatDiesAtOnce(t *testing.T) {
	planetest.Binaries(t)
	dir := filepath.Join(t.TempDir(), "cluster")
	_, err := cluster.Start(t.Context(), cluster.Options{Dir: dir, Controller: "/bin/false"})
	require.ErrorContains(t, err, "controller ended: exit status 1")
	_, err = cluster.ReadState(dir)
	assert.ErrorIs(t, err, cluster.ErrNone)
}

// elsewhere runs a cluster in another process.
func elsewhere(t *testing.T, dir string) (*exec.Cmd, *cluster.State) {
	t.Helper()
	planetest.Binaries(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), envRun+"="+dir)
	child.Stderr = os.Stderr
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	var state *cluster.State
	require.Eventually(t, func() (ready bool) {
		found, err := cluster.ReadState(dir)
		state = found
		return err == nil && found.Ready
	}, waiting, tick)
	return child, state
}

func TestNextRunCleansUpAfterOneThatWasKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	child, earlier := elsewhere(t, dir)
	_, err := cluster.Start(t.Context(), cluster.Options{Dir: dir})
	require.ErrorContains(t, err, "another devcluster runs there")
	// As if the kernel had not killed it: a program of the earlier run that lives.
	survivor := exec.Command("/bin/sleep", "600")
	require.NoError(t, survivor.Start())
	gone := make(chan error, 1)
	go func() { gone <- survivor.Wait() }()
	t.Cleanup(func() { _ = survivor.Process.Kill() })
	rememberProgram(t, dir, survivor.Process.Pid)

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	status, err := cluster.StatusOf(t.Context(), dir)
	require.NoError(t, err)
	assert.False(t, status.Running)
	assert.Contains(t, status.Problem, "it was killed")

	c := start(t, cluster.Options{Dir: dir})
	assert.ErrorContains(t, <-gone, "signal")
	for name, program := range earlier.Programs {
		assert.False(t, program.Runs(), name)
	}
	_, err = c.Client().CoreV1().Nodes().Get(t.Context(), "of-another-life", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
}

// rememberProgram adds a process to those a cluster says are its.
func rememberProgram(t *testing.T, dir string, pid int) {
	t.Helper()
	state, err := cluster.ReadState(dir)
	require.NoError(t, err)
	identity, err := process.Identify(pid)
	require.NoError(t, err)
	state.Programs["survivor"] = identity
	require.NoError(t, cluster.WriteState(dir, state))
}

func TestDown(t *testing.T) {
	t.Run("a cluster that does not end by itself", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cluster")
		child, state := elsewhere(t, dir)
		go func() { _ = child.Wait() }()
		require.NoError(t, cluster.Down(dir))
		assert.False(t, state.Main.Runs())
		for name, program := range state.Programs {
			assert.False(t, program.Runs(), name)
		}
		assert.NoDirExists(t, dir)
	})
	t.Run("a folder that is no cluster's", func(t *testing.T) {
		dir := t.TempDir()
		precious := filepath.Join(dir, "precious")
		require.NoError(t, os.WriteFile(precious, nil, 0o600))
		assert.ErrorIs(t, cluster.Down(dir), cluster.ErrNone)
		_, err := cluster.Start(t.Context(), cluster.Options{Dir: dir})
		require.ErrorContains(t, err, "is not empty and no cluster's: it holds precious")
		assert.FileExists(t, precious)
	})
	t.Run("a state that cannot be read", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "devcluster.json"), []byte("{"), 0o600))
		assert.ErrorContains(t, cluster.Down(dir), "devcluster.json: unexpected end of JSON input")
		_, err := cluster.Start(t.Context(), cluster.Options{Dir: dir})
		assert.ErrorContains(t, err, "devcluster.json: unexpected end of JSON input")
	})
}
