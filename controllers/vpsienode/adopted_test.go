package vpsienode_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// orphan makes a machine whose object was lost, as package garbage finds it.
func (s *site) orphan(name string) *v1alpha1.VPSieNode {
	vm, err := s.server.AddVM(fake.Foreign{
		Hostname: name, Offering: offering, Datacenter: zone,
		Notes: "vpsie-k8s-autoscaler cluster=test node=" + name + " uid=11111111-2222-3333-4444-555555555555",
	})
	require.NoError(s, err)
	m := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Finalizers: []string{v1alpha1.Finalizer},
			Annotations: map[string]string{vpsienode.AdoptAnnotation: vm.Identifier},
		},
		Spec: v1alpha1.VPSieNodeSpec{NodeGroup: "general", Offering: offering, Datacenter: zone, Hostname: name, PlanID: "adopted"},
	}
	require.NoError(s, s.client.Create(s.Context(), m))
	return m
}

func TestAdoptedMachines(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 60}, nil)
	s.group("general", nil)
	t.Run("are taken to Ready", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := s.orphan("vpsie-general-a1").Name
		m := step.on(name, v1alpha1.PhaseProvisioned)
		step.register(m, corev1.ConditionTrue, func(n *corev1.Node) { n.Spec.Taints = nil })
		step.on(name, v1alpha1.PhaseReady)
		assert.Zero(t, s.server.Bought(name), "nothing is ordered for them")
		s.delete(name)
		step.on(name, "")
		assert.Nil(t, s.node(name))
		for _, vm := range s.server.VMs() {
			assert.NotEqual(t, name, vm.Ordered)
		}
	})
	t.Run("are given back when their object was deleted at once", func(t *testing.T) {
		s.T = t
		step := s.step(nil)
		name := s.orphan("vpsie-general-a2").Name
		s.delete(name)
		step.on(name, "")
		assert.Empty(t, s.server.VMs())
	})
}
