package vpsienode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// A Node is complete step by step, and only then are its pods asked for.
func TestFromANodeToReady(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 20}, nil)
	s.driver()
	s.group("general", func(spec *v1alpha1.NodeGroupSpec) {
		spec.StartupTaints = []v1alpha1.Taint{{Key: "cni", Effect: corev1.TaintEffectNoExecute}}
	})
	step := s.step(nil)
	name := s.decide("general", "a1").Name
	m := step.on(name, v1alpha1.PhaseProvisioned)
	assert.NotEmpty(t, s.secrets(), "the machine still needs its token")
	step.register(m, corev1.ConditionFalse, func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: "cni", Effect: corev1.TaintEffectNoExecute})
		n.Labels = map[string]string{corev1.LabelArchStable: "arm64", "team": "mistaken"}
	})
	m = step.on(name, v1alpha1.PhaseJoining)
	assert.Empty(t, s.secrets())
	assert.Equal(t, name, m.Status.NodeName)
	lacking := func(want string) {
		t.Helper()
		m, _, err := step.once(name)
		require.NoError(t, err)
		assert.Equal(t, v1alpha1.PhaseJoining, m.Status.Phase)
		assert.Contains(t, condition(m, v1alpha1.NodeReady).Message, want)
	}
	lacking("does not report the node as ready")
	node := s.node(name)
	assert.Equal(t, "vpsie://"+m.Status.VPSID, node.Spec.ProviderID)
	assert.Equal(t, "shop", node.Labels["team"], "a label of the group is corrected")
	assert.Equal(t, "arm64", node.Labels[corev1.LabelArchStable], "what the kubelet found is not")
	assert.Equal(t, m.Status.VPSID, node.Annotations[vpsienode.VPSIDAnnotation])
	assert.Contains(t, node.Spec.Taints, corev1.Taint{Key: "dedicated", Value: "shop", Effect: corev1.TaintEffectNoSchedule})

	s.report(name, func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionTrue })
	lacking("startup taint cni:NoExecute is still there")
	s.retaint(name, without("cni"))
	lacking("CSI driver vpsie.csi.vpsie.com has not registered")
	require.NoError(t, s.client.Create(t.Context(), &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	lacking("CSI driver vpsie.csi.vpsie.com has not registered")
	csi := &storagev1.CSINode{}
	require.NoError(t, s.client.Get(t.Context(), client.ObjectKey{Name: name}, csi))
	csi.Spec.Drivers = []storagev1.CSINodeDriver{{Name: "vpsie.csi.vpsie.com", NodeID: name}}
	require.NoError(t, s.client.Update(t.Context(), csi))
	lacking("the pods planned for the node are to be nominated")
	for range 70 {
		m, pause, err := step.once(name)
		require.NoError(t, err)
		require.Equal(t, v1alpha1.ReasonAwaitingPods, condition(m, v1alpha1.NodeReady).Reason, "a complete machine does not fail for want of nominations")
		step.pass(pause)
	}
	s.retaint(name, without(v1alpha1.StartupTaint))
	m = step.on(name, v1alpha1.PhaseReady)
	assert.Equal(t, metav1.ConditionTrue, condition(m, v1alpha1.NodeReady).Status)
	assert.NotNil(t, m.Status.ReadyAt)
}

// A Node of the machine's name that is not the machine's is not touched.
func TestForeignNodes(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 21}, nil)
	s.group("general", nil)
	for _, c := range []struct {
		situation, name, want string
		change                func(*corev1.Node)
	}{
		{"another address", "b1", "has the addresses 192.0.2.1, the machine", func(n *corev1.Node) { n.Status.Addresses[0].Address = "192.0.2.1" }},
		{"another machine", "b2", "has providerID vpsie://other", func(n *corev1.Node) { n.Spec.ProviderID = "vpsie://other" }},
		{"another VPSieNode", "b3", "belongs to VPSieNode other", func(n *corev1.Node) { n.Labels = map[string]string{v1alpha1.VPSieNodeLabel: "other"} }},
	} {
		t.Run(c.situation, func(t *testing.T) {
			s.T = t
			step := s.step(nil)
			name := s.decide("general", c.name).Name
			m := step.on(name, v1alpha1.PhaseProvisioned)
			before := step.register(m, corev1.ConditionTrue, c.change)
			m, _, err := step.once(name)
			require.NoError(t, err)
			assert.Equal(t, v1alpha1.PhaseProvisioned, m.Status.Phase)
			assert.Contains(t, condition(m, v1alpha1.NodeJoined).Message, c.want)
			m = step.on(name, v1alpha1.PhaseFailed)
			assert.Equal(t, v1alpha1.ReasonJoinTimeout, m.Status.Reason)
			assert.Contains(t, m.Status.Message, c.want, "the reason says why it did not join")
			step.on(name, "")
			assert.Equal(t, before.UID, s.node(name).UID, "the Node stays")
			assert.Empty(t, s.alive(name), "the machine goes")
		})
	}
}

