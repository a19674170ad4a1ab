package learned

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
)

// ConfigMap keeps what was learned, under Key of its data. Deleting it forgets
// machines that are gone; those that are there are looked at again.
const (
	ConfigMap = "vpsie-autoscaler-learned"
	Key       = "observations.json"
)

// Options of New. Client, Reader and Namespace have no default.
type Options struct {
	// Client lists VPSieNodes and Nodes, best from a cache, and writes the ConfigMap.
	Client client.Client
	// Reader gets the ConfigMap, past any cache.
	Reader client.Reader
	// Namespace of the ConfigMap: the autoscaler's own.
	Namespace string
	// Settle is how long a node has been Ready before it is believed to offer as
	// much as planned, or more. Default 2 minutes.
	Settle time.Duration
	// Interval between savings. Default 30 s.
	Interval time.Duration
	// Recorder gets an event on a VPSieNode that offers less than planned.
	Recorder events.EventRecorder
	// Clock defaults to the real one.
	Clock clock.WithTicker
	// Registerer gets the metrics; nil registers none.
	Registerer prometheus.Registerer
	// Logger gets what could not be read or saved. The zero Logger logs nothing.
	Logger logr.Logger
}

// Learner keeps the observations. It is safe for concurrent use.
type Learner struct {
	options Options
	metrics *metrics

	mu sync.Mutex
	// loaded says that the ConfigMap was read, and nothing is believed before.
	loaded       bool
	observations observations
	// unsaved says that the ConfigMap is older than observations.
	unsaved bool
}

// New makes a Learner that knows nothing until Look loads the ConfigMap.
func New(options Options) (*Learner, error) {
	switch {
	case options.Client == nil || options.Reader == nil:
		return nil, errors.New("learned: Options.Client or Options.Reader is missing")
	case options.Namespace == "":
		return nil, errors.New("learned: Options.Namespace is missing")
	}
	if options.Settle == 0 {
		options.Settle = 2 * time.Minute
	}
	if options.Interval == 0 {
		options.Interval = 30 * time.Second
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	m, err := newMetrics(options.Registerer)
	if err != nil {
		return nil, fmt.Errorf("learned: %w", err)
	}
	return &Learner{options: options, metrics: m, observations: observations{}}, nil
}

// load reads the ConfigMap once. A broken one is logged and replaced at the next
// saving: what it held can be learned again, and nothing else depends on it.
// While it cannot be read that is an error: planning without it could buy what
// is known to be too small.
func (l *Learner) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	var configMap corev1.ConfigMap
	err := l.options.Reader.Get(ctx, client.ObjectKey{Namespace: l.options.Namespace, Name: ConfigMap}, &configMap)
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("read what was learned of offerings: %w", err)
	default:
		read, err := decode(configMap.Data[Key])
		if err != nil {
			l.options.Logger.Error(err, "what was learned of offerings is unreadable and will be replaced",
				"configMap", l.options.Namespace+"/"+ConfigMap, "key", Key)
			l.unsaved = true
			break
		}
		l.observations = read
	}
	l.loaded = true
	return nil
}

