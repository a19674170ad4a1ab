package input

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

func TestStoredObjectsAreNeitherAdmittedNorExpanded(t *testing.T) {
	const head = "some text before\n"
	const array = `[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop","uid":"1"},"spec":{"containers":[{"name":"c"}],"nodeName":"elsewhere"}},
{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"r","namespace":"shop","uid":"2"},"spec":{"replicas":3,"selector":{"matchLabels":{"a":"b"}},"template":{"spec":{"containers":null}}}}]`
	objects, end, err := Stored("file", []byte(head+array+" behind"), len(head))
	require.NoError(t, err)
	assert.Equal(t, len(head)+len(array), end)
	require.Len(t, objects.Pods, 1, "no pods are made for the ReplicaSet")
	assert.Len(t, objects.ReplicaSets, 1)
	assert.Empty(t, objects.Namespaces, "nothing is made up")
	pod := objects.Pods[0]
	assert.Equal(t, "elsewhere", pod.Spec.NodeName)
	assert.Nil(t, pod.Spec.Priority)
	assert.Empty(t, pod.Spec.Tolerations)
	assert.Empty(t, pod.Spec.Containers[0].ImagePullPolicy, "a stored pod has its defaults already")
}

func TestStoredErrors(t *testing.T) {
	tests := []struct{ situation, text, want string }{
		{"nothing", "", "f:1: truncated JSON: it ends where an array of objects should follow"},
		{"no array", "{}", "f:1: invalid JSON: '{' where an array of objects should follow"},
		{"no end", `[{"kind":"Pod"`, "f:1:"},
		{"no kind", "[{}]", "f:1:2: not a Kubernetes object"},
		{"another kind", `[{"apiVersion":"v1","kind":"Secret"},{"apiVersion":"v1","kind":"Secret"}]`, "f: holds 2 × v1 Secret, a kind that is not read here"},
		{"twice", "[\n" + `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}},` + "\n" + `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}]`, "f:3: Namespace a: there already (f:2)"},
	}
	for _, tc := range tests {
		t.Run(tc.situation, func(t *testing.T) {
			_, _, err := Stored("f", []byte(tc.text), 0)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestTextIsReadWholeOrNotAtAll(t *testing.T) {
	text, err := Text("f", strings.NewReader("\xef\xbb\xbfabc"))
	require.NoError(t, err)
	assert.Equal(t, "abc", string(text))
	_, err = Text("f", strings.NewReader("\x1f\x8b"))
	assert.EqualError(t, err, "f: gzip: unexpected EOF")
	_, err = Text("f", strings.NewReader(""))
	assert.EqualError(t, err, "f: empty file")
}

func TestDaemonSetsOfALiveClusterAreCompleted(t *testing.T) {
	set := func(name, class string) *appsv1.DaemonSet {
		return &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kube-system"}, Spec: appsv1.DaemonSetSpec{
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}},
				Spec: v1.PodSpec{
					PriorityClassName: class, HostNetwork: true,
					Containers: []v1.Container{{
						Name:      "c",
						Ports:     []v1.ContainerPort{{ContainerPort: 9100}},
						Resources: v1.ResourceRequirements{Limits: v1.ResourceList{v1.ResourceMemory: resource.MustParse("64Mi")}},
					}},
					TopologySpreadConstraints: []v1.TopologySpreadConstraint{{
						TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{}, MatchLabelKeys: []string{"app"},
					}},
				},
			},
		}}
	}
	asListed := []*appsv1.DaemonSet{set("cni", "system-node-critical"), set("agent", "gold"), set("lost", "silver")}
	objects := &simulator.Objects{
		DaemonSets:      asListed,
		PriorityClasses: []*schedulingv1.PriorityClass{{ObjectMeta: metav1.ObjectMeta{Name: "gold"}, Value: 700}},
	}
	remarks := CompleteDaemonSets(objects)
	assert.Equal(t, []string{
		`DaemonSet kube-system/lost: spec.template.spec.priorityClassName: no PriorityClass "silver" in the input; room is kept for its pods all the same`,
	}, remarks)
	for i, name := range []string{"cni", "agent", "lost"} {
		spec := &objects.DaemonSets[i].Spec.Template.Spec
		memory := spec.Containers[0].Resources.Requests[v1.ResourceMemory]
		assert.Equal(t, "64Mi", memory.String(), "%s asks for what it is limited to", name)
		assert.Equal(t, int32(9100), spec.Containers[0].Ports[0].HostPort, "%s is on the host's network", name)
		assert.Empty(t, asListed[i].Spec.Template.Spec.Containers[0].Resources.Requests, "what was listed is left alone")
	}
	cni, agent := &objects.DaemonSets[0].Spec.Template.Spec, &objects.DaemonSets[1].Spec.Template.Spec
	assert.Equal(t, int32(2000001000), *cni.Priority)
	assert.Equal(t, int32(700), *agent.Priority)
	assert.Equal(t, "app", cni.TopologySpreadConstraints[0].LabelSelector.MatchExpressions[0].Key)
	assert.Empty(t, cni.Tolerations, "the DaemonSet controller adds them, pod by pod")
	assert.Nil(t, objects.DaemonSets[2].Spec.Template.Spec.Priority)
}
