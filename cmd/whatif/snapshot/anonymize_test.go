package snapshot

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

var testKey = []byte("a key for tests, 32 bytes of it.")

func anonymized(t *testing.T, objects *simulator.Objects, groups []*v1alpha1.NodeGroup, words ...string) *Snapshot {
	t.Helper()
	s := New(objects, groups)
	require.NoError(t, s.Anonymize(testKey, words))
	return s
}

// open are the fields whose texts --anonymize leaves as they are. Everything else
// that is captured, and every field that Kubernetes adds, is replaced.
var open = regexp.MustCompile(`\.(` +
	// Words of the API.
	`Operator|Effect|RestartPolicy|RestartPolicyRules\.Action|Protocol|OS\.Name|PreemptionPolicy|NodeAffinityPolicy|NodeTaintsPolicy|` +
	`WhenUnsatisfiable|AccessModes|VolumeMode|VolumeBindingMode|UnhealthyPodEvictionPolicy|AllocationMode|Bootstrap\.Mode|Phase|MatchFields\.Key|` +
	`Conditions\.(Type|Status)|ClaimRef\.(Kind|APIVersion)|ReservedFor\.(APIGroup|Resource)|BindMountOptions|DeclaredFeatures|` +
	`DisableResizePreemption|SkipNodeOperations|` +
	// What a scheduler's configuration refers to.
	`SchedulerName|(Requests|Limits|Overhead|Capacity|Allocatable|AllocatedResources|NodeAllocatableResources)\.KEY|` +
	`NodeAllocatableResourceClaimStatuses\.\w+\.Name|RequestMappings\.ResourceName|ExtendedResourceName|` +
	// Drivers, and what they say about devices.
	`Driver|CSIDriver\.ObjectMeta\.Name|Drivers\.Name|Provisioner|Attacher|Attributes\.(KEY|VALUE\.\w+)|Selectors\.CEL\.Expression|` +
	`DerivedAttributes\.(Name|Expression)|MatchAttribute|DistinctAttribute|PartitionTypeAttribute|CapacityKey|ConsumedCapacity\.KEY|` +
	`BindingConditions|BindingFailureConditions|` +
	// What a catalogue sells.
	`DatacenterIDs|OfferingIDs|PreferredInstanceType)$`)

func TestEveryNameIsReplaced(t *testing.T) {
	s := New(filled())
	before := len(tracesOf(s))
	require.NoError(t, s.Anonymize(testKey, nil))
	after := tracesOf(s)
	var leaks []string
	for path := range after {
		if !open.MatchString("." + path) {
			leaks = append(leaks, path)
		}
	}
	assert.Empty(t, leaks)
	assert.Less(t, len(after), before/2)
	document, err := json.Marshal(s)
	require.NoError(t, err)
	assert.NotContains(t, string(document), "2020-02-02T", "times say when somebody worked")
}

func TestPseudonymsAreValidNames(t *testing.T) {
	p := &pseudonyms{key: testKey, known: map[string]string{}}
	name := p.name("Some Name that is no name!")
	assert.Empty(t, validation.IsDNS1035Label(name))
	assert.Empty(t, validation.IsQualifiedName(p.label("Domain of/nobody")))
	assert.Empty(t, validation.IsValidLabelValue(p.value("team", "payments")))
	assert.NotEqual(t, p.name("a"), p.name("b"))
	assert.Len(t, string(p.uid("0f7c5a8e-1")), 36)
	assert.Empty(t, p.uid(""))
	assert.Empty(t, p.image(""))
}