func TestMachinesThatAreTooLate(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 22}, nil)
	s.group("general", nil)
	t.Run("to join", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := s.decide("general", "c1").Name
		provisioned := step.on(name, v1alpha1.PhaseProvisioned).Status.ProvisionedAt.Time
		m := step.on(name, v1alpha1.PhaseFailed)
		assert.Equal(t, v1alpha1.ReasonJoinTimeout, m.Status.Reason)
		assert.Greater(t, step.clock.Since(provisioned), 15*time.Minute)
		step.on(name, "")
		assert.Empty(t, s.alive(name))
	})
	t.Run("to be ready", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := s.decide("general", "c2").Name
		step.register(step.on(name, v1alpha1.PhaseProvisioned), corev1.ConditionFalse, nil)
		m := step.on(name, v1alpha1.PhaseFailed)
		assert.Equal(t, v1alpha1.ReasonReadyTimeout, m.Status.Reason)
		assert.Contains(t, m.Status.Message, "does not report the node as ready")
		step.on(name, "")
		assert.Nil(t, s.node(name), "its Node goes with it")
		assert.Empty(t, s.alive(name))
	})
}

// readied takes a machine to phase Ready.
func (t *stepper) readied(suffix string) *v1alpha1.VPSieNode {
	t.Helper()
	name := t.decide("general", suffix).Name
	t.register(t.on(name, v1alpha1.PhaseProvisioned), corev1.ConditionTrue, func(n *corev1.Node) { n.Spec.Taints = nil })
	return t.on(name, v1alpha1.PhaseReady)
}

func TestReadyMachinesAreWatched(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 23}, nil)
	s.group("general", nil)
	lose := func(name string) {
		s.report(name, func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown })
	}
	t.Run("VPSie loses the machine", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := step.readied("d1").Name
		require.NoError(t, s.server.Vanish(name))
		step.pass(time.Hour)
		m, _, err := step.once(name)
		require.NoError(t, err)
		require.Equal(t, v1alpha1.PhaseReady, m.Status.Phase, "a kubelet that reports is better evidence than a list")
		lose(name)
		m, pause, err := step.once(name)
		require.NoError(t, err)
		require.Equal(t, v1alpha1.PhaseReady, m.Status.Phase, "once is not enough")
		step.pass(pause)
		m = step.on(name, v1alpha1.PhaseFailed)
		assert.Equal(t, v1alpha1.ReasonMachineGone, m.Status.Reason)
		step.on(name, "")
		assert.Nil(t, s.node(name))
	})
	t.Run("somebody deletes the Node", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := step.readied("d2").Name
		require.NoError(t, s.client.Delete(t.Context(), s.node(name)))
		m := step.on(name, v1alpha1.PhaseFailed)
		assert.Equal(t, v1alpha1.ReasonNodeGone, m.Status.Reason)
		step.on(name, "")
		assert.Empty(t, s.alive(name), "the machine is not paid for any longer")
	})
	t.Run("the kubelet stops and the machine is there", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := step.readied("d3").Name
		lose(name)
		for range 30 {
			m, pause, err := step.once(name)
			require.NoError(t, err)
			require.Equal(t, v1alpha1.PhaseReady, m.Status.Phase, "repairing nodes is not decided here")
			step.pass(pause)
		}
		require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.EmptyList, Operation: fake.ListVMs}))
		for range 30 {
			m, pause, err := step.once(name)
			require.NoError(t, err)
			require.Equal(t, v1alpha1.PhaseReady, m.Status.Phase, "one empty list proves nothing")
			step.pass(pause)
		}
	})
}

func TestANodeSmallerThanPlannedIsReported(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 24}, nil)
	s.group("general", nil)
	step := s.step(nil)
	m := s.decideAs("general", "e1", func(spec *v1alpha1.VPSieNodeSpec) {
		spec.Allocatable = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("3Gi"), corev1.ResourceCPU: resource.MustParse("2")}
	})
	step.register(step.on(m.Name, v1alpha1.PhaseProvisioned), corev1.ConditionTrue, func(n *corev1.Node) {
		n.Spec.Taints = nil
		n.Status.Allocatable = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi"), corev1.ResourceCPU: resource.MustParse("2")}
	})
	step.on(m.Name, v1alpha1.PhaseReady)
	assert.Contains(t, s.events(), "Warning SmallerThanPlanned the Node offers less than planned: memory 2Gi instead of 3Gi")
}

// VPSie's own cloud controller manager wants the bare identifier.
func TestBareProviderID(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 25}, nil)
	s.group("general", nil)
	bare := ""
	step := s.step(func(o *vpsienode.Options) { o.ProviderIDPrefix = &bare })
	m := step.readied("f1")
	assert.Equal(t, m.Status.VPSID, s.node(m.Name).Spec.ProviderID)
}
