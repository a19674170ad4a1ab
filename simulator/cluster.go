package simulator

import (
	"context"
	"fmt"
	"sort"
	"sync"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// Cluster is a copy of a cluster that can be changed, forked and reverted, and
// that answers every question with kube-scheduler's plugins. It serves one
// goroutine at a time.
type Cluster struct {
	ctx       context.Context
	config    *SchedulerConfig
	journal   journal
	snapshot  *snapshot
	informers *memoryInformers
	devices   *devices
	nominator *nominator
	profiles  map[string]*profile
	// infos keeps what the framework computes once per pod.
	infos map[*v1.Pod]*framework.PodInfo
	// nodeOf maps a placed pod's UID to its node.
	nodeOf  map[types.UID]*framework.NodeInfo
	pending []*v1.Pod
	// objects is the input with the objects that controllers would have created added.
	objects     Objects
	filterCalls int
}

// NodeSpec is a node to add: the Node and what belongs to it from its first
// second on.
type NodeSpec struct {
	Node *v1.Node
	// CSINode carries the attach limits; without one the node has no limit.
	CSINode        *storagev1.CSINode
	ResourceSlices []*resourcev1.ResourceSlice
	// Pods run on the node before any other: its DaemonSet pods.
	Pods []*v1.Pod
}

var registerMetrics sync.Once

// New copies objects into a Cluster. The goroutines that the frameworks keep
// for their metrics end with ctx.
func New(ctx context.Context, objects Objects, config *SchedulerConfig) (*Cluster, error) {
	registerMetrics.Do(metrics.Register)
	c := &Cluster{
		ctx:       klog.NewContext(ctx, logr.Discard()),
		config:    config,
		snapshot:  newSnapshot(),
		informers: newMemoryInformers(),
		nominator: newNominator(),
		profiles:  map[string]*profile{},
		infos:     make(map[*v1.Pod]*framework.PodInfo, len(objects.Pods)),
		nodeOf:    make(map[types.UID]*framework.NodeInfo, len(objects.Pods)),
	}
	c.devices = newDevices(c)
	c.objects = complete(objects)
	if err := c.fill(); err != nil {
		return nil, err
	}
	for i := range config.configuration.Profiles {
		p, err := newProfile(c, i)
		if err != nil {
			return nil, err
		}
		c.profiles[p.name] = p
	}
	return c, nil
}

func (c *Cluster) fill() error {
	o := &c.objects
	for _, err := range []error{
		putAll(c, o.Namespaces), putAll(c, o.Services), putAll(c, o.ReplicationControllers), putAll(c, o.ReplicaSets), putAll(c, o.StatefulSets),
		putAll(c, o.StorageClasses), putAll(c, o.PersistentVolumes), putAll(c, o.PersistentVolumeClaims),
		putAll(c, o.CSINodes), putAll(c, o.CSIDrivers), putAll(c, o.CSIStorageCapacities), putAll(c, o.VolumeAttachments),
		putAll(c, o.ResourceSlices), putAll(c, o.DeviceClasses), putAll(c, o.PodDisruptionBudgets),
	} {
		if err != nil {
			return err
		}
	}
	for _, claim := range o.ResourceClaims {
		c.devices.setClaim(claim)
	}
	nodes := append([]*v1.Node(nil), o.Nodes...)
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Name < nodes[j].Name })
	for _, node := range nodes {
		if err := c.addNodeInfo(node); err != nil {
			return err
		}
	}
	for _, pod := range o.Pods {
		if pod.Spec.NodeName == "" {
			c.pending = append(c.pending, pod)
			continue
		}
		if err := c.bind(pod, pod.Spec.NodeName); err != nil {
			return err
		}
	}
	sortQueue(c.pending)
	return nil
}

// Context carries a logger that discards: plugins build no log values.
func (c *Cluster) Context() context.Context { return c.ctx }

