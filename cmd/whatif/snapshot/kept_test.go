package snapshot

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// onlyMarks are struct types of which a snapshot says no more than that there is
// one: kinds of volumes, and policies without fields. A type that Kubernetes adds
// fails the test until somebody has decided about it.
var onlyMarks = []string{
	"v1.AzureFilePersistentVolumeSource", "v1.AzureFileVolumeSource", "v1.CSIVolumeSource", "v1.CephFSPersistentVolumeSource",
	"v1.CephFSVolumeSource", "v1.ConfigMapVolumeSource", "v1.DownwardAPIVolumeSource", "v1.EmptyDirVolumeSource", "v1.FCVolumeSource",
	"v1.FlexPersistentVolumeSource", "v1.FlexVolumeSource", "v1.FlockerVolumeSource", "v1.GitRepoVolumeSource",
	"v1.GlusterfsPersistentVolumeSource", "v1.GlusterfsVolumeSource", "v1.HostPathVolumeSource", "v1.ISCSIPersistentVolumeSource",
	"v1.ImageVolumeSource", "v1.LocalVolumeSource", "v1.NFSVolumeSource", "v1.PhotonPersistentDiskVolumeSource",
	"v1.ProjectedVolumeSource", "v1.QuobyteVolumeSource", "v1.RBDPersistentVolumeSource", "v1.ScaleIOPersistentVolumeSource",
	"v1.ScaleIOVolumeSource", "v1.SecretVolumeSource", "v1.StorageOSPersistentVolumeSource", "v1.StorageOSVolumeSource",
	"v1beta1.AllDisruptionMode", "v1beta1.BasicSchedulingPolicy", "v1beta1.SingleDisruptionMode",
}

func TestEveryTypeIsDecidedAbout(t *testing.T) {
	reached := map[reflect.Type]bool{}
	var reach func(reflect.Type)
	reach = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			reach(of.Elem())
		case reflect.Struct:
			if reached[of] || leaves[of] {
				return
			}
			reached[of] = true
			for _, i := range kept[of] {
				reach(of.Field(i).Type)
			}
		}
	}
	objects := reflect.TypeFor[simulator.Objects]()
	for i := range objects.NumField() {
		reach(objects.Field(i).Type)
	}
	reach(reflect.TypeFor[v1alpha1.NodeGroup]())
	var marks []string
	for of := range reached {
		if len(kept[of]) == 0 {
			marks = append(marks, of.String())
		}
	}
	slices.Sort(marks)
	assert.Equal(t, onlyMarks, slices.Compact(marks))
	for of := range kept {
		assert.True(t, reached[of], "the row for %s is never used", of)
	}
}

func TestMisspeltRowsAreSeenAtOnce(t *testing.T) {
	assert.PanicsWithValue(t, "snapshot: v1.Pod has no field Spce", func() { rows{}.row(v1.Pod{}, "Spce") })
	assert.PanicsWithValue(t, "snapshot: two rows for v1.Pod", func() { rows{}.row(v1.Pod{}, "Spec").row(v1.Pod{}, "Status") })
}

func TestNothingPrivateIsKept(t *testing.T) {
	s := New(filled())
	found := slices.Sorted(maps.Keys(tracesOf(s)))
	require.Greater(t, len(found), 200)
	private := regexp.MustCompile(`\.(Env|EnvFrom|Command|Args|WorkingDir|\w*Probe|Lifecycle|Secret\w*|ConfigMap|Projected|\w*SecretRef|SecurityContext|` +
		`ServiceAccountName|ImagePullSecrets|Hostname|Subdomain|HostAliases|DNSConfig|ManagedFields|Annotations|Finalizers|Parameters|MountOptions|` +
		`VolumeAttributes|Notes|Tags|SSHKeyIDs|ProviderID|Addresses|NodeInfo|PodCIDR|HostIPs?|PodIPs?|Message|Config|Opaque|Data|NetworkData|InlineVolumeSpec|Description|` +
		`ClusterIP|ExternalIPs|LoadBalancer\w*|Keyring|RadosUser|Path|Server|NodeID|MountPath|SubPath|ImageID|ContainerID)(\.|$)`)
	// A port's address is part of what a node must have free; a NodeGroup without
	// its template's name would be refused when it is read again.
	allowed := []string{
		"Pod.Spec.Containers.Ports.HostIP", "Pod.Spec.InitContainers.Ports.HostIP",
		"DaemonSet.Spec.Template.Spec.Containers.Ports.HostIP", "DaemonSet.Spec.Template.Spec.InitContainers.Ports.HostIP",
		"NodeGroup.Spec.Bootstrap.Template.ConfigMap",
	}
	for _, path := range found {
		if !slices.Contains(allowed, path) {
			assert.NotRegexp(t, private, path)
		}
	}
	// What a plan is made of, by example.
	for _, path := range []string{
		"Pod.ObjectMeta.Name", "Pod.Spec.NodeName", "Pod.Spec.Containers.Image", "Pod.Spec.Volumes.VolumeSource.PersistentVolumeClaim.ClaimName",
		"Pod.Status.NominatedNodeName", "Pod.Status.ContainerStatuses.AllocatedResources.KEY", "Node.Spec.Taints.Value",
		"PersistentVolume.Spec.PersistentVolumeSource.CSI.VolumeHandle", "ResourceClaim.Status.Allocation.Devices.Results.Device",
		"DeviceClass.Spec.Selectors.CEL.Expression", "PodGroup.Status.ResourceClaimStatuses.ResourceClaimName",
		"PodDisruptionBudget.Status.DisruptedPods.KEY", "NodeGroup.Spec.OfferingIDs",
	} {
		assert.Contains(t, found, path)
	}
}

