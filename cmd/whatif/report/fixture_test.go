package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "go test -update rewrites %s", path)
}

// render writes a report of the fixture.
func render(t *testing.T, r *Report, format string, style Style) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, r.Write(&out, format, style))
	return out.Bytes()
}

func list(cpu, memory string, more ...string) v1.ResourceList {
	l := v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory), v1.ResourcePods: resource.MustParse("110")}
	for i := 0; i < len(more); i += 2 {
		l[v1.ResourceName(more[i])] = resource.MustParse(more[i+1])
	}
	return l
}

func aNode(name, offering string, allocatable v1.ResourceList) *v1.Node {
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			v1.LabelInstanceTypeStable: offering, v1.LabelTopologyZone: "ams1", v1alpha1.NodeGroupLabel: "general",
		}},
		Status: v1.NodeStatus{Allocatable: allocatable},
	}
}

func aPod(namespace, name, onNode string, requests v1.ResourceList) *v1.Pod {
	delete(requests, v1.ResourcePods)
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1.PodSpec{NodeName: onNode, Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: requests}}}},
	}
}

// daemonSet puts a pod of 100m and 128Mi onto every node.
func daemonSet() *appsv1.DaemonSet {
	requests := list("100m", "128Mi")
	delete(requests, v1.ResourcePods)
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "agent"},
		Spec: appsv1.DaemonSetSpec{Template: v1.PodTemplateSpec{
			Spec: v1.PodSpec{Containers: []v1.Container{{Name: "agent", Resources: v1.ResourceRequirements{Requests: requests}}}},
		}},
	}
}

// fixture is a plan that shows everything that a report can show: two kinds of
// machines, a node of today that takes pods, one that does not, one cordoned of
// an unknown offering, pods without a place for two reasons, alternatives.
func fixture(t *testing.T) (*plan.Plan, *binpack.Request) {
	t.Helper()
	capacity := func(milliCPU, gib int64, extended map[string]int64) offerings.Resources {
		return offerings.Resources{MilliCPU: milliCPU, MemoryBytes: gib << 30, EphemeralBytes: 50 << 30, MaxPods: 110, Extended: extended}
	}
	catalog, err := offerings.New("test", []offerings.Datacenter{{ID: "ams1"}}, []offerings.Offering{
		{Name: "small", PricePerHour: 0.0125, Allocatable: capacity(2000, 4, nil), Datacenters: []string{"ams1"}},
		{Name: "gpu", PricePerHour: 1.5, Allocatable: capacity(8000, 32, map[string]int64{"nvidia.com/gpu": 2}), Datacenters: []string{"ams1"}},
	})
	require.NoError(t, err)
	cordoned := aNode("old-c", "unknown", list("4", "8Gi"))
	cordoned.Spec.Unschedulable = true
	request := &binpack.Request{
		Catalog: catalog,
		Objects: simulator.Objects{
			Nodes: []*v1.Node{
				cordoned,
				aNode("old-a", "small", list("2", "4Gi")),
				aNode("old-b", "small", list("2", "4Gi")),
			},
			Pods: []*v1.Pod{
				aPod("web", "running-0", "old-a", list("500m", "1Gi")),
				aPod("web", "running-1", "old-b", list("2", "1Gi")),
				aPod("web", "fits-today", "", list("500m", "1Gi")),
				aPod("ml", "train-0", "", list("6", "12Gi", "nvidia.com/gpu", "1")),
			},
			DaemonSets: []*appsv1.DaemonSet{daemonSet()},
		},
	}
	decision := &plan.Plan{
		APIVersion: plan.APIVersion, Kind: plan.Kind,
		Metadata: plan.Metadata{Inputs: plan.Inputs{
			Snapshot: hash("a"), Catalog: hash("b"), SchedulerConfig: hash("c"), FeatureGates: []string{"GenericWorkload=true"},
		}},
		Placement:    plan.PlacementNominated,
		Alternatives: []plan.Alternative{{Summary: "only gpu", PricePerHour: 3}, {Summary: "without gpu", PricePerHour: 1.6}},
		LowerBound:   plan.LowerBound{PricePerHour: 1.5, Method: "columnGeneration"},
		Remove:       []plan.Removal{},
		Existing:     []plan.ExistingNode{{Name: "old-a", Pods: []string{"web/fits-today"}}},
		Stats:        plan.Stats{Classes: 5, Templates: 2, FilterCalls: 1234},
	}
	for i := range 3 {
		web := fmt.Sprintf("web/web-%d", i)
		decision.Add = append(decision.Add, plan.Machine{
			Name: fmt.Sprintf("vpsie-open-%d", i+2), NodeGroup: "open", Offering: "small", Datacenter: "ams1", Zone: "ams1", PricePerHour: 0.0125, Pods: []string{web},
		})
		request.Objects.Pods = append(request.Objects.Pods, aPod("web", fmt.Sprintf("web-%d", i), "", list("1500m", "1Gi")))
	}
	decision.Add = append([]plan.Machine{{
		Name: "vpsie-open-1", NodeGroup: "open", Offering: "gpu", Datacenter: "ams1", Zone: "ams1", PricePerHour: 1.5, Pods: []string{"ml/train-0"},
	}}, decision.Add...)
	const noCPU, noMatch = "0/8 nodes are available: 8 Insufficient cpu.", "0/8 nodes are available: 8 node(s) didn't match Pod's node affinity/selector."
	for i := range 5 {
		decision.Unschedulable = append(decision.Unschedulable, plan.Unschedulable{
			Pod: fmt.Sprintf("web/huge-%d", i), Summary: noCPU,
			Reasons: []plan.Reason{{Template: "*", Plugin: "NodeResourcesFit", Message: "Insufficient cpu"}},
		})
	}
	decision.Unschedulable = append(decision.Unschedulable, plan.Unschedulable{
		Pod: "web/picky", Summary: noMatch,
		Reasons: []plan.Reason{
			{Template: "*", Plugin: "NodeAffinity", Message: "node(s) didn't match Pod's node affinity/selector"},
			{Template: "gpu/open/*", Plugin: "NodeResourcesFit", Message: "Insufficient memory"},
			{Template: "small/open/*", Plugin: "NodeResourcesFit", Message: "Insufficient memory"},
		},
	})
	decision.Stats.Pods = 11
	decision.PricePerHour = plan.Price{Before: 0.025, Added: 1.5375, After: 1.5625}
	decision.LowerBound.Gap = 1.5375/1.5 - 1
	decision.Metadata.ID = plan.ID(decision.Metadata.Inputs)
	require.NoError(t, plan.Validate(decision))
	return decision, request
}

func hash(digit string) string { return string(bytes.Repeat([]byte(digit), 64)) }

// nothing is the plan of a cluster in which no pod is pending.
func nothing(t *testing.T) (*plan.Plan, *binpack.Request) {
	t.Helper()
	decision, request := fixture(t)
	decision.Add, decision.Existing, decision.Unschedulable = []plan.Machine{}, []plan.ExistingNode{}, []plan.Unschedulable{}
	decision.Alternatives = []plan.Alternative{}
	decision.PricePerHour = plan.Price{Before: 0.025, After: 0.025}
	decision.LowerBound = plan.LowerBound{Method: "columnGeneration"}
	decision.Stats = plan.Stats{Templates: 2}
	require.NoError(t, plan.Validate(decision))
	return decision, request
}