// Objects is the input, with the objects that controllers would have made for
// it (claims of templates, claims of ephemeral volumes, missing namespaces).
func (c *Cluster) Objects() *Objects { return &c.objects }

// Pending lists the pods without a node in kube-scheduler's queue order.
func (c *Cluster) Pending() []*v1.Pod { return c.pending }

// FilterCalls counts how often a pod was held against a node.
func (c *Cluster) FilterCalls() int { return c.filterCalls }

// NodeNames lists the nodes in the order in which plugins see them.
func (c *Cluster) NodeNames() []string {
	names := make([]string, len(c.snapshot.nodes))
	for i, node := range c.snapshot.nodes {
		names[i] = node.Node().Name
	}
	return names
}

// Node returns the named node with what runs on it, nil if there is none. The
// caller must not change it.
func (c *Cluster) Node(name string) *framework.NodeInfo { return c.snapshot.byName[name] }

// NodeOf names the node a pod is placed on, "" if it is not placed.
func (c *Cluster) NodeOf(pod *v1.Pod) string {
	if node := c.nodeOf[pod.UID]; node != nil {
		return node.Node().Name
	}
	return ""
}

// AddNode adds a node that does not exist yet, with its CSINode, its
// ResourceSlices and its DaemonSet pods.
func (c *Cluster) AddNode(spec NodeSpec) error {
	if err := c.addNodeInfo(spec.Node); err != nil {
		return err
	}
	if spec.CSINode != nil {
		if err := c.put(spec.CSINode); err != nil {
			return err
		}
	}
	for _, slice := range spec.ResourceSlices {
		if err := c.put(slice); err != nil {
			return err
		}
	}
	for _, pod := range spec.Pods {
		if err := c.bind(pod, spec.Node.Name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) addNodeInfo(node *v1.Node) error {
	if _, exists := c.snapshot.byName[node.Name]; exists {
		return fmt.Errorf("node %s: there are two nodes of this name", node.Name)
	}
	info := framework.NewNodeInfo()
	info.SetNode(node)
	c.snapshot.addNode(info)
	c.journal.record(func() { c.snapshot.removeNode(info) })
	return nil
}

// RemoveNode takes a node and the pods on it out of the cluster; the pods'
// volumes stay.
func (c *Cluster) RemoveNode(name string) error {
	node := c.snapshot.byName[name]
	if node == nil {
		return fmt.Errorf("node %s: not in the cluster", name)
	}
	for len(node.Pods) > 0 {
		if err := c.Evict(node.Pods[len(node.Pods)-1].GetPod()); err != nil {
			return err
		}
	}
	position := c.snapshot.removeNode(node)
	c.journal.record(func() { c.snapshot.insertNode(node, position) })
	for _, csiNode := range listOf[*storagev1.CSINode](c, &storagev1.CSINode{}) {
		if csiNode.Name == name {
			if err := c.drop(csiNode); err != nil {
				return err
			}
		}
	}
	for _, slice := range listOf[*resourcev1.ResourceSlice](c, &resourcev1.ResourceSlice{}) {
		if slice.Spec.NodeName != nil && *slice.Spec.NodeName == name {
			if err := c.drop(slice); err != nil {
				return err
			}
		}
	}
	return nil
}

// bind puts a pod on a node without asking any plugin.
func (c *Cluster) bind(pod *v1.Pod, nodeName string) error {
	node := c.snapshot.byName[nodeName]
	if node == nil {
		return fmt.Errorf("pod %s/%s: its node %s is not in the cluster", pod.Namespace, pod.Name, nodeName)
	}
	info, err := c.info(pod)
	if err != nil {
		return err
	}
	if at := c.nodeOf[pod.UID]; at != nil {
		return fmt.Errorf("pod %s/%s: already on node %s", pod.Namespace, pod.Name, at.Node().Name)
	}
	c.snapshot.addPod(node, info)
	c.nodeOf[pod.UID] = node
	c.journal.record(func() {
		delete(c.nodeOf, pod.UID)
		if err := c.snapshot.removePod(node, info); err != nil {
			panic(fmt.Sprintf("simulator: undoing the placement of %s/%s: %v", pod.Namespace, pod.Name, err))
		}
	})
	return nil
}

// Evict takes a placed pod off its node.
func (c *Cluster) Evict(pod *v1.Pod) error {
	node := c.nodeOf[pod.UID]
	if node == nil {
		return fmt.Errorf("pod %s/%s: not placed", pod.Namespace, pod.Name)
	}
	info, err := c.info(pod)
	if err != nil {
		return err
	}
	if err := c.snapshot.removePod(node, info); err != nil {
		return err
	}
	delete(c.nodeOf, pod.UID)
	c.journal.record(func() {
		c.snapshot.addPod(node, info)
		c.nodeOf[pod.UID] = node
	})
	return nil
}

// Nominate keeps room for a pod on a node, as status.nominatedNodeName does;
// "" gives the room up.
func (c *Cluster) Nominate(pod *v1.Pod, nodeName string) error {
	info, err := c.info(pod)
	if err != nil {
		return err
	}
	previous := c.nominator.nodeOf[pod.UID]
	c.nominator.set(info, nodeName)
	c.journal.record(func() { c.nominator.set(info, previous) })
	return nil
}

// NominatedNode names the node that a pod is nominated to, "" if none.
func (c *Cluster) NominatedNode(pod *v1.Pod) string { return c.nominator.nodeOf[pod.UID] }

func (c *Cluster) info(pod *v1.Pod) (*framework.PodInfo, error) {
	if info, ok := c.infos[pod]; ok {
		return info, nil
	}
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	c.infos[pod] = info
	return info, nil
}

// put writes an object into the informers' stores.
func (c *Cluster) put(obj runtime.Object) error {
	informer := c.informers.informer(obj)
	previous, err := informer.put(obj)
	if err != nil {
		return err
	}
	c.journal.record(func() {
		if previous == nil {
			err = informer.remove(obj)
		} else {
			_, err = informer.put(previous)
		}
		if err != nil {
			panic(fmt.Sprintf("simulator: undoing a write of %T: %v", obj, err))
		}
	})
	return nil
}

func (c *Cluster) drop(obj runtime.Object) error {
	informer := c.informers.informer(obj)
	if err := informer.remove(obj); err != nil {
		return err
	}
	c.journal.record(func() {
		if _, err := informer.put(obj); err != nil {
			panic(fmt.Sprintf("simulator: undoing a removal of %T: %v", obj, err))
		}
	})
	return nil
}

func putAll[T runtime.Object](c *Cluster, objects []T) error {
	for _, object := range objects {
		if err := c.put(object); err != nil {
			return err
		}
	}
	return nil
}

// profile is one scheduler: its framework and, once somebody asks for reasons,
// its Filter plugins one by one.
type profile struct {
	name      string
	framework framework.Framework
	probes    []probePlugin
}

func newProfile(c *Cluster, index int) (*profile, error) {
	config := &c.config.configuration.Profiles[index]
	fw, err := frameworkruntime.NewFramework(c.ctx, plugins.NewInTreeRegistry(), config,
		frameworkruntime.WithSnapshotSharedLister(c.snapshot),
		frameworkruntime.WithInformerFactory(c.informers),
		frameworkruntime.WithSharedDRAManager(c.devices),
		frameworkruntime.WithSharedCSIManager(csiNodes{c}),
		frameworkruntime.WithPodNominator(c.nominator),
		// One worker: the planner's own parallelism is over clusters.
		frameworkruntime.WithParallelism(1),
		frameworkruntime.WithLogger(logr.Discard()),
	)
	if err != nil {
		return nil, fmt.Errorf("scheduler %s: %w", config.SchedulerName, err)
	}
	return &profile{name: config.SchedulerName, framework: fw}, nil
}
