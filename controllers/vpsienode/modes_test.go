package vpsienode_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

// managedSite has a managed cluster without workers.
func managedSite(t *testing.T, seed uint64) (*site, string) {
	const id = "cluster-1"
	s := newSite(t, fake.Config{Seed: seed, Clusters: []fake.Cluster{{Identifier: id, Name: "AMS-Kubernetes-49ab", Datacenter: zone, Version: "1.37.2"}}}, nil)
	s.group("managed", func(spec *v1alpha1.NodeGroupSpec) {
		spec.Bootstrap = v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapManaged, ClusterID: id}
		spec.OSImageID = ""
	})
	return s, id
}

// worker decides on a machine of the managed cluster.
func (s *site) worker(suffix string) string {
	return s.decideAs("managed", suffix, func(spec *v1alpha1.VPSieNodeSpec) { spec.OfferingID = "" }).Name
}

// workers are the hostnames of the cluster's workers.
func (s *site) workers(cluster string) []string {
	found, err := s.api.KubeCluster(s.Context(), cluster)
	require.NoError(s, err)
	var names []string
	for _, node := range found.Nodes {
		if !strings.Contains(node.Hostname, "-master-") {
			names = append(names, node.Hostname)
		}
	}
	return names
}

// A managed machine is the one that was not there before; it has VPSie's name.
func TestManagedMachines(t *testing.T) {
	s, cluster := managedSite(t, 50)
	step := s.step(nil)
	first, second := s.worker("a1"), s.worker("a2")
	m := step.on(first, v1alpha1.PhaseProvisioned)
	assert.Len(t, s.workers(cluster), 1)
	assert.Equal(t, s.workers(cluster)[0], m.Status.NodeName)
	assert.Equal(t, cluster, m.Status.ClusterID)
	assert.Empty(t, m.Status.Before, "the before-image has done its work")
	assert.Empty(t, s.secrets(), "VPSie joins it")

	other := step.on(second, v1alpha1.PhaseProvisioned)
	assert.Len(t, s.workers(cluster), 2)
	assert.NotEqual(t, m.Status.VPSID, other.Status.VPSID)
	assert.NotEqual(t, m.Status.NodeName, other.Status.NodeName)

	// The Node comes without labels and taints; both are put on.
	register := func(m *v1alpha1.VPSieNode) {
		node := m.DeepCopy()
		node.Spec.Hostname = m.Status.NodeName
		step.register(node, corev1.ConditionTrue, func(n *corev1.Node) { n.Spec.Taints = nil })
	}
	register(m)
	m = step.on(first, v1alpha1.PhaseReady)
	node := s.node(m.Status.NodeName)
	assert.Equal(t, first, node.Labels[v1alpha1.VPSieNodeLabel])
	assert.Equal(t, offering, node.Labels[corev1.LabelInstanceTypeStable])
	assert.Equal(t, "vpsie://"+m.Status.VPSID, node.Spec.ProviderID)
	assert.Contains(t, node.Spec.Taints, corev1.Taint{Key: "dedicated", Value: "shop", Effect: corev1.TaintEffectNoSchedule})

	s.delete(first)
	step.on(first, "")
	assert.Equal(t, []string{other.Status.NodeName}, s.workers(cluster), "the right one left")
	assert.Nil(t, s.node(m.Status.NodeName))
}

// One order at a time: a second machine waits until the first one is found.
func TestManagedMachinesAreAddedOneAtATime(t *testing.T) {
	s, cluster := managedSite(t, 51)
	step := s.step(nil)
	first, second := s.worker("b1"), s.worker("b2")
	require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.ConnectionReset, Operation: fake.AddKubeNode, Count: 1}))
	m := step.on(first, v1alpha1.PhaseProvisioning)
	require.Empty(t, m.Status.VPSID)
	for range 3 {
		waiting, _, err := step.once(second)
		require.NoError(t, err)
		assert.Equal(t, v1alpha1.PhasePending, waiting.Status.Phase)
		assert.Contains(t, waiting.Status.Message, "waiting for "+first)
		assert.Nil(t, waiting.Status.RequestedAt)
	}
	step.on(first, v1alpha1.PhaseProvisioned)
	step.on(second, v1alpha1.PhaseProvisioned)
	assert.Len(t, s.workers(cluster), 2)
}

