package planetest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

// waiting is for what the control plane does in its own time, looked for every tick.
const (
	waiting = 30 * time.Second
	tick    = 20 * time.Millisecond
)

func TestMain(m *testing.M) { planetest.Main(m, plane.Options{NoScheduler: true}) }

func TestTestsShareOnePlane(t *testing.T) {
	first := planetest.Get(t)
	assert.Same(t, first, planetest.Get(t))
	assert.NotContains(t, first.PIDs(), "kube-scheduler", "the plane that Main was asked for")
}

// mess is what a test may leave: workloads whose controllers make pods, objects
// with finalizers of controllers that no longer run, a namespace, a token.
const mess = `
apiVersion: v1
kind: Namespace
metadata: {name: messy}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: messy}
spec:
  replicas: 20
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example/web:1"}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  parallelism: 5
  completions: 5
  template:
    metadata: {labels: {app: once}}
    spec: {restartPolicy: Never, containers: [{name: once, image: "registry.example/once:1"}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: volume}
spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /data}}
---
apiVersion: v1
kind: Node
metadata: {name: node-1, finalizers: [example.com/nobody]}
---
apiVersion: v1
kind: Pod
metadata: {name: lonely, finalizers: [example.com/nobody]}
spec: {nodeName: node-1, terminationGracePeriodSeconds: 600, containers: [{name: lonely, image: "registry.example/lonely:1"}]}
---
apiVersion: autoscaler.vpsie.com/v1alpha1
kind: NodeGroup
metadata: {name: general, finalizers: [example.com/nobody]}
spec: {minNodes: 0, maxNodes: 3, datacenterIDs: [ams1]}
---
apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-abcdef, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData: {token-id: abcdef, token-secret: 0123456789abcdef}
`

func TestResetLeavesThePlaneAsItWas(t *testing.T) {
	cluster := planetest.Get(t)
	client, err := kubernetes.NewForConfig(cluster.Config())
	require.NoError(t, err)
	planetest.Reset(t, cluster)
	before := inventory(t, client)

	require.NoError(t, cluster.Apply(t.Context(), []byte(mess)))
	require.Eventually(t, func() bool {
		pods, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
		return err == nil && len(pods.Items) == 26
	}, waiting, tick, "the controllers make their pods")
	require.NotEqual(t, before, inventory(t, client))

	planetest.Reset(t, cluster)

	assert.Equal(t, before, inventory(t, client))
	_, err = client.CoreV1().Namespaces().Get(t.Context(), "messy", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
	require.NoError(t, cluster.Apply(t.Context(), []byte(mess)), "all names are free again")
	planetest.Reset(t, cluster)
}

// inventory names what is in the cluster of the kinds that tests make and of
// those that must survive.
func inventory(t *testing.T, client kubernetes.Interface) []string {
	t.Helper()
	ctx := t.Context()
	var names []string
	add := func(kind string, count int, err error, first func(i int) metav1.ObjectMeta) {
		require.NoError(t, err)
		for i := range count {
			o := first(i)
			names = append(names, fmt.Sprintf("%s %s/%s", kind, o.Namespace, o.Name))
		}
	}
	all := metav1.ListOptions{}
	pods, err := client.CoreV1().Pods("").List(ctx, all)
	add("Pod", len(pods.Items), err, func(i int) metav1.ObjectMeta { return pods.Items[i].ObjectMeta })
	nodes, err := client.CoreV1().Nodes().List(ctx, all)
	add("Node", len(nodes.Items), err, func(i int) metav1.ObjectMeta { return nodes.Items[i].ObjectMeta })
	claims, err := client.CoreV1().PersistentVolumeClaims("").List(ctx, all)
	add("PVC", len(claims.Items), err, func(i int) metav1.ObjectMeta { return claims.Items[i].ObjectMeta })
	volumes, err := client.CoreV1().PersistentVolumes().List(ctx, all)
	add("PV", len(volumes.Items), err, func(i int) metav1.ObjectMeta { return volumes.Items[i].ObjectMeta })
	secrets, err := client.CoreV1().Secrets("").List(ctx, all)
	add("Secret", len(secrets.Items), err, func(i int) metav1.ObjectMeta { return secrets.Items[i].ObjectMeta })
	configMaps, err := client.CoreV1().ConfigMaps("").List(ctx, all)
	add("ConfigMap", len(configMaps.Items), err, func(i int) metav1.ObjectMeta { return configMaps.Items[i].ObjectMeta })
	services, err := client.CoreV1().Services("").List(ctx, all)
	add("Service", len(services.Items), err, func(i int) metav1.ObjectMeta { return services.Items[i].ObjectMeta })
	namespaces, err := client.CoreV1().Namespaces().List(ctx, all)
	add("Namespace", len(namespaces.Items), err, func(i int) metav1.ObjectMeta { return namespaces.Items[i].ObjectMeta })
	return names
}

func TestWithoutProgramsTestsAreSkipped(t *testing.T) {
	t.Setenv(plane.EnvBinaries, t.TempDir())
	t.Setenv(planetest.EnvRequired, "")
	asked := &recorder{TB: t}
	asked.run(func() { planetest.Binaries(asked) })
	assert.Contains(t, asked.skipped, "run make plane")

	t.Setenv(planetest.EnvRequired, "1")
	asked = &recorder{TB: t}
	asked.run(func() { planetest.Binaries(asked) })
	assert.Contains(t, asked.failed, "run make plane")
}

// recorder is a test that notes how it ends.
type recorder struct {
	testing.TB
	skipped, failed string
}

// ended is how recorder leaves a test, as the real one does with Goexit.
type ended struct{}

func (r *recorder) Helper() {}

func (r *recorder) Skip(arguments ...any) {
	r.skipped = fmt.Sprint(arguments...)
	panic(ended{})
}

func (r *recorder) Fatal(arguments ...any) {
	r.failed = fmt.Sprint(arguments...)
	panic(ended{})
}

func (r *recorder) run(test func()) {
	defer func() {
		if _, expected := recover().(ended); !expected {
			r.TB.Fatal("neither skipped nor failed")
		}
	}()
	test()
}
