package machine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie/fake"
)

// Config is what all machines of a Runner have in common. The zero value works.
type Config struct {
	// ReadyDelay is how long a registered Node is not ready. Default none.
	ReadyDelay time.Duration
	// PodDelay is how long a container takes to start. Default none.
	PodDelay time.Duration
	// StopDelay is how long a container takes to end, within its grace period.
	// Default none.
	StopDelay time.Duration
	// Heartbeat is how often Leases are renewed. Default 10 s, the kubelet's own.
	Heartbeat time.Duration
	// Offers is what pods can use of a machine, extended resources included.
	// Default the offering's Allocatable: the machine is what was sold.
	Offers func(fake.Machine) offerings.Resources
	// Devices publishes a machine's extended resources as ResourceSlices as well.
	Devices bool
	// CSI is the storage driver that each machine runs; nil for none.
	CSI *CSI
	// KubeletVersion that Nodes show. Default v1.37.2.
	KubeletVersion string
	// DiscoveryTimeout, when the user data says none, and CertificateTimeout are
	// how long joining waits. Default 5 min each, kubeadm's own.
	DiscoveryTimeout, CertificateTimeout time.Duration
	// RetryPeriod is how long a machine waits before it asks again. Default
	// 500 ms; a real one asks less often.
	RetryPeriod time.Duration
	// Clock of delays and time-outs. Default the real one.
	Clock clock.Clock
	// Logger gets a line for each machine that fails. Default none.
	Logger logr.Logger
}

// CSI is a storage driver as its node plugin registers it.
type CSI struct {
	// Driver name, default vpsie.csi.vpsie.com.
	Driver string
	// Volumes that one node can have attached, default 7.
	Volumes int32
	// TopologyKey whose value is the datacenter, default region.
	TopologyKey string
	// Delay after the Node is Ready until the driver registers.
	Delay time.Duration
}

// Shortfall makes machines offer less memory than was sold, in bytes by the
// name of the offering: a Config.Offers.
func Shortfall(bytes map[string]int64) func(fake.Machine) offerings.Resources {
	return func(m fake.Machine) offerings.Resources {
		offered := m.Offering.Allocatable
		offered.MemoryBytes = max(0, offered.MemoryBytes-bytes[m.Offering.Name])
		return offered
	}
}

// Runner runs machines. It is a fake.MachineRunner, safe for many at once.
type Runner struct {
	config Config
}

var _ fake.MachineRunner = (*Runner)(nil)

// New returns a Runner.
func New(config Config) *Runner {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&config.Heartbeat, 10 * time.Second},
		{&config.DiscoveryTimeout, 5 * time.Minute},
		{&config.CertificateTimeout, 5 * time.Minute},
		{&config.RetryPeriod, 500 * time.Millisecond},
	} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if config.Offers == nil {
		config.Offers = Shortfall(nil)
	}
	if config.Clock == nil {
		config.Clock = clock.RealClock{}
	}
	if config.Logger.GetSink() == nil {
		config.Logger = logr.Discard()
	}
	if config.KubeletVersion == "" {
		config.KubeletVersion = "v1.37.2"
	}
	if config.CSI != nil {
		csi := *config.CSI
		csi.Driver = or(csi.Driver, "vpsie.csi.vpsie.com")
		csi.TopologyKey = or(csi.TopologyKey, "region")
		if csi.Volumes == 0 {
			csi.Volumes = 7
		}
		config.CSI = &csi
	}
	return &Runner{config: config}
}

// Run boots the machine and lives its life until ctx is done.
func (r *Runner) Run(ctx context.Context, m fake.Machine, report func(fake.Boot)) {
	g := &guest{config: &r.config, machine: m, life: ctx, tell: report, disk: newDisk(), hostname: m.Hostname}
	g.report(fake.Boot{Stage: fake.BootRunning})
	err := g.boot(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		g.fail(err)
	case g.kubelet == nil && g.reason() == "":
		g.report(fake.Boot{Stage: fake.BootDone})
	}
	g.running.Wait()
}

// guest is one machine from the inside.
type guest struct {
	config   *Config
	machine  fake.Machine
	life     context.Context // until it is switched off
	disk     *disk
	hostname string
	kubelet  *kubelet
	running  sync.WaitGroup

	tell func(fake.Boot)
	mu   sync.Mutex
	last fake.Boot
}

// boot executes the user data, then the script.
func (g *guest) boot(ctx context.Context) error {
	for _, data := range [][]byte{g.machine.UserData, g.machine.Script} {
		p, err := parse(data)
		if err != nil {
			return err
		}
		if p.hostname != "" {
			g.hostname = p.hostname
		}
		if err := g.execute(ctx, "bootcmd", p.early); err != nil {
			return err
		}
		for _, f := range p.files {
			g.disk.put(f)
		}
		if err := g.execute(ctx, "user data", p.late); err != nil {
			return err
		}
	}
	return nil
}

// addresses of the machine, the public one first, as many as it has now.
func (g *guest) addresses() []string {
	if g.machine.Addresses == nil {
		return nil
	}
	public, private := g.machine.Addresses()
	return slices.DeleteFunc([]string{public, private}, func(a string) bool { return a == "" })
}

// fail makes the reason known. A kubelet that runs, runs on.
func (g *guest) fail(err error) {
	g.config.Logger.Info("machine failed", "hostname", strings.ToLower(g.machine.Hostname), "reason", err.Error())
	g.report(fake.Boot{Stage: fake.BootFailed, Reason: err.Error()})
}

func (g *guest) reason() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last.Reason
}

func (g *guest) report(b fake.Boot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = b
	g.tell(b)
}

func stageJoined(node string) fake.Boot { return fake.Boot{Stage: fake.BootJoined, Node: node} }

// pause waits, unless the machine is switched off before.
func (g *guest) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return errors.New("switched off")
	case <-g.config.Clock.After(d):
		return nil
	}
}
