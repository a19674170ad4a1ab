package vpsienode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

// From a decision to a node that takes pods, with a real join, and back.
func TestLifeOfAMachine(t *testing.T) {
	s := newSite(t, fake.Config{
		Seed:       1,
		QueueDelay: fake.Delay{Base: 200 * time.Millisecond}, StartDelay: fake.Delay{Base: 100 * time.Millisecond},
	}, &machine.Config{RetryPeriod: 50 * time.Millisecond, CSI: &machine.CSI{Delay: 100 * time.Millisecond}})
	s.driver()
	s.group("general", func(spec *v1alpha1.NodeGroupSpec) {
		spec.Notes = "cost centre 7"
		spec.Tags = []string{"k8s"}
	})
	s.run()
	name := s.decide("general", "a1").Name

	s.untaint(name)
	m := s.phase(name, v1alpha1.PhaseReady)
	node := s.node(name)
	require.NotNil(t, node)
	vms := s.server.VMs()
	require.Len(t, vms, 1)
	assert.Equal(t, 1, s.server.Bought(name))
	assert.Equal(t, "vpsie-k8s-autoscaler cluster=test node="+name+" uid="+string(m.UID)+"\ncost centre 7", vms[0].Notes)
	assert.Equal(t, string(m.UID), vms[0].ProcessID)
	assert.Equal(t, []string{"k8s"}, vms[0].Tags)

	assert.Equal(t, "vpsie://"+vms[0].Identifier, node.Spec.ProviderID)
	for key, value := range map[string]string{
		corev1.LabelInstanceTypeStable: offering, corev1.LabelTopologyZone: zone, "region": zone, "team": "shop",
		v1alpha1.NodeGroupLabel: "general", v1alpha1.VPSieNodeLabel: name, corev1.LabelHostname: name,
	} {
		assert.Equal(t, value, node.Labels[key], key)
	}
	assert.Equal(t, []corev1.Taint{{Key: "dedicated", Value: "shop", Effect: corev1.TaintEffectNoSchedule}}, node.Spec.Taints)
	assert.Empty(t, s.secrets(), "the token is deleted at join")
	for _, at := range []any{m.Status.RequestedAt, m.Status.ProvisionedAt, m.Status.JoinedAt, m.Status.ReadyAt} {
		assert.NotNil(t, at)
	}

	require.NoError(t, s.client.Delete(t.Context(), m))
	s.gone(name)
	assert.Equal(t, 1, s.server.Bought(name))
}
