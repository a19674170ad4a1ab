package chaos

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/rbactest"
	"github.com/vpsie/vpsie-k8s-autoscaler/deploy/rbac"
)

// nothingDenied compares what the controller asked the API server so far with
// what it may.
func (w *world) nothingDenied() {
	w.Helper()
	asked := compare(w, w.plane.AuditLog())
	assert.Empty(w, asked.Denied, "requests that deploy/rbac does not allow")
	assert.Positive(w, asked.Requests)
}

func compare(t testing.TB, path string) *rbactest.Report {
	t.Helper()
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	// The API server may be writing the last line.
	log = log[:bytes.LastIndexByte(log, '\n')+1]
	asked, err := rbactest.Compare(rbac.Manifests, bytes.NewReader(log), rbac.Namespace, rbac.ServiceAccount)
	require.NoError(t, err)
	return asked
}

// neededElsewhere are the permissions that this control plane gives no reason to use.
var neededElsewhere = map[string]string{
	"list podgroups.scheduling.k8s.io (ClusterRole vpsie-autoscaler)":  "a beta API that is not served here",
	"watch podgroups.scheduling.k8s.io (ClusterRole vpsie-autoscaler)": "a beta API that is not served here",
	"list secrets vpsie-secret (Role kube-system/vpsie-autoscaler)":    "an API server that does not stream lists is asked for one before a watch",
}

// The tests before this one do all that the controller is there for. What it may
// and did not do, it should not be allowed to; the short form need not get
// everywhere, so that it only says what is left.
func TestPermissionsThatWereNeverUsed(t *testing.T) {
	if os.Getenv(enabled) == "" {
		t.Skipf("speaks of the other tests: set %s, or run make e2e or make chaos", enabled)
	}
	cluster := planetest.Get(t)
	if _, err := os.Stat(cluster.AuditLog()); err != nil {
		t.Skipf("no test ran before this one: %v", err)
	}
	asked := compare(t, cluster.AuditLog())
	if asked.Requests == 0 {
		t.Skip("no controller ran before this test")
	}
	t.Logf("%d requests; never used: %v", asked.Requests, asked.Unused)
	for _, permission := range asked.Unused {
		if *long && neededElsewhere[permission.String()] == "" {
			t.Errorf("never used: %s", permission)
		}
	}
}
