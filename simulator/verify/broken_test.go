package verify

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

const blockStorage = "vpsie.csi.vpsie.com"

// volumes gives a machine room for count volumes, reachable in its zone.
func volumes(count int32) nodeOption {
	return func(spec *simulator.NodeSpec) {
		spec.CSINode = simulator.AttachLimit(spec.Node.Name, blockStorage, count, v1.LabelTopologyZone)
	}
}

func devices(count int) nodeOption {
	return func(spec *simulator.NodeSpec) {
		spec.ResourceSlices = append(spec.ResourceSlices, simtest.Devices(spec.Node.Name, count))
	}
}

func arm(spec *simulator.NodeSpec) { spec.Node.Labels[v1.LabelArchStable] = "arm64" }

func cordoned(spec *simulator.NodeSpec) { spec.Node.Spec.Unschedulable = true }

func inGroup(name string) podOption {
	return func(pod *v1.Pod) { pod.Spec.SchedulingGroup = &v1.PodSchedulingGroup{PodGroupName: &name} }
}

func podGroup(name string, minCount int32) *schedulingv1beta1.PodGroup {
	return &schedulingv1beta1.PodGroup{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: schedulingv1beta1.PodGroupSpec{SchedulingPolicy: schedulingv1beta1.PodGroupSchedulingPolicy{
			Gang: &schedulingv1beta1.GangSchedulingPolicy{MinCount: minCount},
		}},
	}
}

// goodPlan holds one of everything that a plan can be broken in. Machines a and
// b are alike but for their zones.
func goodPlan(t testing.TB) *scenario {
	s := newScenario(t)
	o := &s.request.Objects
	s.today(machine("today-a", 1000, zone("a")))
	s.running("today-a", "cache", 100, app("cache"))
	s.add(
		machine("a", 8000, zone("a"), volumes(7), devices(1)),
		machine("b", 8000, zone("b"), volumes(7), devices(1)),
		machine("tiny", 200, zone("a")),
		machine("tainted", 8000, zone("a"), taint("dedicated")),
		machine("cordoned", 8000, zone("a"), cordoned),
		machine("arm", 8000, zone("a"), arm),
	)
	o.StorageClasses = []*storagev1.StorageClass{simtest.StorageClass("block", blockStorage)}
	o.PersistentVolumes = []*v1.PersistentVolume{simtest.PV("disk", "block", v1.LabelTopologyZone, "a", func(volume *v1.PersistentVolume) {
		volume.Spec.PersistentVolumeSource = v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: blockStorage, VolumeHandle: "disk"}}
	})}
	o.PersistentVolumeClaims = []*v1.PersistentVolumeClaim{simtest.PVC("data", "block", simtest.BoundTo("disk"))}
	o.PersistentVolumes[0].Spec.ClaimRef = &v1.ObjectReference{Namespace: "default", Name: "data", UID: o.PersistentVolumeClaims[0].UID}
	o.DeviceClasses = []*resourcev1.DeviceClass{simtest.DeviceClass("gpu")}
	o.ResourceClaims = []*resourcev1.ResourceClaim{simtest.DeviceClaim("gpu-1", "gpu", 1), simtest.DeviceClaim("gpu-2", "gpu", 1)}
	o.PodGroups = []*schedulingv1beta1.PodGroup{podGroup("gang", 2)}

	s.plan("a", "plain", 500)
	s.plan("a", "amd", 100, simtest.Selects(v1.LabelArchStable, "amd64"))
	s.plan("a", "disk-user", 100, simtest.Mounts("data"))
	s.plan("a", "spread-1", 100, app("web"), simtest.Spread(v1.LabelTopologyZone, 1, "web"))
	s.plan("b", "spread-2", 100, app("web"), simtest.Spread(v1.LabelTopologyZone, 1, "web"))
	s.plan("a", "alone-1", 100, app("db"), simtest.Apart(v1.LabelHostname, "db"))
	s.plan("b", "alone-2", 100, app("db"), simtest.Apart(v1.LabelHostname, "db"))
	s.plan("a", "beside", 100, simtest.Together(v1.LabelTopologyZone, "cache"))
	s.plan("a", "port-1", 100, simtest.HostPort(443))
	s.plan("b", "port-2", 100, simtest.HostPort(443))
	s.plan("a", "gpu-1", 100, simtest.UsesClaim("gpu-1"))
	s.plan("b", "gpu-2", 100, simtest.UsesClaim("gpu-2"))
	s.plan("a", "gang-1", 100, inGroup("gang"))
	s.plan("b", "gang-2", 100, inGroup("gang"))
	return s
}

