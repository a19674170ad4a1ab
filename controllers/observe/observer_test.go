package observe

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func TestMain(m *testing.M) { planetest.Main(m) }

func scheme(t testing.TB) *runtime.Scheme {
	s := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(s))
	require.NoError(t, v1alpha1.AddToScheme(s))
	return s
}

// watch starts an Observer as a user; done is what Start returned.
func watch(t *testing.T, config *rest.Config, prepare func(*Observer)) (o *Observer, done <-chan error) {
	options := CacheOptions()
	options.Scheme = scheme(t)
	copies, err := cache.New(config, options)
	require.NoError(t, err)
	live, err := client.New(config, client.Options{Scheme: options.Scheme})
	require.NoError(t, err)
	o, err = New(Options{Cache: copies, Live: live, Scheme: options.Scheme, Again: 50 * time.Millisecond})
	require.NoError(t, err)
	prepare(o)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { _ = copies.Start(ctx) }()
	result := make(chan error, 1)
	go func() { result <- o.Start(ctx) }()
	return o, result
}

func TestObserverOnARealControlPlane(t *testing.T) {
	cluster := planetest.Get(t)
	planetest.Reset(t, cluster)
	ctx := t.Context()
	admin, err := client.New(cluster.Config(), client.Options{Scheme: scheme(t)})
	require.NoError(t, err)
	pod := simtest.Pod("shop", "1", "1Gi")
	pod.UID, pod.ResourceVersion = "", ""
	pod.Spec.SchedulerName = "nobody"
	node := simtest.Node("n1", "4", "16Gi")
	group := &v1alpha1.NodeGroup{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: v1alpha1.NodeGroupSpec{MaxNodes: 3}}
	m := machine("")
	for _, object := range []client.Object{pod, node, group, m} {
		require.NoError(t, admin.Create(ctx, object))
	}

	// A user who may watch all but one kind of what is observed.
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "observer-test"}}
	for _, k := range kinds() {
		if k.resource != "poddisruptionbudgets" {
			role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{k.resource}, Verbs: []string{"list", "watch"}})
		}
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "observer-test"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "observer-test"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "watcher"}},
	}
	for _, object := range []client.Object{role, binding} {
		require.NoError(t, admin.Create(ctx, object))
		t.Cleanup(func() { _ = admin.Delete(context.Background(), object) })
	}
	config, err := cluster.UserConfig("watcher")
	require.NoError(t, err)
	heard := make(chan string, 100)
	o, _ := watch(t, config, func(o *Observer) {
		o.Handle("nodes", toolscache.ResourceEventHandlerFuncs{AddFunc: func(object any) { heard <- object.(*v1.Node).Name }})
		_, err := o.Snapshot(sells(t))
		require.ErrorIs(t, err, ErrNotSynced)
	})
	require.Eventually(t, o.HasSynced, time.Minute, 10*time.Millisecond)
	assert.Equal(t, "n1", <-heard)
	assert.Equal(t, []string{
		"the cluster has no podgroups",
		"not allowed to list poddisruptionbudgets: plans are made as if there were none",
	}, withoutTaintRules(o.Notes()))

	s, err := o.Snapshot(sells(t))
	require.NoError(t, err)
	assert.Contains(t, s.Upcoming, host)
	assert.Len(t, s.Objects.Nodes, 2)
	require.Len(t, s.Objects.Pods, 1)
	assert.Empty(t, s.Objects.Pods[0].ManagedFields)
	assert.NotEmpty(t, s.Objects.Namespaces)
	assert.Equal(t, "shop", o.Pod(PodKey(pod)).Name)
	assert.Equal(t, "n1", o.Node("n1").Name)
	assert.Nil(t, o.Node("n2"))
	assert.Nil(t, o.CSINode("n1"))
	assert.Nil(t, o.CSIDriver("d"))
	assert.Equal(t, "web", o.NodeGroup("web").Name)
	assert.Equal(t, host, o.Machine(host).Name)
	assert.Len(t, o.Machines(), 1)

	// What could not be listed is tried again.
	role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"poddisruptionbudgets"}, Verbs: []string{"list", "watch"}})
	require.NoError(t, admin.Update(ctx, role))
	require.Eventually(t, func() bool { return !strings.Contains(strings.Join(o.Notes(), "\n"), "poddisruptionbudgets") }, time.Minute, 10*time.Millisecond)
}

