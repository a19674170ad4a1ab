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
	infos     *podInfos
	// placed maps a placed pod's UID to where it is.
	placed  map[types.UID]placement
	pending []*v1.Pod
	orphans []*v1.Pod
	// objects is the input with the objects that controllers would have created added.
	objects     Objects
	filterCalls int
}

type placement struct {
	node *framework.NodeInfo
	pod  *framework.PodInfo
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
		infos:     newPodInfos(),
		placed:    make(map[types.UID]placement, len(objects.Pods)),
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
		putAll(c, o.ResourceSlices), putAll(c, o.DeviceClasses), putAll(c, o.DeviceTaintRules), putAll(c, o.PodDisruptionBudgets),
	} {
		if err != nil {
			return err
		}
	}
	for _, claim := range o.ResourceClaims {
		c.devices.setClaim(claim)
	}
	for _, group := range o.PodGroups {
		c.snapshot.podGroups[group.Namespace+"/"+group.Name] = group
	}
	nodes := append([]*v1.Node(nil), o.Nodes...)
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Name < nodes[j].Name })
	for _, node := range nodes {
		if err := c.addNodeInfo(node); err != nil {
			return err
		}
	}
	if err := c.fillPods(); err != nil {
		return err
	}
	sortQueue(c.pending)
	return nil
}

// fillPods takes in what kube-scheduler's informers and queue would: a pod that
// has ended holds no room, and a pod that is deleted before it was placed is
// not scheduled any more.
func (c *Cluster) fillPods() error {
	seen := make(map[types.UID]*v1.Pod, len(c.objects.Pods))
	for _, pod := range c.objects.Pods {
		if other := seen[pod.UID]; other != nil {
			return fmt.Errorf("pod %s/%s: has the UID of pod %s/%s", pod.Namespace, pod.Name, other.Namespace, other.Name)
		}
		seen[pod.UID] = pod
		switch {
		case pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed:
		case pod.Spec.NodeName == "" && pod.DeletionTimestamp != nil:
		case pod.Spec.NodeName == "":
			c.pending = append(c.pending, pod)
			if nominated := pod.Status.NominatedNodeName; nominated != "" {
				c.nominator.set(c.infos.keep(pod), nominated)
			}
		case c.snapshot.byName[pod.Spec.NodeName] == nil:
			c.orphans = append(c.orphans, pod)
		default:
			c.bind(c.infos.make(pod), c.snapshot.byName[pod.Spec.NodeName])
		}
	}
	return nil
}

// Context carries a logger that discards: plugins build no log values.
func (c *Cluster) Context() context.Context { return c.ctx }

// Objects is the input, with the objects that controllers would have made for
// it (claims of templates, claims of ephemeral volumes, missing namespaces).
func (c *Cluster) Objects() *Objects { return &c.objects }

// Pending lists the pods that came without a node, in kube-scheduler's queue
// order.
func (c *Cluster) Pending() []*v1.Pod { return c.pending }

// Orphans lists the pods that came bound to a node that is not in the cluster.
// kube-scheduler does not see them on any node either.
func (c *Cluster) Orphans() []*v1.Pod { return c.orphans }

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
	if at, ok := c.placed[pod.UID]; ok {
		return at.node.Node().Name
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
		if at := c.NodeOf(pod); at != "" {
			return fmt.Errorf("node %s: its pod %s/%s is already on node %s", spec.Node.Name, pod.Namespace, pod.Name, at)
		}
		c.bind(c.infos.make(pod), c.snapshot.byName[spec.Node.Name])
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
	csiNode, ok, err := c.informers.informer(&storagev1.CSINode{}).indexer.GetByKey(name)
	if err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	if ok {
		if err := c.drop(csiNode.(*storagev1.CSINode)); err != nil {
			return err
		}
	}
	for _, obj := range c.informers.informer(&resourcev1.ResourceSlice{}).indexer.List() {
		slice := obj.(*resourcev1.ResourceSlice)
		if slice.Spec.NodeName != nil && *slice.Spec.NodeName == name {
			if err := c.drop(slice); err != nil {
				return err
			}
		}
	}
	return nil
}

// bind puts a pod on a node without asking any plugin. The pod must not be
// placed.
func (c *Cluster) bind(pod *framework.PodInfo, node *framework.NodeInfo) {
	c.snapshot.addPod(node, pod)
	c.placed[pod.Pod.UID] = placement{node: node, pod: pod}
	c.journal.record(func() { c.unbind(placement{node: node, pod: pod}) })
}

func (c *Cluster) unbind(at placement) {
	delete(c.placed, at.pod.Pod.UID)
	if err := c.snapshot.removePod(at.node, at.pod); err != nil {
		panic(fmt.Sprintf("simulator: pod %s/%s was placed and is not there: %v", at.pod.Pod.Namespace, at.pod.Pod.Name, err))
	}
}

// Evict takes a placed pod off its node and releases the devices that no other
// pod has reserved. Its volumes stay bound where they are.
func (c *Cluster) Evict(pod *v1.Pod) error {
	at, ok := c.placed[pod.UID]
	if !ok {
		return fmt.Errorf("pod %s/%s: not placed", pod.Namespace, pod.Name)
	}
	c.unbind(at)
	c.journal.record(func() {
		c.snapshot.addPod(at.node, at.pod)
		c.placed[pod.UID] = at
	})
	c.devices.release(at.pod.Pod)
	return nil
}

// Nominate keeps room for a pod on a node, as status.nominatedNodeName does;
// "" gives the room up.
func (c *Cluster) Nominate(pod *v1.Pod, nodeName string) error {
	if nodeName != "" && c.snapshot.byName[nodeName] == nil {
		return fmt.Errorf("pod %s/%s: nominated to node %s, which is not in the cluster", pod.Namespace, pod.Name, nodeName)
	}
	undo := c.nominator.remember(pod.UID, nodeName)
	c.nominator.set(c.infos.keep(pod), nodeName)
	c.journal.record(undo)
	return nil
}

// NominatedNode names the node that a pod is nominated to, "" if none.
func (c *Cluster) NominatedNode(pod *v1.Pod) string { return c.nominator.nodeOf[pod.UID] }

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