// move plans a pod for another node.
func move(pod, node string) func(*scenario) {
	return func(s *scenario) { s.request.Planned[name(pod)] = node }
}

func (s *scenario) object(t testing.TB, name string) *v1.Pod {
	for _, pod := range s.request.Objects.Pods {
		if pod.Name == name {
			return pod
		}
	}
	require.Failf(t, "scenario", "no pod %s", name)
	return nil
}

func TestTheGoodPlanIsFeasibleInEveryMode(t *testing.T) {
	for _, nominate := range []bool{false, true} {
		for _, fast := range []bool{false, true} {
			s := goodPlan(t)
			s.request.Nominate, s.request.HostnameFastPath = nominate, fast

			result := s.verify(t)

			assert.Empty(t, result.Refused)
			assert.Equal(t, nominate, result.Nominated.Held())
			assert.True(t, result.ScoreOrder.Done)
		}
	}
}

func TestEachWayToBreakAPlanIsNamed(t *testing.T) {
	tests := []struct {
		name    string
		breakIt func(*scenario)
		want    []Refusal
	}{
		{"a node too small", move("plain", "tiny"),
			[]Refusal{{name("plain"), "tiny", "NodeResourcesFit", "Insufficient cpu"}}},
		{"a tainted node", move("plain", "tainted"),
			[]Refusal{{name("plain"), "tainted", "TaintToleration", "node(s) had untolerated taint(s)"}}},
		{"a cordoned node", move("plain", "cordoned"),
			[]Refusal{{name("plain"), "cordoned", "NodeUnschedulable", "node(s) were unschedulable"}}},
		{"the wrong architecture", move("amd", "arm"),
			[]Refusal{{name("amd"), "arm", "NodeAffinity", "node(s) didn't match Pod's node affinity/selector"}}},
		{"the volume's other zone", move("disk-user", "b"),
			[]Refusal{{name("disk-user"), "b", "VolumeBinding", "node(s) didn't match PersistentVolume's node affinity"}}},
		{"the spread's full zone", move("spread-2", "a"),
			[]Refusal{{name("spread-2"), "a", "PodTopologySpread", "node(s) didn't match pod topology spread constraints"}}},
		{"two that avoid each other", move("alone-2", "a"),
			[]Refusal{{name("alone-2"), "a", "InterPodAffinity", "node(s) didn't match pod anti-affinity rules"}}},
		{"away from whom it joins", move("beside", "b"),
			[]Refusal{{name("beside"), "b", "InterPodAffinity", "node(s) didn't match pod affinity rules"}}},
		{"one host port twice", move("port-2", "a"),
			[]Refusal{{name("port-2"), "a", "NodePorts", "node(s) didn't have free ports for the requested pod ports"}}},
		{"one device twice", move("gpu-2", "a"),
			[]Refusal{{name("gpu-2"), "a", "DynamicResources", "cannot allocate all claims"}}},
		{"a node that is not there", move("plain", "nowhere"),
			[]Refusal{{name("plain"), "nowhere", PlanCheck, `node "nowhere" is neither in the cluster nor added by the plan`}}},
		{"a pod that is not there", move("ghost", "a"),
			[]Refusal{{name("ghost"), "a", PlanCheck, "there is no such pod in the cluster"}}},
		{"a pod that runs already", move("cache", "a"),
			[]Refusal{{name("cache"), "a", PlanCheck, "the pod is not pending, it is on node today-a"}}},
		{"the affinity's target gone", func(s *scenario) {
			s.request.Objects.Pods = s.request.Objects.Pods[1:]
		}, []Refusal{{name("beside"), "a", "InterPodAffinity", "node(s) didn't match pod affinity rules"}}},
		{"one member too few of a group", func(s *scenario) { delete(s.request.Planned, name("gang-2")) },
			[]Refusal{{name("gang-1"), "a", "GangScheduling", "pod group default/gang: 1 of minCount 2 pods would run"}}},
		{"a member of a group refused", move("gang-2", "tainted"), []Refusal{
			{name("gang-1"), "a", "GangScheduling", "pod group default/gang: 1 of minCount 2 pods would run"},
			{name("gang-2"), "tainted", "TaintToleration", "node(s) had untolerated taint(s)"}}},
	}
	for _, test := range tests {
		for _, fast := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				s := goodPlan(t)
				s.request.HostnameFastPath = fast
				test.breakIt(s)

				result := s.verify(t)

				assert.Equal(t, test.want, result.Refused)
				assert.False(t, result.Feasible())
				assert.False(t, result.Nominated.Done)
				assert.False(t, result.ScoreOrder.Done)
			})
		}
	}
}

