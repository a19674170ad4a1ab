package chaos

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
)

// replica is one process of the controller.
type replica struct {
	*process.Process
	metrics, health string
}

// quick are the controller's own times, cut down to a test's.
var quick = []string{
	"--batch-idle=200ms", "--batch-max=1s", "--sync-period=10s",
	"--poll-interval=1s", "--settle-time=2s", "--failed-retention=5s",
	"--provision-timeout=90s", "--join-timeout=90s", "--ready-timeout=90s",
	"--garbage-interval=2s", "--orphan-grace=4s",
	"--vpsie-requests-per-minute=6000",
	// What must not be logged must not be logged at any level.
	"--log-level=5",
}

// start starts a controller and does not wait until it is ready.
func (w *world) start(arguments ...string) *replica {
	w.Helper()
	program := controllerProgram(w)
	ports, err := plane.FreePorts(2)
	require.NoError(w, err)
	r := &replica{metrics: fmt.Sprintf("127.0.0.1:%d", ports[0]), health: fmt.Sprintf("127.0.0.1:%d", ports[1])}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started++
	r.Process, err = process.Start(process.Command{
		Program: program,
		Arguments: slices.Concat([]string{
			"--kubeconfig=" + w.kubeconfig, "--metrics-addr=" + r.metrics, "--health-addr=" + r.health,
		}, quick, arguments),
		Name: fmt.Sprintf("controller %d", w.started),
		Log:  filepath.Join(w.dir, fmt.Sprintf("controller-%04d.log", w.started)),
	})
	require.NoError(w, err)
	w.replicas = append(w.replicas, r)
	return r
}

// alone has a controller act without waiting for its predecessor's Lease to end.
const alone = "--leader-election=false"

// strike kills a replica at once. It returns false if it was dead already, which
// it must not be of itself.
func (w *world) strike(r *replica) bool {
	w.Helper()
	err := r.Death()
	if err != nil && !strings.Contains(err.Error(), syscall.SIGKILL.String()) {
		w.Errorf("a controller ended by itself: %v", err)
	}
	r.Kill()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replicas = slices.DeleteFunc(w.replicas, func(other *replica) bool { return other == r })
	return err == nil
}

func (w *world) stopReplicas() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.replicas {
		r.Stop(30 * time.Second)
	}
	w.replicas = nil
}

// get reads a page of a replica's.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, response.Status, body)
	}
	return string(body), err
}

// ready waits until a replica says that it is.
func (w *world) ready(r *replica) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	require.NoError(w, r.Ready(ctx, func(ctx context.Context) error {
		_, err := get(ctx, "http://"+r.health+"/readyz")
		return err
	}))
}

// scrape keeps a replica's metrics among what is searched for secrets. One that
// was just started, or struck, may have none.
func (w *world) scrape(r *replica) (string, error) {
	w.Helper()
	page, err := get(w.Context(), "http://"+r.metrics+"/metrics")
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(filepath.Join(w.dir, "metrics.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(w, err)
	defer file.Close()
	_, err = file.WriteString(page)
	require.NoError(w, err)
	return page, nil
}

// leads says that a replica is the one that acts.
func (w *world) leads(r *replica) bool {
	w.Helper()
	page, err := w.scrape(r)
	return err == nil && strings.Contains(page, `leader_election_master_status{name="vpsie-autoscaler"} 1`)
}
