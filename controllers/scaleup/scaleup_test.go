package scaleup_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
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

	r, err := record.Read(t.Context(), w.client, "kube-system", "")
	require.NoError(t, err)
	assert.Equal(t, machines[0].Spec.PlanID, r.Plan.Metadata.ID)
	assert.Equal(t, "bought", r.Result)

	for i := range machines {
		w.join(&machines[i])
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
