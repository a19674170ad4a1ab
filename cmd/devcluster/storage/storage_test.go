package storage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/storage"
)

func TestMain(m *testing.M) { planetest.Main(m) }

// What the control plane does in its own time is waited for, looked at every tick.
const (
	waiting = 60 * time.Second
	tick    = 50 * time.Millisecond
)

// start runs the storage of two regions for as long as the test.
func start(t *testing.T) kubernetes.Interface {
	t.Helper()
	cluster := planetest.Get(t)
	client, err := kubernetes.NewForConfig(cluster.Config())
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- storage.Run(ctx, client, []string{"ams1", "fra1"}) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
		planetest.Reset(t, cluster)
	})
	require.Eventually(t, func() bool {
		_, err := client.StorageV1().StorageClasses().Get(ctx, storage.ClassSlow, metav1.GetOptions{})
		return err == nil
	}, waiting, tick)
	return client
}

// node registers a ready node of one region.
func node(t *testing.T, client kubernetes.Interface, name, region string) {
	t.Helper()
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	_, err := client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		// The kubelet's, without which the controller-manager attaches nothing.
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, storage.RegisterNode(t.Context(), client, name, region))
	require.NoError(t, storage.RegisterNode(t.Context(), client, name, region), "again, as a restarted kubelet does")
}

func claim(name, class, size string, modes ...corev1.PersistentVolumeAccessMode) *corev1.PersistentVolumeClaim {
	if modes == nil {
		modes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes,
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}},
		},
	}
	if class != "" {
		c.Spec.StorageClassName = &class
	}
	return c
}

func create(t *testing.T, client kubernetes.Interface, claims ...*corev1.PersistentVolumeClaim) {
	t.Helper()
	for _, c := range claims {
		_, err := client.CoreV1().PersistentVolumeClaims(c.Namespace).Create(t.Context(), c, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

// user is a pod that needs claims.
func user(name string, claims ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/main:1"}}},
	}
	for _, c := range claims {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: c, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: c},
		}})
	}
	return p
}

// volume waits for the volume a claim is bound to.
func volume(t *testing.T, client kubernetes.Interface, name string) *corev1.PersistentVolume {
	t.Helper()
	var bound *corev1.PersistentVolumeClaim
	eventually(t, "claim "+name, func() (err error) {
		bound, err = client.CoreV1().PersistentVolumeClaims(metav1.NamespaceDefault).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && bound.Status.Phase != corev1.ClaimBound {
			err = errors.New("not bound")
		}
		return err
	})
	found, err := client.CoreV1().PersistentVolumes().Get(t.Context(), bound.Spec.VolumeName, metav1.GetOptions{})
	require.NoError(t, err)
	return found
}

func regionOf(v *corev1.PersistentVolume) string {
	return v.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]
}

func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	var last error
	if !assert.Eventually(t, func() bool { last = condition(); return last == nil }, waiting, tick, what) {
		t.Fatalf("%s: %v", what, last)
	}
}

func TestVolumeGoesWhereItsFirstPodGoes(t *testing.T) {
	client := start(t)
	create(t, client, claim("data", "", "1500Mi"))
	_, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), user("database", "data"), metav1.CreateOptions{})
	require.NoError(t, err)
	node(t, client, "node-1", "fra1")

	made := volume(t, client, "data")
	assert.Equal(t, "fra1", regionOf(made))
	assert.Equal(t, storage.ClassBlock, made.Spec.StorageClassName, "the default class")
	assert.Equal(t, "2Gi", made.Spec.Capacity.Storage().String())
	assert.Equal(t, storage.DriverName, made.Spec.CSI.Driver)
	eventually(t, "the pod", func() error {
		found, err := client.CoreV1().Pods(metav1.NamespaceDefault).Get(t.Context(), "database", metav1.GetOptions{})
		if err == nil && found.Spec.NodeName != "node-1" {
			err = fmt.Errorf("on %q", found.Spec.NodeName)
		}
		return err
	})
	eventually(t, "the attachment", func() error {
		all, err := client.StorageV1().VolumeAttachments().List(t.Context(), metav1.ListOptions{})
		if err == nil && (len(all.Items) != 1 || !all.Items[0].Status.Attached || all.Items[0].Spec.NodeName != "node-1") {
			err = fmt.Errorf("%d attachments, or not attached", len(all.Items))
		}
		return err
	})

	// A pod that comes later follows the volume, though there is more room elsewhere.
	node(t, client, "node-2", "ams1")
	_, err = client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), user("reader", "data"), metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, "the second pod", func() error {
		found, err := client.CoreV1().Pods(metav1.NamespaceDefault).Get(t.Context(), "reader", metav1.GetOptions{})
		if err == nil && found.Spec.NodeName != "node-1" {
			err = fmt.Errorf("on %q", found.Spec.NodeName)
		}
		return err
	})
}

