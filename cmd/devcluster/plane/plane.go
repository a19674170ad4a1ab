package plane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
)

// startTimeout is how long a plane may take to be ready, on a busy machine.
const startTimeout = 2 * time.Minute

// Plane is a running control plane. Its methods may be called from several
// goroutines.
type Plane struct {
	options   Options
	ports     ports
	authority *authority
	ca        pair
	admin     *rest.Config
	client    kubernetes.Interface
	// temporary says that Dir goes with the plane.
	temporary bool
	// kubeconfigWritten says that the kubeconfig is ours to remove.
	kubeconfigWritten bool

	// mu guards the programs, nil when they do not run.
	mu                sync.Mutex
	etcd              *process.Process
	apiServer         *process.Process
	controllerManager *process.Process
	scheduler         *process.Process
	stopped           bool
}

// Start starts a plane and returns when it serves: the API server is ready, what
// kubeadm init leaves behind is there, pods can be created in "default" and will
// be scheduled. Its programs run until Stop, and end with this process however
// that ends. A program that ends at once is an error with the end of its log.
// ctx bounds the start only.
func Start(ctx context.Context, options Options) (*Plane, error) {
	p := &Plane{options: options}
	if options.Dir == "" {
		dir, err := os.MkdirTemp("", "vpsie-plane-")
		if err != nil {
			return nil, err
		}
		p.options.Dir, p.temporary = dir, true
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.start(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("starting a control plane: %w", err)
	}
	return p, nil
}

func (p *Plane) start(ctx context.Context) error {
	if err := p.options.complete(); err != nil {
		return err
	}
	drawn, err := FreePorts(5)
	if err != nil {
		return err
	}
	p.ports = ports{etcd: drawn[0], etcdPeer: drawn[1], apiServer: drawn[2], controllerManager: drawn[3], scheduler: drawn[4]}
	if err := p.writeFiles(); err != nil {
		return err
	}
	if p.client, err = kubernetes.NewForConfig(p.admin); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.etcd, err = p.run(etcd, p.etcdArguments()); err != nil {
		return err
	}
	if err := p.startAPIServer(ctx); err != nil {
		// An API server that waits in vain for etcd says so at great length.
		if died := p.etcd.Death(); died != nil {
			return died
		}
		return err
	}
	if err := p.apiServer.Ready(ctx, p.namespaces); err != nil {
		return err
	}
	if !p.options.NoControllerManager {
		if p.controllerManager, err = p.run(controllerManager, p.controllerManagerArguments()); err != nil {
			return err
		}
	}
	if !p.options.NoScheduler {
		if p.scheduler, err = p.run(scheduler, p.schedulerArguments()); err != nil {
			return err
		}
	}
	if err := p.initialise(ctx); err != nil {
		return err
	}
	if p.scheduler != nil {
		if err := p.scheduler.Ready(ctx, p.healthy(p.ports.scheduler)); err != nil {
			return err
		}
	}
	if p.controllerManager != nil {
		if err := p.controllerManager.Ready(ctx, p.podsWelcome); err != nil {
			return err
		}
	}
	return nil
}

// run starts a program with its log.
func (p *Plane) run(program string, arguments []string) (*process.Process, error) {
	return process.Start(process.Command{
		Program:   p.options.Binaries.path(program),
		Arguments: arguments,
		Log:       filepath.Join(p.options.Logs, program+".log"),
	})
}

func (p *Plane) startAPIServer(ctx context.Context) error {
	started, err := p.run(apiServer, p.apiServerArguments())
	if err != nil {
		return err
	}
	p.apiServer = started
	return started.Ready(ctx, p.serving)
}

// serving asks the API server whether it is ready, which it says once the roles
// it comes with are there.
func (p *Plane) serving(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return p.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// namespaces: the API server is ready a moment before it has made its own.
func (p *Plane) namespaces(ctx context.Context) error {
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, "kube-node-lease"} {
		if _, err := p.client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// healthy asks the program on the port.
func (p *Plane) healthy(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := rest.HTTPClientFor(p.anonymous())
		if err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address(port)+"/healthz", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", request.URL, response.Status)
		}
		return nil
	}
}

// podsWelcome: pods can be created in a namespace when the controller-manager has
// made its ServiceAccount and the CA they mount.
func (p *Plane) podsWelcome(ctx context.Context) error {
	core := p.client.CoreV1()
	if _, err := core.ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return err
	}
	_, err := core.ConfigMaps(metav1.NamespaceDefault).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
	return err
}

// RestartAPIServer stops the API server and starts it again on the same port, and
// returns when it is ready. Clients lose their watches, as in a real restart.
func (p *Plane) RestartAPIServer(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("restarting the API server: the plane was stopped")
	}
	// Asked politely it would first wait for requests under way.
	p.apiServer.Stop(2 * time.Second)
	if err := p.startAPIServer(ctx); err != nil {
		return fmt.Errorf("restarting the API server: %w", err)
	}
	return nil
}

// StopScheduler stops kube-scheduler, if it runs: pods stay pending.
func (p *Plane) StopScheduler() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.scheduler != nil {
		p.scheduler.Kill()
		p.scheduler = nil
	}
}

// StartScheduler starts kube-scheduler, if it does not run, and returns when it
// is healthy.
func (p *Plane) StartScheduler(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.scheduler != nil || p.stopped {
		return nil
	}
	started, err := p.run(scheduler, p.schedulerArguments())
	if err != nil {
		return err
	}
	p.scheduler = started
	return started.Ready(ctx, p.healthy(p.ports.scheduler))
}

// Err is nil for as long as every program that should run does, and else says
// which one ended, with the end of its log.
func (p *Plane) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, program := range p.programs() {
		if died := program.Death(); died != nil {
			return died
		}
	}
	return nil
}

// PIDs are the process IDs of the programs that run, by name.
func (p *Plane) PIDs() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	pids := map[string]int{}
	for _, program := range p.programs() {
		pids[program.Name] = program.PID()
	}
	return pids
}

// programs are those that run, the first started last.
func (p *Plane) programs() []*process.Process {
	var running []*process.Process
	for _, program := range []*process.Process{p.scheduler, p.controllerManager, p.apiServer, p.etcd} {
		if program != nil {
			running = append(running, program)
		}
	}
	return running
}

// Stop ends every program and returns when they are gone, with the temporary
// folder. Nothing of the cluster is kept, so none is asked politely. A second
// call does nothing.
func (p *Plane) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.stopped = true
	for _, program := range p.programs() {
		program.Kill()
	}
	if p.kubeconfigWritten {
		_ = os.Remove(p.options.KubeconfigPath)
	}
	if p.temporary {
		_ = os.RemoveAll(p.options.Dir)
	}
}
