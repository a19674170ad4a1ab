package example_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/example"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1/strict"
)

// mistakeAnnotation marks a workload that no machine can host, and says why.
const mistakeAnnotation = "tulip.example/mistake"

// cluster is the example, decoded by this test's own simple means: it must not
// depend on the loader that it is an example for.
type cluster struct {
	nodes           map[string]*v1.Node
	csiNodes        map[string]*storagev1.CSINode
	drivers         map[string]*storagev1.CSIDriver
	namespaces      map[string]*v1.Namespace
	priorityClasses map[string]*schedulingv1.PriorityClass
	storageClasses  map[string]*storagev1.StorageClass
	volumes         map[string]*v1.PersistentVolume
	claims          map[string]*v1.PersistentVolumeClaim // by namespace/name
	services        map[string]*v1.Service               // by namespace/name
	budgets         []*policyv1.PodDisruptionBudget
	daemonSets      map[string]*appsv1.DaemonSet // by namespace/name
	running         []*v1.Pod
	workloads       map[string]workload // by namespace/name
	groups          map[string]*v1alpha1.NodeGroup
}

// workload is whatever has pods that are still pending.
type workload struct {
	object   metav1.Object
	kind     string
	pods     int
	pod      v1.PodTemplateSpec
	selector *metav1.LabelSelector // nil where a controller makes it up
	claims   []v1.PersistentVolumeClaim
	service  string
}

func (w workload) mistake() string { return w.object.GetAnnotations()[mistakeAnnotation] }

func key(o metav1.Object) string { return o.GetNamespace() + "/" + o.GetName() }

func load(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{
		nodes: map[string]*v1.Node{}, csiNodes: map[string]*storagev1.CSINode{}, drivers: map[string]*storagev1.CSIDriver{},
		namespaces: map[string]*v1.Namespace{}, priorityClasses: map[string]*schedulingv1.PriorityClass{},
		storageClasses: map[string]*storagev1.StorageClass{}, volumes: map[string]*v1.PersistentVolume{},
		claims: map[string]*v1.PersistentVolumeClaim{}, services: map[string]*v1.Service{},
		daemonSets: map[string]*appsv1.DaemonSet{}, workloads: map[string]workload{}, groups: map[string]*v1alpha1.NodeGroup{},
	}
	files, err := fs.Glob(example.FS, "cluster/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	seen := map[string]string{}
	for _, name := range files {
		for i, document := range documents(t, name) {
			object, kind, err := decoder.Decode(document, nil, nil)
			require.NoError(t, err, "%s, document %d", name, i+1)
			accessor, err := meta.Accessor(object)
			require.NoError(t, err)
			id := kind.Kind + " " + key(accessor)
			require.Empty(t, seen[id], "%s: %s is also in %s", name, id, seen[id])
			seen[id] = name
			require.NoError(t, c.add(object), "%s: %s", name, id)
		}
	}
	data, err := fs.ReadFile(example.FS, "nodegroups.yaml")
	require.NoError(t, err)
	groups, err := strict.NodeGroups("nodegroups.yaml", data)
	require.NoError(t, err)
	for _, g := range groups {
		c.groups[g.Name] = g
	}
	return c
}

func documents(t *testing.T, name string) [][]byte {
	t.Helper()
	data, err := fs.ReadFile(example.FS, name)
	require.NoError(t, err)
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var all [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, name)
		all = append(all, document)
	}
}

func (c *cluster) add(object runtime.Object) error {
	switch o := object.(type) {
	case *v1.Node:
		c.nodes[o.Name] = o
	case *storagev1.CSINode:
		c.csiNodes[o.Name] = o
	case *storagev1.CSIDriver:
		c.drivers[o.Name] = o
	case *v1.Namespace:
		c.namespaces[o.Name] = o
	case *schedulingv1.PriorityClass:
		c.priorityClasses[o.Name] = o
	case *storagev1.StorageClass:
		c.storageClasses[o.Name] = o
	case *v1.PersistentVolume:
		c.volumes[o.Name] = o
	case *v1.PersistentVolumeClaim:
		c.claims[key(o)] = o
	case *v1.Service:
		c.services[key(o)] = o
	case *policyv1.PodDisruptionBudget:
		c.budgets = append(c.budgets, o)
	case *appsv1.DaemonSet:
		c.daemonSets[key(o)] = o
	case *v1.Pod:
		if o.Spec.NodeName != "" {
			c.running = append(c.running, o)
			return nil
		}
		c.workloads[key(o)] = workload{object: o, kind: "Pod", pods: 1, pod: v1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}}
	case *appsv1.Deployment:
		c.workloads[key(o)] = workload{object: o, kind: "Deployment", pods: count(o.Spec.Replicas), pod: o.Spec.Template,
			selector: o.Spec.Selector}
	case *appsv1.StatefulSet:
		c.workloads[key(o)] = workload{object: o, kind: "StatefulSet", pods: count(o.Spec.Replicas), pod: o.Spec.Template,
			selector: o.Spec.Selector, claims: o.Spec.VolumeClaimTemplates, service: o.Spec.ServiceName}
	case *batchv1.Job:
		c.workloads[key(o)] = workload{object: o, kind: "Job", pods: jobPods(o.Spec), pod: o.Spec.Template}
	case *batchv1.CronJob:
		job := o.Spec.JobTemplate.Spec
		c.workloads[key(o)] = workload{object: o, kind: "CronJob", pods: jobPods(job), pod: job.Template}
	default:
		return fmt.Errorf("the example has no use for a %T", object)
	}
	return nil
}

func count(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}

// jobPods is how many pods a Job runs at a time.
func jobPods(spec batchv1.JobSpec) int {
	return min(count(spec.Parallelism), count(spec.Completions))
}

// assertHas is assert.Contains for a map, without printing the whole cluster.
func assertHas[V any](t *testing.T, m map[string]V, wanted string, of ...any) bool {
	t.Helper()
	if _, has := m[wanted]; !has {
		return assert.Fail(t, fmt.Sprintf("there is no %q", wanted), of...)
	}
	return true
}
