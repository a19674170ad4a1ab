package scaleup_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// tight is a load for two machines of four cores that kube-scheduler's own scores
// break when the small pods come first: it spreads them, and then the big one fits
// nowhere.
func tight(w *world, small ...func(*v1.Pod)) (machines []v1alpha1.VPSieNode) {
	w.create(group("tight", func(s *v1alpha1.NodeGroupSpec) {
		s.OfferingIDs = []string{"std-4"}
		s.DatacenterIDs = []string{"fra"}
	}))
	w.start()
	for i := range 5 {
		w.create(pod(fmt.Sprintf("a-small-%d", i), "1", "1Gi", small...))
	}
	w.create(pod("z-big", "3", "1Gi"))
	return w.waitMachines(2)
}

func plannedFor(machines []v1alpha1.VPSieNode) map[string]string {
	planned := map[string]string{}
	for i := range machines {
		for _, name := range machines[i].Spec.Pods {
			planned[name[len("default/"):]] = machines[i].Spec.Hostname
		}
	}
	return planned
}

func TestTightPlanHoldsInWhateverOrderMachinesJoin(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			w := newWorld(t)
			machines := tight(w)
			planned := plannedFor(machines)
			require.Len(t, planned, 6)
			for i := range machines {
				w.register(&machines[i])
			}
			for _, i := range order {
				w.becomeReady(machines[i].Spec.Hostname)
			}
			assert.Equal(t, planned, w.waitBound())
			assert.Len(t, w.machines(), 2, "no corrective scale-up")
		})
	}
}

// The first machines of a plan wait for the others of it, for pods that are tried
// while their own machine is still to come land in the room of others.
func TestMachinesOfAPlanAreOpenedTogether(t *testing.T) {
	w := newWorld(t)
	machines := tight(w)
	planned := plannedFor(machines)
	for i := range machines {
		w.register(&machines[i])
	}
	w.becomeReady(machines[0].Spec.Hostname)
	w.never(4*moment, func() string {
		if !w.tainted(machines[0].Spec.Hostname) {
			return "the first machine was opened without the other one"
		}
		return ""
	})
	w.becomeReady(machines[1].Spec.Hostname)
	assert.Equal(t, planned, w.waitBound())
	assert.Len(t, w.machines(), 2, "no corrective scale-up")
}

// However, a pod does not wait for ever for machines that others need.
func TestMachinesThatDoNotComeAreNotWaitedForLong(t *testing.T) {
	w := newWorld(t)
	w.options.Patience = 2 * moment
	machines := tight(w)
	w.register(&machines[0])
	w.becomeReady(machines[0].Spec.Hostname)
	w.eventually(func() string {
		if w.tainted(machines[0].Spec.Hostname) {
			return "the first machine still waits for the other one"
		}
		return ""
	})
	assert.Len(t, w.machines(), 2, "what the other machine is to serve is not bought again")
}

// Two of a spread on each host object to each other while both are only
// nominated. One of them goes first, the other when that is bound.
func TestSpreadPodsLandWhereTheyWerePlanned(t *testing.T) {
	w := newWorld(t)
	w.create(group("spread", func(s *v1alpha1.NodeGroupSpec) {
		s.OfferingIDs = []string{"std-4"}
		s.DatacenterIDs = []string{"fra"}
	}))
	w.start()
	for i := range 4 {
		w.create(pod(fmt.Sprintf("web-%d", i), "1500m", "1Gi", func(p *v1.Pod) {
			p.Spec.TopologySpreadConstraints = []v1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: v1.LabelHostname, WhenUnsatisfiable: v1.DoNotSchedule,
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			}}
		}))
	}
	machines := w.machinesFor(4)
	for i := range machines {
		w.register(&machines[i])
	}
	for i := range machines {
		w.becomeReady(machines[i].Spec.Hostname)
	}
	w.waitBound()
	assert.Len(t, w.machines(), len(machines), "no corrective scale-up")
}

// machinesFor waits until machines are planned for so many pods.
func (w *world) machinesFor(pods int) (machines []v1alpha1.VPSieNode) {
	w.Helper()
	w.eventually(func() string {
		machines = w.machines()
		if n := len(plannedFor(machines)); n != pods {
			return fmt.Sprint(n, " pods are planned for machines")
		}
		return ""
	})
	return machines
}