func TestWhatIsOpenStays(t *testing.T) {
	p := &pseudonyms{
		key: testKey, known: map[string]string{},
		words:   map[string]bool{"family": true},
		numbers: map[string]bool{"slots": true},
	}
	for _, key := range []string{
		"kubernetes.io/hostname", "app.kubernetes.io/name", "topology.kubernetes.io/zone", "kueue.x-k8s.io/queue-name", "nvidia.com/gpu.product",
		"autoscaler.vpsie.com/nodegroup", "region", "pod-template-hash", "family", "memory",
	} {
		assert.Equal(t, key, p.label(key))
	}
	for _, key := range []string{"team", "acme.example/team", "notkubernetes.io/x", "kubernetes.io.acme.example/x"} {
		assert.NotContains(t, p.label(key), key)
		assert.NotContains(t, p.label(key), "acme")
	}
	type label struct{ key, value string }
	for _, l := range []label{
		{"node.kubernetes.io/instance-type", "std-8c16g"}, {"topology.kubernetes.io/zone", "ams1"}, {"region", "ams1"}, {"kubernetes.io/arch", "arm64"},
		{"family", "turbo"}, {"vpsie.com/category", "memory"}, {"nvidia.com/gpu.product", "L4"}, {"slots", "-12"}, {"memory", "16Gi"},
		{"dedicated", ""}, {"spot", "true"}, {"kubernetes.io/metadata.name", "kube-system"},
	} {
		assert.Equal(t, l.value, p.value(l.key, l.value), l.key)
	}
	for _, l := range []label{
		{"kubernetes.io/hostname", "web-1"}, {"app.kubernetes.io/name", "shop"}, {"autoscaler.vpsie.com/nodegroup", "gpu"}, {"slots", "many"},
		{"customer", "48213"}, {"node-role.kubernetes.io/x", "y"},
	} {
		assert.NotEqual(t, l.value, p.value(l.key, l.value), l.key)
	}
}

func TestSameKeySameNamesOtherKeyOtherNames(t *testing.T) {
	document := func(key string) []byte {
		s := New(filled())
		require.NoError(t, s.Anonymize([]byte(key), nil))
		var out bytes.Buffer
		require.NoError(t, s.Write(&out))
		return out.Bytes()
	}
	assert.Equal(t, document("0123456789abcdef"), document("0123456789abcdef"))
	assert.NotEqual(t, document("0123456789abcdef"), document("0123456789abcdeF"))
	assert.EqualError(t, New(filled()).Anonymize([]byte("short"), nil), "a key of 5 bytes: needs 16 or more")
}

