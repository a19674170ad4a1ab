package cluster_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cluster"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
)

func TestLookNamesWhoDoesNotAnswer(t *testing.T) {
	// Nobody listens there once the server is closed.
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	nobody, err := kubernetes.NewForConfig(&rest.Config{Host: gone.URL})
	require.NoError(t, err)
	for situation, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"VPSie is ill":         {answer: http.NotFound, want: "asking the fake VPSie: 404 Not Found"},
		"VPSie talks nonsense": {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{")) }, want: "asking the fake VPSie: unexpected EOF"},
		"no API server":        {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }, want: "listing nodes: "},
	} {
		t.Run(situation, func(t *testing.T) {
			vpsie := httptest.NewServer(test.answer)
			defer vpsie.Close()
			_, err := cluster.Look(t.Context(), nobody, vpsie.URL)
			assert.ErrorContains(t, err, test.want)
		})
	}
	_, err = cluster.Look(t.Context(), nobody, gone.URL)
	assert.ErrorContains(t, err, "connection refused")
}

func TestStatusOfWhatCannotBeSeen(t *testing.T) {
	dir := t.TempDir()
	main, err := process.Identify(os.Getpid())
	require.NoError(t, err)
	state := &cluster.State{Main: main, Kubeconfig: filepath.Join(dir, "kubeconfig")}
	require.NoError(t, cluster.WriteState(dir, state))
	status, err := cluster.StatusOf(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, "it is starting", status.Problem)
	assert.False(t, status.Healthy())

	state.Ready = true
	require.NoError(t, cluster.WriteState(dir, state))
	status, err = cluster.StatusOf(t.Context(), dir)
	require.NoError(t, err)
	assert.Contains(t, status.Problem, "kubeconfig: no such file")
	assert.False(t, status.Healthy())
}
