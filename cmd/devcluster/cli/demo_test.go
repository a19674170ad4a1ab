package cli_test

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/cli"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

// Without a controller nothing is bought: what the scheduler finds room for runs,
// the rest stays pending, and all of it goes again.
func TestDemoWithoutController(t *testing.T) {
	planetest.Binaries(t)
	dir := filepath.Join(t.TempDir(), "cluster")
	code, printed, complaint := devcluster(t.Context(), "demo", "--dir", dir, "--quiet=3s")
	require.Equal(t, cli.ExitOK, code, complaint)
	assert.Regexp(t, `Today:\n(.*\n)*.* 34 running, 0 starting, 0 pending; 11 nodes ready of 11; \$2\.1081/h\n`, printed)
	assert.Regexp(t, `workloads:\n(.*\n)*.* [1-9][0-9]+ running, 0 starting, 3[0-9]{2} pending; 11 nodes`, printed)
	// The pods of DaemonSets stay, and of those that nobody owns the ones that were
	// not preempted.
	assert.Regexp(t, `down again:\n(.*\n)*.* [5-9][0-9] running, 0 starting, [0-9] pending; 11 nodes`, printed)
	assert.Regexp(t, regexp.MustCompile(`vpsie-general-k7m2p +general +std-8c16g +ams1 +Ready +[0-9]+ +0\.0917`), printed)
	assert.NoDirExists(t, dir)
}