func TestTheClusterIsLeftAlone(t *testing.T) {
	objects, groups := filled()
	s := New(objects, groups)
	require.NoError(t, s.Anonymize([]byte("0123456789abcdef"), nil))
	objectsBefore, groupsBefore := filled()
	assert.Equal(t, objectsBefore, objects)
	assert.Equal(t, groupsBefore, groups)
}

func TestPartsThatNothingReadsAreDropped(t *testing.T) {
	port := func(host int32) v1.ContainerPort { return v1.ContainerPort{ContainerPort: 80, HostPort: host} }
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": "{…}", v1.MirrorPodAnnotationKey: "a hash of the manifest",
		}},
		Spec: v1.PodSpec{
			Containers: []v1.Container{{
				Name: "c", Image: "registry.example/app", Ports: []v1.ContainerPort{port(0), port(8080)},
				VolumeMounts: []v1.VolumeMount{{Name: "v", MountPath: "/data"}},
			}},
			Volumes: []v1.Volume{
				{Name: "s", VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{SecretName: "password"}}},
				{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory}}},
			},
		},
		Status: v1.PodStatus{
			Conditions:        []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}, {Type: v1.PodScheduled, Status: v1.ConditionFalse, Message: "0/3 nodes"}},
			ContainerStatuses: []v1.ContainerStatus{{Name: "c", ContainerID: "containerd://1"}},
		},
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: v1.NodeStatus{Images: []v1.ContainerImage{
		{Names: []string{"registry.example/app@sha256:1", "registry.example/app:latest"}, SizeBytes: 7},
		{Names: []string{"registry.example/other:1"}, SizeBytes: 8},
	}}}
	s := New(&simulator.Objects{Pods: []*v1.Pod{pod}, Nodes: []*v1.Node{node}}, nil)

	got := s.Objects.Pods[0]
	assert.Equal(t, map[string]string{v1.MirrorPodAnnotationKey: ""}, got.Annotations)
	assert.Equal(t, []v1.ContainerPort{port(8080)}, got.Spec.Containers[0].Ports)
	assert.Empty(t, got.Spec.Containers[0].VolumeMounts)
	assert.Equal(t, []v1.Volume{
		{Name: "s", VolumeSource: v1.VolumeSource{Secret: &v1.SecretVolumeSource{}}},
		{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}},
	}, got.Spec.Volumes, "kinds of volumes, and nothing of what is in them")
	assert.Equal(t, []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse}}, got.Status.Conditions)
	assert.Empty(t, got.Status.ContainerStatuses)
	assert.Equal(t, []v1.ContainerImage{{Names: []string{"registry.example/app:latest"}, SizeBytes: 7}}, s.Objects.Nodes[0].Status.Images,
		"the images that a pod here wants")
	assert.Len(t, pod.Annotations, 2, "the cluster itself is left alone")
	assert.Len(t, pod.Spec.Containers[0].Ports, 2)
}

func TestMeaningOfEmptySelectorsStays(t *testing.T) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1.PodSpec{Affinity: &v1.Affinity{PodAffinity: &v1.PodAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{
			{TopologyKey: "t", NamespaceSelector: &metav1.LabelSelector{}}, {TopologyKey: "t"},
		},
	}}}}
	s := New(&simulator.Objects{Pods: []*v1.Pod{pod}}, nil)
	assert.Equal(t, pod.Spec.Affinity, s.Objects.Pods[0].Spec.Affinity, "an empty selector is everything, none is nothing")
}
