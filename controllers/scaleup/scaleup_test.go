package scaleup_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/scaleup/record"
)

func TestPendingPodsBecomeMachinesAndLandThere(t *testing.T) {
	w := newWorld(t)
	w.create(group("web"))
	w.start()
	for i := range 10 {
		w.create(pod(fmt.Sprintf("shop-%02d", i), "1500m", "2Gi"))
	}
	machines := w.waitMachines(2)
	planned := map[string]string{}
	for i := range machines {
		m := &machines[i]
		assert.Equal(t, "std-8", m.Spec.Offering)
		assert.Equal(t, "id-8", m.Spec.OfferingID)
		assert.Equal(t, "0.4", m.Spec.PricePerHour)
		assert.Equal(t, m.Name, m.Spec.Hostname)
		assert.Equal(t, m.Spec.PlanID, m.Labels[v1alpha1.PlanLabel])
		assert.Equal(t, "web", m.Labels[v1alpha1.NodeGroupLabel])
		assert.Equal(t, []string{v1alpha1.Finalizer}, m.Finalizers)
		assert.Equal(t, "for 5 pods that found no node", m.Spec.Reason)
		assert.Equal(t, "8", m.Spec.Allocatable.Cpu().String())
		for _, name := range m.Spec.Pods {
			planned[name[len("default/"):]] = m.Spec.Hostname
		}
	}
	require.Len(t, planned, 10)

	r := w.waitRecord()
	assert.Equal(t, machines[0].Spec.PlanID, r.Plan.Metadata.ID)
	assert.Equal(t, "bought", r.Result)

	for i := range machines {
		w.register(&machines[i])
	}
	for i := range machines {
		w.becomeReady(machines[i].Spec.Hostname)
	}
	assert.Equal(t, planned, w.waitBound())
	for i := range machines {
		node := &v1.Node{}
		require.NoError(t, w.client.Get(t.Context(), types.NamespacedName{Name: machines[i].Spec.Hostname}, node))
		assert.Empty(t, node.Spec.Taints)
	}
	assert.Len(t, w.machines(), 2)
	w.eventually(func() string {
		if n := w.count("vpsie_autoscaler_planned_vs_bound_total", "machine", "as_planned"); n != 10 {
			return fmt.Sprint(n, " pods compared")
		}
		return ""
	})
}

func TestSoldOutOfferingIsReplacedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.create(group("web", func(s *v1alpha1.NodeGroupSpec) {
		s.DatacenterIDs = []string{"fra"}
		s.OfferingIDs = []string{"std-4", "std-8"}
	}))
	w.start()
	w.create(pod("shop", "3", "2Gi"))
	first := w.waitMachines(1)[0]
	require.Equal(t, "std-4", first.Spec.Offering)

	w.setPhase(first.Name, v1alpha1.PhaseFailed, v1alpha1.ReasonStockOut)
	machines := w.waitMachines(2)
	for i := range machines {
		if m := &machines[i]; m.Name != first.Name {
			assert.Equal(t, "std-8", m.Spec.Offering)
			assert.Equal(t, []string{"default/shop"}, m.Spec.Pods)
			assert.NotEqual(t, first.Spec.PlanID, m.Spec.PlanID)
		}
	}
	w.never(2*moment, func() string {
		if n := len(w.machines()); n != 2 {
			return fmt.Sprint(n, " machines: it keeps buying")
		}
		return ""
	})
}

func TestOneBadNodeGroupDoesNotStopTheOthers(t *testing.T) {
	w := newWorld(t)
	w.options.Buyable = func(g *v1alpha1.NodeGroup) (bool, string) {
		return g.Name != "forbidden", "the image is not known to VPSie"
	}
	w.create(
		group("misspelt", func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs, s.MinNodes = []string{"std-3"}, 1 }),
		group("forbidden", func(s *v1alpha1.NodeGroupSpec) { s.MinNodes = 1 }),
		group("dear", func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs = []string{"std-8"} }),
	)
	w.start()
	w.create(pod("shop", "1", "1Gi"))
	machine := w.waitMachines(1)[0]
	assert.Equal(t, "dear", machine.Spec.NodeGroup)
	w.waitEvent("misspelt", "NoScaleUp", `NodeGroup misspelt: catalogue test has no offering "std-3"`)
	w.waitEvent("forbidden", "NoScaleUp", "the image is not known to VPSie")
	w.waitEvent("dear", "ScaleUp", "1 × std-8 in ams for 1 pod, 0.4000 $/h by "+machine.Spec.PlanID)
	w.waitEvent("shop", "TriggeredScaleUp", "machine "+machine.Name)
}

// waitEvent waits for an event about the object that has such a note.
func (w *world) waitEvent(object, reason, note string) {
	w.Helper()
	w.eventually(func() string {
		var list eventsv1.EventList
		require.NoError(w, w.client.List(w.ctx, &list))
		for _, e := range list.Items {
			if e.Regarding.Name == object && e.Reason == reason && strings.Contains(e.Note, note) {
				return ""
			}
		}
		return fmt.Sprintf("no event %s about %s with %q", reason, object, note)
	})
}

// waitRecord waits for the newest plan's record.
func (w *world) waitRecord() (r *record.Record) {
	w.Helper()
	w.eventually(func() (complaint string) {
		var err error
		if r, err = record.Read(w.ctx, w.client, metav1.NamespaceSystem, ""); err != nil {
			return err.Error()
		}
		return ""
	})
	return r
}

