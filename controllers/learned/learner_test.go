package learned

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func TestMain(m *testing.M) {
	planetest.Main(m, plane.Options{NoScheduler: true, NoControllerManager: true})
}

// cluster is a client of the plane, emptied.
func cluster(t *testing.T) client.Client {
	t.Helper()
	p := planetest.Get(t)
	planetest.Reset(t, p)
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	c, err := client.New(p.Config(), client.Options{Scheme: scheme})
	require.NoError(t, err)
	return c
}

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func learner(t *testing.T, c client.Client, change func(*Options)) (*Learner, *testingclock.FakeClock, *events.FakeRecorder) {
	t.Helper()
	fakeClock, recorder := testingclock.NewFakeClock(start), events.NewFakeRecorder(100)
	options := Options{
		Client: c, Reader: c, Namespace: "kube-system", Clock: fakeClock, Recorder: recorder, Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&options)
	}
	l, err := New(options)
	require.NoError(t, err)
	return l, fakeClock, recorder
}

// join makes a VPSieNode of 2 cores and 8 GiB of which the plan counted on 7,
// and its Node, Ready since the start, with so many MiB for pods.
func join(t *testing.T, c client.Client, name string, mebibytes int64) *corev1.Node {
	t.Helper()
	promised := size(2, 7)
	require.NoError(t, c.Create(t.Context(), &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.VPSieNodeSpec{
			NodeGroup: "general", Offering: "std-2c8g", Datacenter: "ams1", Hostname: name, PlanID: "plan-1",
			Allocatable: binpack.ResourceList(&promised),
		},
	}))
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.VPSieNodeLabel: name}}}
	require.NoError(t, c.Create(t.Context(), node))
	shown := size(2, 8)
	node.Status.Capacity = binpack.ResourceList(&shown)
	shown.MemoryBytes = mebibytes << 20
	node.Status.Allocatable = binpack.ResourceList(&shown)
	node.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastTransitionTime: metav1.NewTime(start),
	}}
	require.NoError(t, c.Status().Update(t.Context(), node))
	return node
}

func (l *Learner) memoryOf(t *testing.T, offering string) int64 {
	t.Helper()
	c := shop(t)
	require.NoError(t, l.Look(t.Context(), c))
	return l.Apply(c).Offering(offering).Allocatable.MemoryBytes >> 20
}

func TestWhatNodesShowIsLearnedAndSurvivesARestart(t *testing.T) {
	c := cluster(t)
	l, fakeClock, recorder := learner(t, c, nil)
	estimate := l.memoryOf(t, "std-2c8g")

	join(t, c, "vpsie-general-a", 7500)
	assert.Equal(t, estimate, l.memoryOf(t, "std-2c8g"), "as much as planned, and the node has not settled")
	fakeClock.Step(3 * time.Minute)
	assert.EqualValues(t, 7500, l.memoryOf(t, "std-2c8g"))
	require.Empty(t, recorder.Events)

	fakeClock.Step(-3 * time.Minute)
	join(t, c, "vpsie-general-b", 6500)
	assert.EqualValues(t, 6500, l.memoryOf(t, "std-2c8g"), "less than planned is believed at once")
	require.Len(t, recorder.Events, 1)
	assert.Equal(t, "Warning SmallerThanPlanned Node vpsie-general-b offers less than was planned: 6656000 KiB of memory instead of 7340032 KiB. The next plan counts on what it offers.", <-recorder.Events)
	l.memoryOf(t, "std-2c8g")
	assert.Empty(t, recorder.Events, "said once")
	assert.EqualValues(t, 1, testutil.ToFloat64(l.metrics.observations.WithLabelValues("smaller")))
	assert.EqualValues(t, 1, testutil.ToFloat64(l.metrics.observations.WithLabelValues("asPlanned")))
	assert.EqualValues(t, 6500<<20, testutil.ToFloat64(l.metrics.memory.WithLabelValues("std-2c8g")))

	require.NoError(t, l.Save(t.Context()))
	require.NoError(t, c.DeleteAllOf(t.Context(), &v1alpha1.VPSieNode{}))
	again, _, _ := learner(t, c, nil)
	assert.EqualValues(t, 6500, again.memoryOf(t, "std-2c8g"), "its machines are gone, what they showed is not")

	// One more, after which the ConfigMap exists and is changed.
	join(t, c, "vpsie-general-c", 6400)
	assert.EqualValues(t, 6400, again.memoryOf(t, "std-2c8g"))
	require.NoError(t, again.Save(t.Context()))
	third, _, _ := learner(t, c, nil)
	assert.EqualValues(t, 6400, third.memoryOf(t, "std-2c8g"))
}