func TestAPodThatTheSchedulerDoesNotTryIsRefused(t *testing.T) {
	s := goodPlan(t)
	simtest.Gate("example.com/wait")(s.object(t, "plain"))
	simtest.Scheduler("other")(s.object(t, "amd"))

	assert.Equal(t, []Refusal{
		{name("plain"), "a", "SchedulingGates", "waiting for scheduling gates: [example.com/wait]"},
		{name("amd"), "a", "SchedulerName", `pod is left to the scheduler "other", which this configuration has no profile for`},
	}, s.verify(t).Refused)
}

func TestTheEighthVolumeIsRefused(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 8000, zone("a"), volumes(7)))
	s.request.Objects.StorageClasses = []*storagev1.StorageClass{simtest.StorageClass("block", blockStorage)}
	for i := range 8 {
		claim := simtest.PVC(numbered("data", i), "block")
		s.request.Objects.PersistentVolumeClaims = append(s.request.Objects.PersistentVolumeClaims, claim)
		s.plan("a", numbered("pod", i), 100, simtest.Mounts(claim.Name))
	}

	assert.Equal(t, []Refusal{{name("pod-0007"), "a", "NodeVolumeLimits", "node(s) exceed max volume count"}}, s.verify(t).Refused)

	delete(s.request.Planned, name("pod-0003"))
	result := s.verify(t)
	assert.Empty(t, result.Refused)
	assert.True(t, result.Nominated.Held())
}

func TestAFullMachineTakesNoMorePods(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 8000, podLimit(2)))
	for i := range 3 {
		s.plan("a", numbered("pod", i), 0)
	}
	assert.Equal(t, []Refusal{{name("pod-0002"), "a", "NodeResourcesFit", "Too many pods"}}, s.verify(t).Refused)
}

func TestTwoNodesOfOneNameCannotBeJudged(t *testing.T) {
	s := newScenario(t)
	s.today(machine("twin", 1000))
	s.add(machine("twin", 1000))

	_, err := Verify(t.Context(), s.request)

	assert.EqualError(t, err, "verifying the plan: node twin: there are two nodes of this name")
}

func TestObjectsThatContradictThemselvesCannotBeJudged(t *testing.T) {
	s := newScenario(t)
	s.pending(newPod("one", 0)).UID = types.UID("same")
	s.pending(newPod("two", 0)).UID = types.UID("same")

	_, err := Verify(t.Context(), s.request)

	assert.ErrorContains(t, err, "verifying the plan: pod default/two: has the UID of pod default/one")
}

// What a node's own properties refuse is not asked again, however often the
// others have to be.
func TestALocalRefusalIsFinal(t *testing.T) {
	s := newScenario(t)
	s.add(machine("a", 1000))
	s.plan("a", "big", 2000)
	s.plan("a", "follower", 100, simtest.Together(v1.LabelHostname, "leader"))
	s.plan("a", "leader", 100, app("leader"))

	result := s.verify(t)

	assert.Equal(t, []Refusal{{name("big"), "a", "NodeResourcesFit", "Insufficient cpu"}}, result.Refused)
	assert.Equal(t, 1+3+1, result.FilterCalls, "once together with the nominated replay, which parts there; the follower twice")
}

// A group that was taken back begins anew: room that one member took from
// another is free again when that one is refused the next time.
func TestALocalRefusalInAGroupIsNotFinal(t *testing.T) {
	s := newScenario(t)
	s.request.Objects.PodGroups = []*schedulingv1beta1.PodGroup{podGroup("gang", 2)}
	s.add(machine("a", 1000))
	s.plan("a", "first", 600, app("first"), inGroup("gang"))
	s.plan("a", "second", 600, inGroup("gang"))
	s.plan("a", "third", 100, inGroup("gang"), simtest.Together(v1.LabelHostname, "rival"))
	s.plan("a", "rival", 100, app("rival"), simtest.Apart(v1.LabelHostname, "first"))

	assert.Equal(t, []Refusal{{name("first"), "a", "NodeResourcesFit", "Insufficient cpu"}}, s.verify(t).Refused)
}

// A group counts the members that run already, and what is more than minCount
// may stay out.
func TestAGroupCountsItsRunningMembers(t *testing.T) {
	s := newScenario(t)
	s.request.Objects.PodGroups = []*schedulingv1beta1.PodGroup{podGroup("gang", 2)}
	s.today(machine("old", 1000))
	s.running("old", "resident", 100, inGroup("gang"))
	s.add(machine("a", 1000))
	s.plan("a", "member", 100, inGroup("gang"))
	s.pending(newPod("left-out", 100, inGroup("gang")))

	result := s.verify(t)

	assert.Empty(t, result.Refused)
	assert.True(t, result.Nominated.Held())
}