func TestPodsThatNothingHosts(t *testing.T) {
	w := newWorld(t)
	w.create(group("web", func(s *v1alpha1.NodeGroupSpec) { s.MaxNodes = 1; s.OfferingIDs = []string{"std-8"} }))
	w.start()
	w.create(pod("giant", "64", "1Gi"), pod("gated", "1", "1Gi", func(p *v1.Pod) { p.Spec.SchedulingGates = []v1.PodSchedulingGate{{Name: "example.com/wait"}} }))
	w.waitEvent("giant", "NotTriggerScaleUp", "no machine that can be bought would take this pod: 0/")
	assert.Empty(t, w.machines())
	r := w.waitRecord()
	assert.Equal(t, "buys nothing", r.Summary)
	assert.InDelta(t, 1, w.count("vpsie_autoscaler_pending_pods", "unschedulable"), 0)
	assert.InDelta(t, 1, w.count("vpsie_autoscaler_pending_pods", "not_scheduled_here"), 0)

	w.create(pod("one", "6", "1Gi"), pod("two", "6", "1Gi"))
	w.waitMachines(1)
	w.waitEvent("two", "NotTriggerScaleUp", "")
	w.never(2*moment, func() string {
		if n := len(w.machines()); n != 1 {
			return fmt.Sprintf("%d machines, maxNodes is 1", n)
		}
		return ""
	})
}

func TestDryRunWritesNothingButEventsAndTheRecord(t *testing.T) {
	w := newWorld(t)
	w.options.DryRun = true
	w.create(group("web"))
	w.start()
	w.create(pod("shop", "1", "1Gi"))
	w.waitEvent("shop", "TriggeredScaleUp", "dry run, nothing is bought: ")
	assert.Equal(t, "dry_run", w.waitRecord().Result)
	assert.Empty(t, w.machines())
	assert.InDelta(t, 1, w.count("vpsie_autoscaler_scaleup_decisions_total", "dry_run"), 0)
}

func TestNothingIsDecidedWithoutACatalogue(t *testing.T) {
	w := newWorld(t)
	w.noCatalog = true
	w.create(group("web", func(s *v1alpha1.NodeGroupSpec) { s.MinNodes = 1 }))
	w.start()
	w.eventually(func() string {
		if w.count("vpsie_autoscaler_scaleup_decisions_total", "no_catalog") == 0 {
			return "no decision was tried"
		}
		return ""
	})
	assert.Empty(t, w.machines())
	w.mu.Lock()
	w.noCatalog = false
	w.mu.Unlock()
	w.waitMachines(1)
}

// A restart in the middle of anything goes on from the objects: what was bought
// counts, and pods that come are planned beside what is on its way.
func TestRestartBuysNothingTwice(t *testing.T) {
	w := newWorld(t)
	w.create(group("web", func(s *v1alpha1.NodeGroupSpec) { s.OfferingIDs = []string{"std-8"} }))
	w.start()
	for i := range 3 {
		w.create(pod(fmt.Sprintf("shop-%d", i), "2", "2Gi"))
	}
	first := w.waitMachines(1)[0]
	w.stop()
	w.registry = prometheus.NewRegistry()
	w.options.Registerer = w.registry
	w.create(pod("late", "1500m", "2Gi"), pod("later", "6", "2Gi"))
	w.start()
	machines := w.waitMachines(2)
	var planned map[string]string
	w.eventually(func() string {
		if planned = plannedFor(w.machines()); len(planned) != 5 {
			return fmt.Sprint("planned so far: ", planned)
		}
		return ""
	})
	for i := range 3 {
		assert.Equal(t, first.Spec.Hostname, planned[fmt.Sprintf("shop-%d", i)])
	}
	assert.Equal(t, first.Spec.Hostname, planned["late"], "room on its way is used first")
	assert.NotEqual(t, first.Spec.Hostname, planned["later"])
	for i := range machines {
		w.register(&machines[i])
	}
	for i := range machines {
		w.becomeReady(machines[i].Spec.Hostname)
	}
	// A pod may use spare room of the machine that opens a moment earlier.
	w.waitBound()
	assert.Len(t, w.machines(), 2)
}

// What somebody else writes between the decision and its execution is seen live.
func TestPlanIsDroppedWhenTheClusterHasChanged(t *testing.T) {
	w := newWorld(t)
	w.create(group("web", func(s *v1alpha1.NodeGroupSpec) { s.MaxNodes = 1 }))
	intruder := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{Name: "vpsie-web-foreign", Labels: map[string]string{v1alpha1.NodeGroupLabel: "web"}},
		Spec:       v1alpha1.VPSieNodeSpec{NodeGroup: "web", Offering: "std-2", Datacenter: "fra", Hostname: "vpsie-web-foreign", PlanID: "by-hand"},
	}
	var once sync.Once
	w.options.Buyable = func(*v1alpha1.NodeGroup) (bool, string) {
		// The Snapshot has been taken by now.
		once.Do(func() {
			if w.client.Create(w.ctx, intruder) != nil {
				panic("the API server refuses the intruder")
			}
		})
		return true, ""
	}
	w.create(pod("shop", "1", "1Gi"))
	w.start()
	w.eventually(func() string {
		if w.count("vpsie_autoscaler_scaleup_decisions_total", "stale") == 0 {
			return "no plan was dropped"
		}
		return ""
	})
	w.eventually(func() string {
		for _, m := range w.machines() {
			if len(m.Spec.Pods) == 1 {
				return ""
			}
		}
		return "the pod is planned for nothing"
	})
	assert.Len(t, w.machines(), 1, "the intruder has room, and there may be one machine only")
}