func TestReferencesStillRefer(t *testing.T) {
	owned := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: "uid-of-" + "db", Controller: ptr.To(true)}}
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Labels: map[string]string{
		v1.LabelHostname: "web-1", "acme.example/slots": "12", "rack": "r7", "autoscaler.vpsie.com/nodegroup": "general",
	}}, Spec: v1.NodeSpec{Taints: []v1.Taint{{Key: "dedicated", Value: "db", Effect: v1.TaintEffectNoSchedule}}}}
	affinity := &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
		MatchExpressions: []v1.NodeSelectorRequirement{
			{Key: "acme.example/slots", Operator: v1.NodeSelectorOpGt, Values: []string{"10"}},
			{Key: "rack", Operator: v1.NodeSelectorOpIn, Values: []string{"r6", "r7"}},
		},
		MatchFields: []v1.NodeSelectorRequirement{{Key: "metadata.name", Operator: v1.NodeSelectorOpIn, Values: []string{"web-1"}}},
	}}}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "db-0", Namespace: "data", UID: "uid-of-pod", OwnerReferences: owned("StatefulSet", "db"),
			Labels: map[string]string{"app": "db", "statefulset.kubernetes.io/pod-name": "db-0", "pod-template-hash": "6d4cf"}},
		Spec: v1.PodSpec{
			NodeName: "web-1", PriorityClassName: "gold", SchedulerName: "batch-scheduler",
			Tolerations: []v1.Toleration{{Key: "dedicated", Value: "db"}},
			Affinity:    &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: affinity}},
			TopologySpreadConstraints: []v1.TopologySpreadConstraint{{
				TopologyKey: "rack", MatchLabelKeys: []string{"pod-template-hash", "app"},
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}, MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "pod-template-hash", Operator: metav1.LabelSelectorOpIn, Values: []string{"6d4cf"}},
				}},
			}},
			Containers: []v1.Container{{Name: "db", Image: "registry.acme.example/db"}},
			Volumes: []v1.Volume{
				{Name: "data", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "data-db-0"}}},
				{Name: "scratch", VolumeSource: v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{}}}},
			},
		},
	}
	other := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "crd", Namespace: "data",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "acme.example/v1", Kind: "AcmeDatabase", Name: "db"}}}}
	claim := func(name string) *v1.PersistentVolumeClaim {
		return &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "data", Annotations: map[string]string{
			volume.AnnSelectedNode: "web-1", volume.AnnBindCompleted: "yes", v1.BetaStorageClassAnnotation: "fast",
		}}, Spec: v1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("fast")}}
	}
	volumeOf := func(claim string) *v1.PersistentVolume {
		return &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-" + claim}, Spec: v1.PersistentVolumeSpec{
			ClaimRef:               &v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "data", Name: claim},
			StorageClassName:       "fast",
			PersistentVolumeSource: v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: "vpsie.csi.vpsie.com", VolumeHandle: "h"}},
		}}
	}
	objects := &simulator.Objects{
		Nodes: []*v1.Node{node, {ObjectMeta: metav1.ObjectMeta{Name: "web-2"}, Status: v1.NodeStatus{
			Images: []v1.ContainerImage{{Names: []string{"registry.acme.example/db:latest"}, SizeBytes: 1}},
		}}},
		Pods:                   []*v1.Pod{pod, other},
		Namespaces:             []*v1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "data", Labels: map[string]string{v1.LabelMetadataName: "data"}}}},
		PersistentVolumeClaims: []*v1.PersistentVolumeClaim{claim("data-db-0"), claim("db-0-scratch")},
		PersistentVolumes:      []*v1.PersistentVolume{volumeOf("db-0-scratch")},
		StorageClasses:         []*storagev1.StorageClass{{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "vpsie.csi.vpsie.com"}},
		CSINodes:               []*storagev1.CSINode{{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}}},
		CSIDrivers:             []*storagev1.CSIDriver{{ObjectMeta: metav1.ObjectMeta{Name: "vpsie.csi.vpsie.com"}}},
		PriorityClasses:        []*schedulingv1.PriorityClass{{ObjectMeta: metav1.ObjectMeta{Name: "gold"}}, {ObjectMeta: metav1.ObjectMeta{Name: "system-node-critical"}}},
		Services:               []*v1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "data"}, Spec: v1.ServiceSpec{Selector: map[string]string{"app": "db"}}}},
	}
	groups := []*v1alpha1.NodeGroup{{ObjectMeta: metav1.ObjectMeta{Name: "general"}, Spec: v1alpha1.NodeGroupSpec{
		Labels: map[string]v1alpha1.LabelValue{"rack": "r7"}, Taints: []v1alpha1.Taint{{Key: "dedicated", Value: "db", Effect: v1.TaintEffectNoSchedule}},
		Requirements:  []v1alpha1.Requirement{{Key: "memory", Operator: v1.NodeSelectorOpGt, Values: []string{"3Gi"}}, {Key: "family", Operator: v1.NodeSelectorOpIn, Values: []string{"turbo"}}},
		DatacenterIDs: []string{"ams1"},
	}}}
	s := anonymized(t, objects, groups, "family")
	o := &s.Objects
	nodeNow, podNow := o.Nodes[0], find(t, o.Pods, func(p *v1.Pod) bool { return p.Spec.NodeName != "" })

	assert.True(t, s.Metadata.Anonymized)
	assert.Equal(t, nodeNow.Name, podNow.Spec.NodeName)
	assert.Equal(t, nodeNow.Name, nodeNow.Labels[v1.LabelHostname])
	assert.Equal(t, nodeNow.Name, o.CSINodes[0].Name)
	assert.Less(t, nodeNow.Name, o.Nodes[1].Name, "nodes sort as they did")
	assert.Equal(t, s.NodeGroups[0].Name, nodeNow.Labels["autoscaler.vpsie.com/nodegroup"])
	selects, err := nodeaffinity.NewNodeSelector(podNow.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
	require.NoError(t, err)
	assert.True(t, selects.Match(nodeNow), "labels, fields and numbers match as they did")
	assert.Equal(t, nodeNow.Spec.Taints[0].Key, podNow.Spec.Tolerations[0].Key)
	assert.Equal(t, nodeNow.Spec.Taints[0].Value, podNow.Spec.Tolerations[0].Value)
	assert.Equal(t, nodeNow.Spec.Taints[0], s.NodeGroups[0].Spec.Taints[0].CoreV1())

	spread := podNow.Spec.TopologySpreadConstraints[0]
	selector, err := metav1.LabelSelectorAsSelector(spread.LabelSelector)
	require.NoError(t, err)
	assert.True(t, selector.Matches(labels.Set(podNow.Labels)))
	assert.True(t, labels.SelectorFromSet(o.Services[0].Spec.Selector).Matches(labels.Set(podNow.Labels)))
	for _, key := range append(spread.MatchLabelKeys, spread.TopologyKey) {
		_, onPod := podNow.Labels[key]
		_, onNode := nodeNow.Labels[key]
		assert.True(t, onPod || onNode, key)
	}
	assert.Equal(t, podNow.Name, podNow.Labels["statefulset.kubernetes.io/pod-name"])
	assert.Equal(t, "batch-scheduler", podNow.Spec.SchedulerName)
	assert.NotEqual(t, "gold", podNow.Spec.PriorityClassName)
	assert.Equal(t, []string{podNow.Spec.PriorityClassName, "system-node-critical"}, []string{
		find(t, o.PriorityClasses, func(c *schedulingv1.PriorityClass) bool { return c.Name != "system-node-critical" }).Name,
		find(t, o.PriorityClasses, func(c *schedulingv1.PriorityClass) bool { return c.Name == "system-node-critical" }).Name,
	})
	assert.Equal(t, podNow.Spec.Containers[0].Image, o.Nodes[1].Status.Images[0].Names[0])
	assert.Equal(t, podNow.Spec.Containers[0].Image, imageName(podNow.Spec.Containers[0].Image), "the name of an image is whole")
	assert.Equal(t, podNow.Namespace, o.Namespaces[0].Name)
	assert.Equal(t, podNow.Namespace, o.Namespaces[0].Labels[v1.LabelMetadataName])

	byName := map[string]*v1.PersistentVolumeClaim{}
	for _, claim := range o.PersistentVolumeClaims {
		byName[claim.Name] = claim
	}
	require.Contains(t, byName, podNow.Spec.Volumes[0].PersistentVolumeClaim.ClaimName)
	scratch := podNow.Name + "-" + podNow.Spec.Volumes[1].Name
	require.Contains(t, byName, scratch, "the claim of an ephemeral volume is found by the names of the pod and the volume")
	assert.Equal(t, scratch, o.PersistentVolumes[0].Spec.ClaimRef.Name)
	assert.Equal(t, o.StorageClasses[0].Name, *byName[scratch].Spec.StorageClassName)
	assert.Equal(t, map[string]string{
		volume.AnnSelectedNode: nodeNow.Name, volume.AnnBindCompleted: "yes", v1.BetaStorageClassAnnotation: o.StorageClasses[0].Name,
	}, byName[scratch].Annotations)
	assert.Equal(t, "vpsie.csi.vpsie.com", o.StorageClasses[0].Provisioner)
	assert.Equal(t, "vpsie.csi.vpsie.com", o.CSIDrivers[0].Name)
	assert.Equal(t, "vpsie.csi.vpsie.com", o.PersistentVolumes[0].Spec.CSI.Driver)

	assert.Equal(t, "StatefulSet", podNow.OwnerReferences[0].Kind)
	assert.Equal(t, o.Services[0].Name, podNow.OwnerReferences[0].Name, "both are called db")
	crd := find(t, o.Pods, func(p *v1.Pod) bool { return p.Spec.NodeName == "" })
	assert.NotContains(t, crd.OwnerReferences[0].APIVersion+crd.OwnerReferences[0].Kind, "cme")
	assert.Equal(t, []v1alpha1.Requirement{
		{Key: "memory", Operator: v1.NodeSelectorOpGt, Values: []string{"3Gi"}}, {Key: "family", Operator: v1.NodeSelectorOpIn, Values: []string{"turbo"}},
	}, s.NodeGroups[0].Spec.Requirements)
	assert.Equal(t, []string{"ams1"}, s.NodeGroups[0].Spec.DatacenterIDs)
}