// Look takes note of the Ready nodes that are there now, of the offerings in the
// catalogue as it is sold: before Apply. It asks no one but the Client, and the
// Reader the first time.
func (l *Learner) Look(ctx context.Context, catalog *offerings.Catalog) error {
	// Every decision looks, so nothing is copied that is only read.
	var machines v1alpha1.VPSieNodeList
	if err := l.options.Client.List(ctx, &machines, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("learn of offerings: list VPSieNodes: %w", err)
	}
	var nodes corev1.NodeList
	if err := l.options.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("learn of offerings: list Nodes: %w", err)
	}
	byMachine := make(map[string]*corev1.Node, len(nodes.Items))
	for i := range nodes.Items {
		if name := nodes.Items[i].Labels[v1alpha1.VPSieNodeLabel]; name != "" {
			byMachine[name] = &nodes.Items[i]
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(ctx); err != nil {
		return err
	}
	for i := range machines.Items {
		machine := &machines.Items[i]
		if node := byMachine[machine.Name]; node != nil && node.Name == machine.Spec.Hostname {
			l.observe(catalog.Offering(machine.Spec.Offering), machine, node)
		}
	}
	l.measure(catalog)
	return nil
}

// observe needs the lock. The offering is nil when the catalogue lacks it.
func (l *Learner) observe(offering *offerings.Offering, machine *v1alpha1.VPSieNode, node *corev1.Node) {
	since, ready := readySince(node)
	if offering == nil || !ready {
		return
	}
	seen := Observation{
		Machine: string(machine.UID), Time: l.options.Clock.Now().UTC().Truncate(time.Second),
		Sold: plain(offering.Capacity), Capacity: resources(node.Status.Capacity), Allocatable: resources(node.Status.Allocatable),
	}
	if err := seen.check(); err != nil {
		return // A Ready node has figures; the next look will see them.
	}
	promised := offering.Allocatable
	if len(machine.Spec.Allocatable) > 0 {
		promised = resources(machine.Spec.Allocatable)
	}
	less := lacks(seen.Allocatable, promised)
	if less == "" && l.options.Clock.Since(since) < l.options.Settle {
		return
	}
	if !l.observations.add(offering.Name, seen) {
		return
	}
	l.unsaved = true
	l.metrics.observations.WithLabelValues(result(less)).Inc()
	if less != "" && l.options.Recorder != nil {
		l.options.Recorder.Eventf(machine, node, corev1.EventTypeWarning, "SmallerThanPlanned", "Learn",
			"Node %s offers less than was planned: %s. The next plan counts on what it offers.", node.Name, less)
	}
}

func result(less string) string {
	if less != "" {
		return "smaller"
	}
	return "asPlanned"
}

// lacks says in words of what a node has less than was promised, "" of nothing.
func lacks(has, promised offerings.Resources) string {
	switch {
	case has.MemoryBytes < promised.MemoryBytes:
		return fmt.Sprintf("%d KiB of memory instead of %d KiB", has.MemoryBytes>>10, promised.MemoryBytes>>10)
	case has.MilliCPU < promised.MilliCPU:
		return fmt.Sprintf("%dm of CPU instead of %dm", has.MilliCPU, promised.MilliCPU)
	case has.MaxPods < promised.MaxPods:
		return fmt.Sprintf("%d pods instead of %d", has.MaxPods, promised.MaxPods)
	case has.EphemeralBytes < promised.EphemeralBytes:
		return fmt.Sprintf("%d MiB of disk instead of %d MiB", has.EphemeralBytes>>20, promised.EphemeralBytes>>20)
	}
	return ""
}

// readySince is when the node became Ready; false when it is not.
func readySince(node *corev1.Node) (time.Time, bool) {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.LastTransitionTime.Time, condition.Status == corev1.ConditionTrue
		}
	}
	return time.Time{}, false
}

func resources(list corev1.ResourceList) offerings.Resources {
	return offerings.Resources{
		MilliCPU:       list.Cpu().MilliValue(),
		MemoryBytes:    list.Memory().Value(),
		EphemeralBytes: list.StorageEphemeral().Value(),
		MaxPods:        list.Pods().Value(),
	}
}

// Apply returns the catalogue with what was learned in the place of estimates.
func (l *Learner) Apply(catalog *offerings.Catalog) *offerings.Catalog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.observations.learned(catalog).Apply(catalog)
}

// Start saves what is new every Interval, and once more when ctx ends.
func (l *Learner) Start(ctx context.Context) error {
	ticker := l.options.Clock.NewTicker(l.options.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			l.saveOrLog(last)
			return nil
		case <-ticker.C():
			l.saveOrLog(ctx)
		}
	}
}

// NeedLeaderElection is true: only the leader writes.
func (l *Learner) NeedLeaderElection() bool { return true }

func (l *Learner) saveOrLog(ctx context.Context) {
	if err := l.Save(ctx); err != nil {
		l.options.Logger.Error(err, "what was learned of offerings is not saved yet")
	}
}

// Save writes the ConfigMap if there is something new.
func (l *Learner) Save(ctx context.Context) error {
	l.mu.Lock()
	if !l.unsaved {
		l.mu.Unlock()
		return nil
	}
	text, err := l.observations.encode()
	l.unsaved = false
	l.mu.Unlock()
	if err == nil {
		err = l.write(ctx, text)
	}
	if err != nil {
		l.mu.Lock()
		l.unsaved = true
		l.mu.Unlock()
		return fmt.Errorf("save what was learned of offerings: %w", err)
	}
	return nil
}

// write creates the ConfigMap or replaces its key.
func (l *Learner) write(ctx context.Context, text string) error {
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.options.Namespace, Name: ConfigMap},
		Data:       map[string]string{Key: text},
	}
	err := l.options.Client.Create(ctx, configMap)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	before := configMap.DeepCopy()
	before.Data = nil
	return l.options.Client.Patch(ctx, configMap, client.MergeFrom(before))
}
