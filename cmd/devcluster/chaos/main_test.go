package chaos

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane/planetest"
)

// What `make chaos` sets, after -args.
var (
	seed     = flag.Uint64("seed", 1, "of everything that is left to chance")
	kills    = flag.Int("kills", 10, "how often the controller is killed, at least")
	machines = flag.Int("machines", 40, "how many machines are bought, at least")
	outage   = flag.Duration("outage", 5*time.Second, "how long VPSie is down")
	long     = flag.Bool("long", false, "fail for permissions that were never used as well")
	report   = flag.String("report", "", "`FILE` that the result is written to as JSON")
	commit   = flag.String("commit", "", "what the result is of")
)

// enabled is the environment variable that asks for tests of minutes.
const enabled = "VPSIE_E2E"

// auditPolicy has the API server note what the controller asks for, without the
// content.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, users: ["` + robot + `"]}
- {level: None}
`

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	planetest.Main(m, plane.Options{AuditPolicy: []byte(auditPolicy)})
}

// controllerProgram is the product, built once, beside the test binary: go test
// removes both.
func controllerProgram(t testing.TB) string {
	t.Helper()
	path, err := buildController()
	require.NoError(t, err)
	return path
}

var buildController = sync.OnceValues(func() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), "chaos-controller")
	build := exec.Command("go", "build", "-o", path, "github.com/vpsie/vpsie-k8s-autoscaler/cmd/controller")
	build.Stderr = os.Stderr
	return path, build.Run()
})