func find[T any](t *testing.T, list []T, wanted func(T) bool) T {
	t.Helper()
	for _, element := range list {
		if wanted(element) {
			return element
		}
	}
	require.Fail(t, "not there any more")
	panic("unreachable")
}

func TestPodsQueueInTheSameOrder(t *testing.T) {
	at := func(second int) metav1.Time { return metav1.NewTime(time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC)) }
	pod := func(namespace, name string, created metav1.Time) *v1.Pod {
		return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: created, DeletionTimestamp: ptr.To(at(30))}}
	}
	queue := []*v1.Pod{
		pod("z", "files-have-no-times", metav1.Time{}), pod("b", "old", at(1)),
		pod("a", "same-second-1", at(5)), pod("a", "same-second-2", at(5)), pod("b", "a", at(5)), pod("a", "young", at(9)),
	}
	p := &pseudonyms{key: testKey, known: map[string]string{}}
	s := anonymized(t, &simulator.Objects{Pods: []*v1.Pod{queue[3], queue[5], queue[0], queue[2], queue[1], queue[4]}}, nil)
	times := map[string]time.Time{}
	for _, now := range s.Objects.Pods {
		times[now.Name] = now.CreationTimestamp.Time
		assert.False(t, now.DeletionTimestamp.IsZero(), "it is still being deleted")
		assert.NotEqual(t, 2026, now.DeletionTimestamp.Year())
	}
	for i := range queue[1:] {
		assert.True(t, times[p.name(queue[i].Name)].Before(times[p.name(queue[i+1].Name)]), "%s queues before %s", queue[i].Name, queue[i+1].Name)
	}
}