// Naming a pod's node as soon as it joins is too early: until the node is ready
// and open, any change in the cluster, such as another node that joins, lets
// kube-scheduler try the pod again, fail on the startup taint, and clear the
// nomination.
func TestNominatingAtJoinDoesNotHold(t *testing.T) {
	w := newWorld(t)
	w.create(&schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "first"}, Value: 10})
	machines := tight(w, func(p *v1.Pod) { p.Spec.PriorityClassName = "first" })
	planned := plannedFor(machines)
	w.stop()
	cluster := planetest.Get(t)

	for i := range machines {
		node, status := w.appear(&machines[i])
		for name, host := range planned {
			if host == node.Name {
				patch, err := json.Marshal(map[string]any{"status": map[string]any{"nominatedNodeName": host}})
				require.NoError(t, err)
				require.NoError(t, w.client.Status().Patch(t.Context(), w.pod(name), client.RawPatch(types.MergePatchType, patch)))
			}
		}
		node.Status = status
		w.setStatus(node)
		w.becomeReady(node.Name)
	}
	w.create(simtest.Node("tiny", "500m", "1Gi"))
	w.becomeReady("tiny")
	w.eventually(func() string {
		for name := range planned {
			if node := w.pod(name).Status.NominatedNodeName; node != "" {
				return fmt.Sprintf("pod %s is still nominated to %s", name, node)
			}
		}
		return ""
	})

	// Both open at once, to be fair to the scheduler.
	cluster.StopScheduler()
	for i := range machines {
		w.openNode(machines[i].Spec.Hostname)
	}
	require.NoError(t, cluster.StartScheduler(t.Context()))
	w.eventually(func() string {
		at := w.boundTo()
		for i := range 5 {
			if name := fmt.Sprintf("a-small-%d", i); at[name] == "" {
				return name + " is pending"
			}
		}
		return ""
	})
	w.eventually(func() string {
		for _, c := range w.pod("z-big").Status.Conditions {
			if c.Type == v1.PodScheduled && c.Status == v1.ConditionFalse && c.Message != "" {
				return ""
			}
		}
		return "kube-scheduler has not tried z-big"
	})
	assert.Empty(t, w.pod("z-big").Spec.NodeName, "the plan came apart")
}

// openNode waits until the startup taint is the only one, and takes it away.
func (w *world) openNode(name string) {
	w.Helper()
	w.eventually(func() string {
		node := &v1.Node{}
		require.NoError(w, w.client.Get(w.ctx, types.NamespacedName{Name: name}, node))
		if len(node.Spec.Taints) != 1 || node.Spec.Taints[0].Key != v1alpha1.StartupTaint {
			return fmt.Sprintf("node %s has taints %v", name, node.Spec.Taints)
		}
		if err := w.client.Patch(w.ctx, node, client.RawPatch(types.JSONPatchType, []byte(`[{"op":"remove","path":"/spec/taints"}]`))); err != nil {
			return err.Error()
		}
		return ""
	})
}

func (w *world) tainted(name string) bool {
	w.Helper()
	node := &v1.Node{}
	require.NoError(w, w.client.Get(w.ctx, types.NamespacedName{Name: name}, node))
	for _, taint := range node.Spec.Taints {
		if taint.Key == v1alpha1.StartupTaint {
			return true
		}
	}
	return false
}

func TestStartupTaintStaysUntilTheNodeIsComplete(t *testing.T) {
	w := newWorld(t)
	w.create(
		&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: binpack.CSIDriver}},
		group("min", func(s *v1alpha1.NodeGroupSpec) {
			s.MinNodes, s.OfferingIDs = 1, []string{"std-2"}
			s.StartupTaints = []v1alpha1.Taint{{Key: "example.com/cni", Effect: v1.TaintEffectNoSchedule}}
		}),
	)
	w.start()
	machine := w.waitMachines(1)[0]
	assert.Equal(t, "for the NodeGroup's minNodes", machine.Spec.Reason)
	node, status := w.appear(&machine)
	w.setPhase(machine.Name, v1alpha1.PhaseJoining, "")
	closed := func() string {
		if !w.tainted(node.Name) {
			return "the startup taint is gone too early"
		}
		return ""
	}
	patch := func(patch string) {
		t.Helper()
		require.NoError(t, w.client.Patch(t.Context(), node, client.RawPatch(types.MergePatchType, []byte(patch))))
	}
	patch(`{"spec":{"taints":[{"key":"` + v1alpha1.StartupTaint + `","effect":"NoSchedule"},{"key":"example.com/cni","effect":"NoSchedule"}]}}`)
	node.Status = status
	w.setStatus(node)
	w.becomeReady(node.Name)
	w.never(moment, closed)

	patch(`{"spec":{"taints":[{"key":"` + v1alpha1.StartupTaint + `","effect":"NoSchedule"}]}}`)
	w.never(moment, closed)

	w.create(&storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: node.Name}, Spec: storagev1.CSINodeSpec{
		Drivers: []storagev1.CSINodeDriver{{Name: binpack.CSIDriver, NodeID: node.Name, TopologyKeys: []string{"region"}}},
	}})
	w.eventually(func() string {
		if w.tainted(node.Name) {
			return "the startup taint is still there"
		}
		return ""
	})
	assert.Len(t, w.machines(), 1)
}
