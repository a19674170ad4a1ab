package buffers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/nodegroup"
)

func TestMain(m *testing.M) {
	planetest.Main(m, plane.Options{NoScheduler: true, NoControllerManager: true})
}

// definition is as much of the API's CustomResourceDefinition as is needed.
const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: capacitybuffers.autoscaling.x-k8s.io
  annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes/autoscaler"}
spec:
  group: autoscaling.x-k8s.io
  scope: Namespaced
  names: {kind: CapacityBuffer, listKind: CapacityBufferList, plural: capacitybuffers, singular: capacitybuffer}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func clientOf(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	c, err := client.New(planetest.Get(t).Config(), client.Options{Scheme: scheme})
	require.NoError(t, err)
	return c
}

func buffersOf(t *testing.T, reader client.Reader) *Buffers {
	t.Helper()
	b, err := New(Options{Reader: reader})
	require.NoError(t, err)
	return b
}

func create(t *testing.T, c client.Client, name, spec string) {
	t.Helper()
	var object map[string]any
	require.NoError(t, yaml.Unmarshal([]byte("apiVersion: autoscaling.x-k8s.io/v1beta1\nkind: CapacityBuffer\nmetadata: {namespace: default, name: "+name+"}\nspec: "+spec), &object))
	require.NoError(t, c.Create(t.Context(), &unstructured.Unstructured{Object: object}))
}

// web is a pod of 500m and 1Gi.
func web() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{"disk": "ssd"}, PriorityClassName: "high",
			Containers: []corev1.Container{{Name: "web", Image: "web", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("1Gi"),
			}}}},
		},
	}
}

func TestBuffersOfACluster(t *testing.T) {
	c := clientOf(t)
	b := buffersOf(t, c)
	assert.Empty(t, b.Pods(), "before they were read")
	require.NoError(t, b.Read(t.Context()))
	assert.Empty(t, b.Pods(), "the API is not installed")

	require.NoError(t, planetest.Get(t).Apply(t.Context(), []byte(definition)))
	c = clientOf(t)
	b = buffersOf(t, c)
	template := web()
	template.Spec.PriorityClassName = ""
	require.NoError(t, c.Create(t.Context(), &corev1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Template: template}))
	ten := int32(10)
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       appsv1.DeploymentSpec{Replicas: &ten, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Template: web()},
	}
	require.NoError(t, c.Create(t.Context(), deployment))

	create(t, c, "a", "{podTemplateRef: {name: web}, replicas: 2}")
	create(t, c, "b", "{scalableRef: {apiGroup: apps, kind: Deployment, name: web}, percentage: 25, provisioningStrategy: buffer.x-k8s.io/active-capacity}")
	create(t, c, "c", "{podTemplateRef: {name: web}, limits: {cpu: 1200m, memory: 100Gi}}")
	create(t, c, "d", "{podTemplateRef: {name: web}, replicas: 9, limits: {memory: 1500Mi}}")
	for name, spec := range map[string]string{
		"x1": "{podTemplateRef: {name: none}, replicas: 1}",
		"x2": "{scalableRef: {apiGroup: batch, kind: Job, name: web}, replicas: 1}",
		"x3": "{replicas: 1}",
		"x4": "{podTemplateRef: {name: web}}",
		"x5": "{podTemplateRef: {name: web}, limits: {nvidia.com/gpu: 4}}",
		"x6": "{podTemplateRef: {name: web}, replicas: 100000}",
		"x7": "{podTemplateRef: {name: web}, replicas: many}",
		"x8": "{podTemplateRef: {name: web}, replicas: 3, provisioningStrategy: example.com/other}",
		"x9": "{scalableRef: {apiGroup: apps, kind: Deployment, name: none}, percentage: 10}",
	} {
		create(t, c, name, spec)
	}
	require.NoError(t, b.Read(t.Context()))
	var names []string
	for _, pod := range b.Pods() {
		names = append(names, pod.Namespace+"/"+pod.Name)
		assert.True(t, nodegroup.IsHeadroom(pod))
		assert.EqualValues(t, nodegroup.HeadroomPriority, *pod.Spec.Priority)
		assert.Empty(t, pod.Spec.PriorityClassName)
		assert.Equal(t, map[string]string{"disk": "ssd"}, pod.Spec.NodeSelector)
		assert.Equal(t, "500m", pod.Spec.Containers[0].Resources.Requests.Cpu().String())
	}
	assert.Equal(t, []string{
		"default/a-0", "default/a-1", // as many as are asked for
		"default/b-0", "default/b-1", "default/b-2", // a quarter of ten, rounded up
		"default/c-0", "default/c-1", // what 1.2 cores hold
		"default/d-0", // nine are wanted, one fits
	}, names)
	first := b.Pods()
	require.NoError(t, b.Read(t.Context()))
	assert.Equal(t, first, b.Pods(), "the same each time")

	// What cannot be read changes nothing.
	failing := &unreachable{Client: c}
	b.options.Reader = failing
	failing.list = errors.New("no route")
	require.ErrorIs(t, b.Read(t.Context()), failing.list)
	failing.list, failing.get = nil, errors.New("no route")
	require.ErrorIs(t, b.Read(t.Context()), failing.get)
	assert.Equal(t, first, b.Pods())
}

type unreachable struct {
	client.Client
	list, get error
}

func (u *unreachable) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if u.list != nil {
		return u.list
	}
	return u.Client.List(ctx, list, options...)
}

func (u *unreachable) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if u.get != nil {
		return u.get
	}
	return u.Client.Get(ctx, key, object, options...)
}

func TestBuffersAreReadAgainAndAgain(t *testing.T) {
	fakeClock := testingclock.NewFakeClock(time.Unix(0, 0))
	reads := make(chan struct{}, 100)
	b, err := New(Options{Reader: counting{reads}, Clock: fakeClock})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Start(ctx) }()
	<-reads
	require.Eventually(t, fakeClock.HasWaiters, 10*time.Second, time.Millisecond)
	fakeClock.Step(30 * time.Second)
	<-reads
	cancel()
	require.NoError(t, <-done)
	assert.True(t, b.NeedLeaderElection())
	_, err = New(Options{})
	require.EqualError(t, err, "buffers: Options.Reader is missing")
}

type counting struct{ reads chan struct{} }

func (c counting) List(context.Context, client.ObjectList, ...client.ListOption) error {
	c.reads <- struct{}{}
	return errors.New("no route")
}

func (counting) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("no route")
}

func TestHowManyCopies(t *testing.T) {
	n := func(v int32) *int32 { return &v }
	scalable := &reference{APIGroup: "apps", Kind: "Deployment", Name: "web"}
	for name, tc := range map[string]struct {
		spec  spec
		scale int32
		want  int64
	}{
		"none":                            {spec{Replicas: n(0)}, 0, 0},
		"negative":                        {spec{Replicas: n(-3)}, 0, 0},
		"the greater of both":             {spec{Replicas: n(2), Percentage: n(50), ScalableRef: scalable}, 8, 4},
		"a percentage of nothing":         {spec{Percentage: n(10), ScalableRef: scalable}, 0, 1},
		"zero percent":                    {spec{Percentage: n(0), ScalableRef: scalable}, 10, 0},
		"a percentage of a template":      {spec{Percentage: n(10)}, 10, 0},
		"limits smaller than one":         {spec{Replicas: n(2), Limits: corev1.ResourceList{"cpu": resource.MustParse("100m")}}, 0, 0},
		"limits on what is not requested": {spec{Replicas: n(2), Limits: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}}, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.spec.count(web().Spec, tc.scale)
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}