func TestTaintsComparedAsNumbersStayNumbers(t *testing.T) {
	s := anonymized(t, &simulator.Objects{
		Nodes: []*v1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: v1.NodeSpec{Taints: []v1.Taint{{Key: "sla", Value: "950", Effect: v1.TaintEffectNoSchedule}}}}},
		Pods:  []*v1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1.PodSpec{Tolerations: []v1.Toleration{{Key: "sla", Operator: v1.TolerationOpGt, Value: "900"}}}}},
	}, nil)
	assert.Equal(t, "950", s.Objects.Nodes[0].Spec.Taints[0].Value)
	assert.Equal(t, "900", s.Objects.Pods[0].Spec.Tolerations[0].Value)
	assert.Equal(t, s.Objects.Nodes[0].Spec.Taints[0].Key, s.Objects.Pods[0].Spec.Tolerations[0].Key)
}

func TestFormsThatAreChecked(t *testing.T) {
	host := func(ip string) v1.ContainerPort { return v1.ContainerPort{HostPort: 80, HostIP: ip} }
	s := anonymized(t, &simulator.Objects{Pods: []*v1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: v1.PodSpec{
		Containers: []v1.Container{{Name: "c", Ports: []v1.ContainerPort{host("0.0.0.0"), host("10.9.8.7"), host("")}}},
		Volumes: []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{
			AWSElasticBlockStore: &v1.AWSElasticBlockStoreVolumeSource{VolumeID: "aws://eu/vol-0123"},
		}}},
	}}}}, nil)
	ports := s.Objects.Pods[0].Spec.Containers[0].Ports
	assert.Equal(t, []string{"0.0.0.0", ""}, []string{ports[0].HostIP, ports[2].HostIP}, "addresses that mean every address")
	assert.NotEqual(t, "10.9.8.7", ports[1].HostIP)
	assert.Regexp(t, `^vol-[a-z2-7]+$`, s.Objects.Pods[0].Spec.Volumes[0].AWSElasticBlockStore.VolumeID)
}