func TestNodesThatAreNotBelieved(t *testing.T) {
	c := cluster(t)
	l, _, _ := learner(t, c, nil)
	estimate := l.memoryOf(t, "std-2c8g")
	notReady := join(t, c, "vpsie-general-a", 6000)
	notReady.Status.Conditions[0].Status = corev1.ConditionFalse
	require.NoError(t, c.Status().Update(t.Context(), notReady))
	foreign := join(t, c, "vpsie-general-b", 6000)
	foreign.Labels[v1alpha1.VPSieNodeLabel] = "vpsie-general-a"
	require.NoError(t, c.Update(t.Context(), foreign))
	absurd := join(t, c, "vpsie-general-c", 6000)
	absurd.Status.Allocatable[corev1.ResourceMemory] = resource.MustParse("0")
	require.NoError(t, c.Status().Update(t.Context(), absurd))
	noCondition := join(t, c, "vpsie-general-d", 6000)
	noCondition.Status.Conditions = nil
	require.NoError(t, c.Status().Update(t.Context(), noCondition))
	assert.Equal(t, estimate, l.memoryOf(t, "std-2c8g"))
}

// A machine that joins smaller than planned leads to another plan, not to the
// same machine again.
func TestAShortfallIsNotBoughtTwice(t *testing.T) {
	c := cluster(t)
	l, _, _ := learner(t, c, nil)
	pod := simtest.Pod("web", "1", "6700Mi")
	pod.Spec.SchedulerName = corev1.DefaultSchedulerName
	bought := func(nodes ...runtime.Object) []string {
		t.Helper()
		catalog := shop(t)
		require.NoError(t, l.Look(t.Context(), catalog))
		p, err := binpack.ScaleUp(t.Context(), binpack.Request{
			Objects: simtest.Objects(t, append(nodes, pod)...), Scheduler: simtest.Config(t, ""), Catalog: l.Apply(catalog),
		})
		require.NoError(t, err)
		var names []string
		for _, m := range p.Add {
			names = append(names, m.Offering)
		}
		return names
	}
	require.Equal(t, []string{"std-2c8g"}, bought(), "the estimate says that it fits")
	node := join(t, c, "vpsie-general-a", 6500)
	require.Equal(t, []string{"std-4c16g"}, bought(node), "it did not, and the very next plan knows")
	require.NoError(t, l.Save(t.Context()))

	restarted, _, _ := learner(t, c, nil)
	l = restarted
	assert.Equal(t, []string{"std-4c16g"}, bought(node), "so does a plan after a restart")
}

func TestABrokenConfigMapIsReplaced(t *testing.T) {
	c := cluster(t)
	require.NoError(t, c.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: ConfigMap}, Data: map[string]string{Key: "{", "note": "kept"},
	}))
	l, _, _ := learner(t, c, nil)
	join(t, c, "vpsie-general-a", 6500)
	assert.EqualValues(t, 6500, l.memoryOf(t, "std-2c8g"))
	require.NoError(t, l.Save(t.Context()))
	var now corev1.ConfigMap
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: ConfigMap}, &now))
	read, err := decode(now.Data[Key])
	require.NoError(t, err)
	assert.Len(t, read["std-2c8g"], 1)
	assert.Equal(t, "kept", now.Data["note"], "other keys are not ours")
}

