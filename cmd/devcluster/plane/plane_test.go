package plane_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

func TestPodsAreScheduled(t *testing.T) {
	cluster := planetest.Get(t)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	client := clientFor(t, cluster.Config())

	_, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), pod("early", "1500m"), metav1.CreateOptions{})
	require.NoError(t, err)
	readyNode(t, client, "node-1")
	assert.Equal(t, "node-1", runsOn(t, client, "early"))
}

func TestSchedulerStopsAndStarts(t *testing.T) {
	cluster := planetest.Get(t)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	client := clientFor(t, cluster.Config())

	cluster.StopScheduler()
	assert.NotContains(t, cluster.PIDs(), "kube-scheduler")
	require.NoError(t, cluster.Err(), "a program that was stopped is not one that died")
	readyNode(t, client, "node-1")
	created, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), pod("patient", "1"), metav1.CreateOptions{})
	require.NoError(t, err)
	assert.Empty(t, created.Spec.NodeName)

	require.NoError(t, cluster.StartScheduler(t.Context()))
	require.NoError(t, cluster.StartScheduler(t.Context()), "it runs already")
	assert.Equal(t, "node-1", runsOn(t, client, "patient"))
}

func TestAPIServerRestartsWhereItWas(t *testing.T) {
	cluster := planetest.Get(t)
	t.Cleanup(func() { planetest.Reset(t, cluster) })
	client := clientFor(t, cluster.Config())
	before := cluster.PIDs()
	_, err := client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "survivor"}}, metav1.CreateOptions{})
	require.NoError(t, err)

	require.NoError(t, cluster.RestartAPIServer(t.Context()))

	assert.NotEqual(t, before["kube-apiserver"], cluster.PIDs()["kube-apiserver"])
	_, err = client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Get(t.Context(), "survivor", metav1.GetOptions{})
	require.NoError(t, err)
	readyNode(t, client, "node-1")
	_, err = client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), pod("after", "1"), metav1.CreateOptions{})
	require.NoError(t, err)
	assert.Equal(t, "node-1", runsOn(t, client, "after"), "scheduler and controller-manager have come back too")
}

func TestVersionIsTheOneBuilt(t *testing.T) {
	version, err := clientFor(t, planetest.Get(t).Config()).Discovery().ServerVersion()
	require.NoError(t, err)
	module, err := os.ReadFile(filepath.Join("build", "go.mod"))
	require.NoError(t, err)
	assert.Contains(t, string(module), "k8s.io/kubernetes "+version.GitVersion)
	assert.Equal(t, "37", version.Minor)
}

func TestKubeconfigIsTheAdministrators(t *testing.T) {
	cluster := planetest.Get(t)
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig())
	require.NoError(t, err)
	_, err = clientFor(t, config).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	info, err := os.Stat(cluster.Kubeconfig())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestStopLeavesNothing(t *testing.T) {
	planetest.Binaries(t)
	kubeconfig := filepath.Join(t.TempDir(), "elsewhere", "kubeconfig")
	cluster, err := plane.Start(t.Context(), plane.Options{KubeconfigPath: kubeconfig, NoScheduler: true, NoControllerManager: true})
	require.NoError(t, err)
	// Without a controller-manager nobody makes ServiceAccounts, and pods do without.
	_, err = clientFor(t, cluster.Config()).CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), pod("alone", "1"), metav1.CreateOptions{})
	require.NoError(t, err)
	require.FileExists(t, kubeconfig)
	pids := cluster.PIDs()
	assert.Len(t, pids, 2)

	cluster.Stop()
	cluster.Stop()

	for name, pid := range pids {
		assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, name)
	}
	assert.NoDirExists(t, cluster.Dir())
	assert.NoFileExists(t, kubeconfig)
	assert.Error(t, cluster.RestartAPIServer(t.Context()))
}

func TestProgramsDieWithTheirParent(t *testing.T) {
	planetest.Binaries(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), envOrphan+"="+t.TempDir())
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var pids []int
	for lines := bufio.NewScanner(output); lines.Scan() && lines.Text() != "ready"; {
		_, id, _ := strings.Cut(lines.Text(), " ")
		pid, err := strconv.Atoi(id)
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	require.Len(t, pids, 3)

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()

	for _, pid := range pids {
		eventually(t, "the end of a program", func() error { return running(pid) })
	}
}

// running is an error for as long as a process runs; one that nobody waits for in
// this machine's first process is as good as gone.
func running(pid int) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	if _, state, _ := strings.Cut(string(status), ") "); strings.HasPrefix(state, "Z") {
		return nil
	}
	return fmt.Errorf("process %d runs", pid)
}

func TestProgramThatEndsAtOnce(t *testing.T) {
	planetest.Binaries(t)
	dir := t.TempDir()
	_, err := plane.Start(t.Context(), plane.Options{Dir: dir, FeatureGates: map[string]bool{"NoSuchGate": true}})
	require.ErrorContains(t, err, "kube-apiserver ended: exit status 1")
	assert.ErrorContains(t, err, "unrecognized feature gate: NoSuchGate", "its own words")
	assert.ErrorContains(t, err, filepath.Join(dir, "logs", "kube-apiserver.log"))
}

