package live_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/whatif/live"
)

func TestWhatIsMissingIsToldApart(t *testing.T) {
	s := cluster()
	delete(s.lists, "/apis/scheduling.k8s.io/v1beta1/podgroups")
	delete(s.lists, "/apis/autoscaler.vpsie.com/v1alpha1/nodegroups")
	s.status["/api/v1/services"] = http.StatusForbidden
	snapshot, err := live.Read(t.Context(), start(t, s))
	require.NoError(t, err)
	assert.Equal(t, []string{"podgroups", "nodegroups"}, snapshot.NotServed)
	assert.Equal(t, []string{"services"}, snapshot.LeftOut)
}

func TestDaemonSetTemplatesAreCompleted(t *testing.T) {
	s := cluster()
	template := map[string]any{"spec": map[string]any{
		"priorityClassName": "system-node-critical",
		"containers":        []any{map[string]any{"name": "c", "resources": map[string]any{"limits": map[string]any{"cpu": "100m"}}}},
	}}
	s.lists["/apis/apps/v1/daemonsets"] = served{"apps/v1", "DaemonSetList", []any{
		named("kube-system", "cni", map[string]any{"spec": map[string]any{"template": template}}),
	}}
	snapshot, err := live.Read(t.Context(), start(t, s))
	require.NoError(t, err)
	require.Len(t, snapshot.Objects.DaemonSets, 1)
	spec := &snapshot.Objects.DaemonSets[0].Spec.Template.Spec
	assert.Equal(t, "100m", spec.Containers[0].Resources.Requests.Cpu().String(), "requests come from limits, as in its pods")
	require.NotNil(t, spec.Priority)
	assert.Equal(t, int32(2000001000), *spec.Priority)
	assert.Equal(t, v1.PreemptLowerPriority, *spec.PreemptionPolicy)
}

// A server that answers at first and then falls silent does not hold the user up.
func TestListThatHangsIsGivenUp(t *testing.T) {
	finished := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			<-finished
			return
		}
		_, err := w.Write([]byte("{}"))
		assert.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(finished) })
	_, err := live.Read(t.Context(), &rest.Config{Host: server.URL, Timeout: 200 * time.Millisecond})
	assert.EqualError(t, err, "list pods: no answer in time (--request-timeout says how long to wait)")
}