func TestMachineHoldsSevenVolumes(t *testing.T) {
	client := start(t)
	node(t, client, "node-1", "ams1")
	var names []string
	for i := range storage.VolumesPerNode + 1 {
		names = append(names, fmt.Sprintf("data-%d", i))
		create(t, client, claim(names[i], storage.ClassBlock, "1Gi"))
	}
	_, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), user("greedy", names...), metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, "the refusal", func() error {
		found, err := client.CoreV1().Pods(metav1.NamespaceDefault).Get(t.Context(), "greedy", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range found.Status.Conditions {
			// The first verdict may be about the taint of a node that is just becoming ready.
			if c.Type == corev1.PodScheduled && strings.Contains(c.Message, "exceed max volume count") {
				return nil
			}
		}
		return fmt.Errorf("no verdict, or another: %v", found.Status.Conditions)
	})
	_, err = client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), user("modest", names[:storage.VolumesPerNode]...), metav1.CreateOptions{})
	require.NoError(t, err)
	for _, name := range names[:storage.VolumesPerNode] {
		assert.Equal(t, "ams1", regionOf(volume(t, client, name)))
	}
}

func TestVolumesNobodyWaitsForAreSpread(t *testing.T) {
	client := start(t)
	regions := map[string]bool{}
	for i := range 8 {
		name := fmt.Sprintf("fast-%d", i)
		create(t, client, claim(name, storage.ClassFast, "1Gi"))
		regions[regionOf(volume(t, client, name))] = true
	}
	assert.Equal(t, map[string]bool{"ams1": true, "fra1": true}, regions)
}

func TestClassMayNameItsRegions(t *testing.T) {
	client := start(t)
	for name, binding := range map[string]storagev1.VolumeBindingMode{"late": storagev1.VolumeBindingWaitForFirstConsumer, "soon": storagev1.VolumeBindingImmediate} {
		_, err := client.StorageV1().StorageClasses().Create(t.Context(), &storagev1.StorageClass{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: storage.DriverName, VolumeBindingMode: &binding,
			AllowedTopologies: []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{
				{Key: storage.TopologyKey, Values: []string{"nyc1"}},
			}}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		create(t, client, claim(name, name, "1Gi"))
	}
	assert.Equal(t, "nyc1", regionOf(volume(t, client, "soon")))
	node(t, client, "node-1", "ams1")
	node(t, client, "node-2", "nyc1")
	_, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), user("picky", "late"), metav1.CreateOptions{})
	require.NoError(t, err)
	assert.Equal(t, "nyc1", regionOf(volume(t, client, "late")))
}

func TestVolumeGoesWithItsClaim(t *testing.T) {
	client := start(t)
	create(t, client, claim("gone", storage.ClassSlow, "1Gi"))
	made := volume(t, client, "gone")
	require.NoError(t, client.CoreV1().PersistentVolumeClaims(metav1.NamespaceDefault).Delete(t.Context(), "gone", metav1.DeleteOptions{}))
	eventually(t, "the end of the volume", func() error {
		_, err := client.CoreV1().PersistentVolumes().Get(t.Context(), made.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %v", err)
	})
}

func TestWhatTheDriverRefuses(t *testing.T) {
	client := start(t)
	for _, test := range []struct {
		situation, want string
		claim           *corev1.PersistentVolumeClaim
	}{
		{
			situation: "a volume for several machines", want: "access mode ReadWriteMany: a volume is attached to one machine",
			claim: claim("shared", storage.ClassFast, "1Gi", corev1.ReadWriteMany),
		},
		{
			situation: "a volume larger than any", want: "17Ti asked for, 16Ti is the largest volume",
			claim: claim("huge", storage.ClassFast, "17Ti"),
		},
	} {
		t.Run(test.situation, func(t *testing.T) {
			create(t, client, test.claim)
			eventually(t, "the event", func() error {
				events, err := client.CoreV1().Events(metav1.NamespaceDefault).List(t.Context(),
					metav1.ListOptions{FieldSelector: "reason=ProvisioningFailed,involvedObject.name=" + test.claim.Name})
				if err == nil && len(events.Items) == 0 {
					err = errors.New("none")
				}
				if err == nil {
					assert.Contains(t, events.Items[0].Message, test.want)
				}
				return err
			})
		})
	}
}

func TestNodeWithoutTheDriver(t *testing.T) {
	client := start(t)
	node(t, client, "node-1", "ams1")
	// Its CSINode is not there yet when the scheduler selects it.
	require.NoError(t, client.StorageV1().CSINodes().Delete(t.Context(), "node-1", metav1.DeleteOptions{}))
	create(t, client, claim("data", storage.ClassBlock, "1Gi"))
	_, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), user("early", "data"), metav1.CreateOptions{})
	require.NoError(t, err)
	eventually(t, "the complaint", func() error {
		events, err := client.CoreV1().Events(metav1.NamespaceDefault).List(t.Context(),
			metav1.ListOptions{FieldSelector: "reason=ProvisioningFailed"})
		if err == nil && len(events.Items) == 0 {
			err = errors.New("none")
		}
		if err == nil {
			assert.Contains(t, events.Items[0].Message, "node node-1 has no CSINode")
		}
		return err
	})
	require.NoError(t, storage.RegisterNode(t.Context(), client, "node-1", "ams1"))
	assert.Equal(t, "ams1", regionOf(volume(t, client, "data")), "tried again until it is")
}

func TestStorageNeedsSomewhereToBe(t *testing.T) {
	assert.ErrorContains(t, storage.Run(t.Context(), nil, nil), "at least one region")
}
