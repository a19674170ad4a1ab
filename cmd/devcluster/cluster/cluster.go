package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/plane"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/process"
	"github.com/vpsie/vpsie-k8s-autoscaler/cmd/devcluster/storage"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake/machine"
)

// Cluster is one that runs in this process and its children.
type Cluster struct {
	// Plane is its control plane, VPSie where it buys.
	Plane *plane.Plane
	VPSie *fake.Server

	options    Options
	client     kubernetes.Interface
	state      State
	controller *process.Process
	// release gives the folder back; claimed says that it is ours.
	release func()
	claimed bool
	// keepLogs says that something went wrong.
	keepLogs bool
	// stopStorage ends the storage; failed takes its error.
	stopStorage context.CancelFunc
	storage     sync.WaitGroup
	failed      chan error
	stop        sync.Once
}

// Start starts a cluster and returns when everything in it is ready. It runs until
// Stop; ctx bounds the start only. What an earlier run in the same folder left
// behind is ended first; one that still runs is an error.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	options.complete()
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, err
	}
	options.Dir = dir
	c := &Cluster{options: options, failed: make(chan error, 1), state: State{StartedAt: time.Now()}}
	if err := c.start(ctx); err != nil {
		c.keepLogs = true
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.occupy(); err != nil {
		return err
	}
	c.options.Plane.Dir = filepath.Join(c.options.Dir, "plane")
	c.options.Plane.Logs = filepath.Join(c.options.Dir, LogsFolder)
	c.options.Plane.KubeconfigPath = filepath.Join(c.options.Dir, "kubeconfig")
	var err error
	if c.Plane, err = plane.Start(ctx, c.options.Plane); err != nil {
		return err
	}
	if c.client, err = kubernetes.NewForConfig(c.Plane.Config()); err != nil {
		return err
	}
	if err := c.Plane.InstallCRDs(ctx); err != nil {
		return err
	}
	if err := c.startStorage(ctx); err != nil {
		return err
	}
	if err := c.startVPSie(); err != nil {
		return err
	}
	if err := c.startController(ctx); err != nil {
		return err
	}
	return c.announce()
}

// occupy takes the folder, after ending what an earlier run left in it.
func (c *Cluster) occupy() error {
	release, err := lock(c.options.Dir)
	if err != nil {
		return err
	}
	c.release = release
	earlier, err := ReadState(c.options.Dir)
	if err == nil {
		err = earlier.sweep()
	}
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if err := claim(c.options.Dir); err != nil {
		return err
	}
	c.claimed = true
	if c.state.Main, err = process.Identify(os.Getpid()); err != nil {
		return err
	}
	return c.state.write(c.options.Dir)
}

func (c *Cluster) startStorage(ctx context.Context) error {
	var regions []string
	for _, datacenter := range c.options.Catalog.Datacenters {
		regions = append(regions, datacenter.ID)
	}
	// Its classes are there before any claim can be.
	if err := storage.Install(ctx, c.client); err != nil {
		return fmt.Errorf("starting storage: %w", err)
	}
	running, stop := context.WithCancel(context.Background())
	c.stopStorage = stop
	c.storage.Go(func() {
		if err := storage.Run(running, c.client, regions); err != nil {
			c.failed <- fmt.Errorf("storage: %w", err)
		}
	})
	return nil
}

func (c *Cluster) startVPSie() error {
	// Of the time to a Ready node VPSie's queue takes a fifth, the start of the
	// machine another, what it boots two, the kubelet the last.
	part := c.options.BootTime / 5
	delay := func(parts time.Duration) fake.Delay { return fake.Delay{Base: parts * part, Jitter: parts * part / 4} }
	var err error
	c.VPSie, err = fake.New(fake.Config{
		Catalog:    c.options.Catalog,
		QueueDelay: delay(1),
		StartDelay: delay(1),
		BootDelay:  delay(2),
		Machines:   machine.New(machine.Config{CSI: &machine.CSI{}, ReadyDelay: part, Logger: c.options.Logger}),
		Logger:     c.options.Logger,
	})
	if err != nil {
		return fmt.Errorf("starting the fake VPSie: %w", err)
	}
	c.state.VPSie, err = c.VPSie.Start()
	return err
}

// announce writes down that everything runs.
func (c *Cluster) announce() error {
	c.state.Kubeconfig = c.Plane.Kubeconfig()
	c.state.APIServer = "https://" + c.Plane.Endpoint()
	c.state.Programs = map[string]process.Identity{}
	pids := c.Plane.PIDs()
	if c.controller != nil {
		pids[c.controller.Name] = c.controller.PID()
	}
	for name, pid := range pids {
		identity, err := process.Identify(pid)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.state.Programs[name] = identity
	}
	c.state.Ready = true
	return c.state.write(c.options.Dir)
}

// State is what the cluster wrote down of itself.
func (c *Cluster) State() State { return c.state }

// Client is the administrator's.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Wait returns nil when ctx is done, and an error when something that should run
// has ended before.
func (c *Cluster) Wait(ctx context.Context) error {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-c.failed:
			c.keepLogs = true
			return err
		case <-ticker.C:
			if err := c.dead(); err != nil {
				c.keepLogs = true
				return err
			}
		}
	}
}

// dead says which process has ended, nil if none has.
func (c *Cluster) dead() error {
	if err := c.Plane.Err(); err != nil {
		return err
	}
	if c.controller != nil {
		return c.controller.Death()
	}
	return nil
}

// controllerGrace is how long the controller may take to end what it does.
const controllerGrace = 10 * time.Second

// Stop ends everything, the last started first, and removes the cluster's folder;
// the logs stay when something went wrong. A second call does nothing.
func (c *Cluster) Stop() {
	c.stop.Do(func() {
		if c.controller != nil {
			c.controller.Stop(controllerGrace)
		}
		if c.VPSie != nil {
			c.VPSie.Close()
		}
		if c.stopStorage != nil {
			c.stopStorage()
			c.storage.Wait()
		}
		if c.Plane != nil {
			c.Plane.Stop()
		}
		switch {
		case c.claimed && c.keepLogs:
			_ = empty(c.options.Dir)
		case c.claimed:
			_ = os.RemoveAll(c.options.Dir)
		}
		if c.release != nil {
			c.release()
		}
	})
}