func TestProgramThatEndsLater(t *testing.T) {
	planetest.Binaries(t)
	logs := filepath.Join(t.TempDir(), "logs")
	cluster, err := plane.Start(t.Context(), plane.Options{Logs: logs, NoControllerManager: true})
	require.NoError(t, err)
	t.Cleanup(cluster.Stop)
	require.NoError(t, cluster.Err())
	require.NoError(t, syscall.Kill(cluster.PIDs()["kube-scheduler"], syscall.SIGKILL))
	eventually(t, "the death of the scheduler", func() error {
		if cluster.Err() == nil {
			return fmt.Errorf("not noticed")
		}
		return nil
	})
	assert.ErrorContains(t, cluster.Err(), "kube-scheduler ended: signal: killed")
	assert.FileExists(t, filepath.Join(logs, "kube-scheduler.log"))
}

func TestStartIsGivenUp(t *testing.T) {
	planetest.Binaries(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := plane.Start(ctx, plane.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestSchedulerConfigIsRefused(t *testing.T) {
	planetest.Binaries(t)
	file := filepath.Join(t.TempDir(), "scheduler.yaml")
	for situation, test := range map[string]struct{ content, want string }{
		"not YAML":     {content: "a: b: c", want: "mapping values are not allowed"},
		"another kind": {content: "apiVersion: v1\nkind: ConfigMap\n", want: "kind is ConfigMap, not KubeSchedulerConfiguration"},
	} {
		t.Run(situation, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(test.content), 0o600))
			_, err := plane.Start(t.Context(), plane.Options{SchedulerConfig: file})
			require.ErrorContains(t, err, test.want)
			assert.ErrorContains(t, err, file)
		})
	}
}

func TestSchedulerConfigIsTheUsers(t *testing.T) {
	planetest.Binaries(t)
	file := filepath.Join(t.TempDir(), "scheduler.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: packer
`), 0o600))
	cluster, err := plane.Start(t.Context(), plane.Options{SchedulerConfig: file, NoControllerManager: true})
	require.NoError(t, err)
	t.Cleanup(cluster.Stop)
	client := clientFor(t, cluster.Config())
	readyNode(t, client, "node-1")
	// Nobody takes away the taint that admission puts on a new node.
	_, err = client.CoreV1().Nodes().Patch(t.Context(), "node-1", "application/merge-patch+json", []byte(`{"spec":{"taints":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	packed := pod("packed", "1")
	packed.Spec.SchedulerName = "packer"
	_, err = client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), packed, metav1.CreateOptions{})
	require.NoError(t, err)
	assert.Equal(t, "node-1", runsOn(t, client, "packed"))
}

func TestAuditLog(t *testing.T) {
	planetest.Binaries(t)
	cluster, err := plane.Start(t.Context(), plane.Options{
		NoScheduler: true, NoControllerManager: true,
		AuditPolicy: []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Metadata, users: [inspector]}\n- {level: None}\n"),
	})
	require.NoError(t, err)
	t.Cleanup(cluster.Stop)
	config, err := cluster.UserConfig("inspector")
	require.NoError(t, err)
	_, err = clientFor(t, config).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.ErrorContains(t, err, `User "inspector" cannot list resource "nodes"`)
	eventually(t, "what the inspector asked", func() error {
		written, err := os.ReadFile(cluster.AuditLog())
		if err == nil && !strings.Contains(string(written), `"authorization.k8s.io/decision":"forbid"`) {
			err = fmt.Errorf("the log is %q", written)
		}
		return err
	})
	written, err := os.ReadFile(cluster.AuditLog())
	require.NoError(t, err)
	assert.NotContains(t, string(written), "kubernetes-admin", "what the policy says, and no more")
}

func TestFind(t *testing.T) {
	t.Run("where the environment says", func(t *testing.T) {
		folder := t.TempDir()
		t.Setenv(plane.EnvBinaries, folder)
		_, err := plane.Find()
		require.ErrorIs(t, err, plane.ErrNoBinaries)
		require.ErrorContains(t, err, "run make plane")
		for _, program := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
			require.NoError(t, os.WriteFile(filepath.Join(folder, program), nil, 0o700))
		}
		found, err := plane.Find()
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(folder, "kubectl"), found.Kubectl())
		_, err = plane.Start(t.Context(), plane.Options{})
		assert.ErrorContains(t, err, "starting etcd", "an empty file is no program")
	})
	t.Run("outside of a checkout", func(t *testing.T) {
		t.Setenv(plane.EnvBinaries, "")
		t.Chdir(t.TempDir())
		_, err := plane.Find()
		require.ErrorIs(t, err, plane.ErrNoBinaries)
		assert.ErrorContains(t, err, "is in no checkout")
	})
}