// withoutTaintRules leaves out a kind that some versions serve.
func withoutTaintRules(notes []string) (kept []string) {
	for _, note := range notes {
		if !strings.Contains(note, "devicetaintrules") {
			kept = append(kept, note)
		}
	}
	return kept
}

func TestWithoutPodsThereIsNothingToObserve(t *testing.T) {
	config, err := planetest.Get(t).UserConfig("stranger")
	require.NoError(t, err)
	o, done := watch(t, config, func(*Observer) {})
	require.EqualError(t, <-done, "observe: not allowed to list pods: plans are made as if there were none")
	assert.False(t, o.HasSynced())
}

func TestIncompleteOptions(t *testing.T) {
	_, err := New(Options{})
	assert.EqualError(t, err, "observe: Cache, Live and Scheme must be set")
}

func TestCacheKeepsWhatSchedulingDependsOn(t *testing.T) {
	transform := func(object client.Object) client.Object {
		for kind, by := range CacheOptions().ByObject {
			if sameType(kind, object) {
				result, err := by.Transform(object)
				require.NoError(t, err)
				return result.(client.Object)
			}
		}
		result, err := CacheOptions().DefaultTransform(object)
		require.NoError(t, err)
		return result.(client.Object)
	}
	managed := metav1.ObjectMeta{Name: "x", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, Annotations: map[string]string{lastApplied: "{}", "keep": "me"}}

	service := transform(&v1.Service{ObjectMeta: *managed.DeepCopy()})
	assert.Empty(t, service.GetManagedFields())
	assert.Equal(t, map[string]string{"keep": "me"}, service.GetAnnotations())

	cpu := v1.ResourceList{v1.ResourceCPU: resource.MustParse("1")}
	spec := v1.PodSpec{
		SecurityContext: &v1.PodSecurityContext{},
		Containers: []v1.Container{{
			Name: "c", Image: "i", Command: []string{"run"}, Env: []v1.EnvVar{{Name: "SECRET"}}, Ports: []v1.ContainerPort{{HostPort: 80}}, Resources: v1.ResourceRequirements{Requests: cpu},
		}},
	}
	pod := transform(&v1.Pod{ObjectMeta: managed, Spec: spec, Status: v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{{Name: "c", ImageID: "sha", AllocatedResources: cpu}}}}).(*v1.Pod)
	assert.Equal(t, []v1.Container{{Name: "c", Image: "i", Ports: []v1.ContainerPort{{HostPort: 80}}, Resources: v1.ResourceRequirements{Requests: cpu}}}, pod.Spec.Containers)
	assert.Equal(t, []v1.ContainerStatus{{Name: "c", AllocatedResources: cpu}}, pod.Status.ContainerStatuses)

	set := transform(&appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{Template: v1.PodTemplateSpec{Spec: v1.PodSpec{
		Containers: []v1.Container{{Name: "c", Command: []string{"run"}, Resources: v1.ResourceRequirements{Limits: cpu}}},
	}}}}).(*appsv1.DaemonSet)
	assert.Empty(t, set.Spec.Template.Spec.Containers[0].Command)
	assert.Equal(t, cpu, set.Spec.Template.Spec.Containers[0].Resources.Requests, "as the API server does with its pods")

	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
	replicas := transform(&appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: v1.PodTemplateSpec{Spec: spec}}}).(*appsv1.ReplicaSet)
	assert.Equal(t, appsv1.ReplicaSetSpec{Selector: selector}, replicas.Spec)
	stateful := transform(&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Selector: selector, VolumeClaimTemplates: []v1.PersistentVolumeClaim{{}}}}).(*appsv1.StatefulSet)
	assert.Equal(t, appsv1.StatefulSetSpec{Selector: selector}, stateful.Spec)
	event := transform(&eventsv1.Event{Reason: "FailedScheduling", Note: "0/3 nodes", Regarding: v1.ObjectReference{Name: "p"}}).(*eventsv1.Event)
	assert.Equal(t, eventsv1.Event{Reason: "FailedScheduling", Regarding: v1.ObjectReference{Name: "p"}}, *event)

	_, err := CacheOptions().DefaultTransform("no object")
	assert.EqualError(t, err, "cache: did not expect a string")
}

func sameType(a, b client.Object) bool {
	x, _, _ := clientgoscheme.Scheme.ObjectKinds(a)
	y, _, _ := clientgoscheme.Scheme.ObjectKinds(b)
	return len(x) > 0 && len(y) > 0 && x[0] == y[0]
}