// unreachable is an API server that answers nothing to some requests.
type unreachable struct {
	client.Client
	get, create error
}

func (u *unreachable) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if u.get != nil {
		return u.get
	}
	return u.Client.Get(ctx, key, into, options...)
}

func (u *unreachable) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if u.create != nil {
		return u.create
	}
	return u.Client.Create(ctx, object, options...)
}

func TestNothingIsPlannedWhileWhatIsKnownCannotBeRead(t *testing.T) {
	c := cluster(t)
	broken := &unreachable{Client: c, get: errors.New("no route")}
	l, _, _ := learner(t, c, func(o *Options) { o.Reader = broken })
	require.ErrorIs(t, l.Look(t.Context(), shop(t)), broken.get)
	broken.get = nil
	require.NoError(t, l.Look(t.Context(), shop(t)))
}

func TestSavingIsTriedAgain(t *testing.T) {
	c := cluster(t)
	broken := &unreachable{Client: c, create: errors.New("no route")}
	l, fakeClock, _ := learner(t, c, func(o *Options) { o.Client = broken })
	join(t, c, "vpsie-general-a", 6500)
	require.NoError(t, l.Look(t.Context(), shop(t)))
	require.ErrorIs(t, l.Save(t.Context()), broken.create)
	broken.create = nil

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Start(ctx) }()
	saved := func() bool {
		return c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: ConfigMap}, &corev1.ConfigMap{}) == nil
	}
	require.Eventually(t, fakeClock.HasWaiters, 10*time.Second, time.Millisecond)
	fakeClock.Step(30 * time.Second)
	require.Eventually(t, saved, 10*time.Second, 10*time.Millisecond)

	// The last observations are saved when the process ends.
	join(t, c, "vpsie-general-b", 6400)
	require.NoError(t, l.Look(t.Context(), shop(t)))
	cancel()
	require.NoError(t, <-done)
	again, _, _ := learner(t, c, nil)
	require.NoError(t, c.DeleteAllOf(t.Context(), &v1alpha1.VPSieNode{}))
	assert.EqualValues(t, 6400, again.memoryOf(t, "std-2c8g"))
	assert.True(t, l.NeedLeaderElection())
}

func TestOptionsThatAreMissing(t *testing.T) {
	_, err := New(Options{Namespace: "kube-system"})
	require.EqualError(t, err, "learned: Options.Client or Options.Reader is missing")
	var none struct{ client.Client }
	_, err = New(Options{Client: none, Reader: none})
	require.EqualError(t, err, "learned: Options.Namespace is missing")
	registry := prometheus.NewRegistry()
	for i := range 2 {
		_, err = New(Options{Client: none, Reader: none, Namespace: "kube-system", Registerer: registry})
		assert.Equalf(t, i > 0, err != nil, "%v", err)
	}
}

func TestWhatANodeHasLess(t *testing.T) {
	promised := size(2, 7)
	for want, change := range map[string]func(*corev1.ResourceList){
		"":                                      func(*corev1.ResourceList) {},
		"1900m of CPU instead of 2000m":         func(l *corev1.ResourceList) { (*l)[corev1.ResourceCPU] = resource.MustParse("1900m") },
		"60 pods instead of 110":                func(l *corev1.ResourceList) { (*l)[corev1.ResourcePods] = resource.MustParse("60") },
		"1024 MiB of disk instead of 81920 MiB": func(l *corev1.ResourceList) { (*l)[corev1.ResourceEphemeralStorage] = resource.MustParse("1Gi") },
		"1024 KiB of memory instead of 7340032 KiB": func(l *corev1.ResourceList) { (*l)[corev1.ResourceMemory] = resource.MustParse("1Mi") },
	} {
		list := binpack.ResourceList(&promised)
		change(&list)
		assert.Equal(t, want, lacks(resources(list), promised), fmt.Sprint(list))
	}
}