// When others add machines at the same moment, none is taken for ours by guess.
func TestManagedMachinesOfOthers(t *testing.T) {
	s, cluster := managedSite(t, 52)
	step := s.step(nil)
	name := s.worker("c1")
	require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.LostResponse, Operation: fake.AddKubeNode, Count: 1}))
	step.on(name, v1alpha1.PhaseProvisioning)
	groups, err := s.api.KubeGroups(t.Context(), cluster)
	require.NoError(t, err)
	_, err = s.api.AddKubeNode(t.Context(), cluster, groups[0].Number)
	require.NoError(t, err)
	m := step.on(name, v1alpha1.PhaseFailed)
	assert.Equal(t, v1alpha1.ReasonProvisionTimeout, m.Status.Reason)
	assert.Empty(t, m.Status.VPSID)
	for range 10 {
		m, pause, _ := step.once(name)
		require.NotNil(t, m)
		step.pass(pause)
	}
	assert.Len(t, s.workers(cluster), 2, "neither is deleted")
}

func TestManagedMachinesThatCannotBe(t *testing.T) {
	s, _ := managedSite(t, 53)
	step := s.step(nil)
	name := s.decideAs("managed", "d1", func(spec *v1alpha1.VPSieNodeSpec) { spec.OfferingID, spec.Offering = "", "unheard-of" }).Name
	m := step.on(name, v1alpha1.PhaseFailed)
	assert.Equal(t, v1alpha1.ReasonRejected, m.Status.Reason)
	assert.Contains(t, m.Status.Message, "VPSie offers no unheard-of to managed clusters in datacenter ams1")
}

// A machine in mode script runs the stored script, which is deleted at join.
func TestScripts(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 54}, &machine.Config{RetryPeriod: 50e6})
	require.NoError(t, s.client.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "join", Namespace: "default"},
		Data: map[string]string{"script": `#!/bin/bash
cat > /etc/kubernetes/join.yaml <<'EOF'
{{ .JoinConfiguration }}
EOF
kubeadm join --config /etc/kubernetes/join.yaml
`},
	}))
	s.group("script", func(spec *v1alpha1.NodeGroupSpec) {
		spec.Bootstrap = v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapScript, Template: &v1alpha1.TemplateReference{ConfigMap: "join", Key: "script"}}
	})
	s.run()
	name := s.decide("script", "a1").Name
	s.untaint(name)
	s.phase(name, v1alpha1.PhaseReady)
	scripts, err := s.api.Scripts(t.Context())
	require.NoError(t, err)
	assert.Empty(t, scripts, "there was a token in it")
	assert.Empty(t, s.secrets())
}

// In a VPC the machine is attached before its Node counts, by its address there.
func TestVPC(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 55, VPCs: []fake.VPC{{ID: 7, Name: "shop", Datacenter: zone, Range: "10.20.0.0", Size: 16}}}, nil)
	s.group("private", func(spec *v1alpha1.NodeGroupSpec) { spec.VPCID = 7 })
	step := s.step(nil)
	require.NoError(t, s.server.SetFaults(fake.Fault{Kind: fake.LostResponse, Operation: fake.AddVMToVPC, Count: 1}))
	name := s.decide("private", "a1").Name
	m := step.on(name, v1alpha1.PhaseProvisioned)
	assert.True(t, strings.HasPrefix(m.Status.PrivateIPAddress, "10.20."), m.Status.PrivateIPAddress)
	members, err := s.api.VPCMembers(t.Context(), 7)
	require.NoError(t, err)
	assert.Len(t, members, 1)
	step.register(m, corev1.ConditionTrue, func(n *corev1.Node) {
		n.Spec.Taints = nil
		n.Status.Addresses[0].Address = m.Status.PrivateIPAddress
	})
	step.on(name, v1alpha1.PhaseReady)
}

// An order's errors that do not come from VPSie.
func TestOrdersWithoutACatalogue(t *testing.T) {
	s := newSite(t, fake.Config{Seed: 56}, nil)
	s.group("general", nil)
	step := s.step(nil)
	name := s.decideAs("general", "e1", func(spec *v1alpha1.VPSieNodeSpec) { spec.Datacenter = "unknown1" }).Name
	for range 3 {
		m, _, err := step.once(name)
		require.ErrorContains(t, err, "the catalogue lacks offering std-2c4g or datacenter unknown1")
		assert.Equal(t, v1alpha1.PhasePending, m.Status.Phase)
		assert.Nil(t, m.Status.RequestedAt)
	}
	assert.Zero(t, s.server.Bought(name))
}
