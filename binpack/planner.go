package binpack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/vector"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// planner is one decision in the making.
type planner struct {
	ctx     context.Context
	request *Request
	inputs  plan.Inputs
	id      string
	// cluster is today's cluster; nothing is placed on it by the planner.
	cluster *simulator.Cluster

	kinds   []*kind
	nodes   []*node
	classes []*class
	groups  []*group
	dims    *dims
	pools   *pools
	model   *coupling
	// requested and attachments are per class, before dims are known.
	requested       []map[v1.ResourceName]int64
	attachments     []map[string]int64
	deviceResources map[string]bool

	classOf  map[*v1.Pod]*class
	position map[*v1.Pod]int
	// expendableOn names today's nodes whose expendable pods are thought away,
	// each with the highest priority among those.
	expendableOn map[string]int32

	packedParts []part
	// searches is how many searches share the budget.
	searches int
	early    *early
	decision *decision
	// refused are pods that no scheduling cycle will ever try, with the reason.
	refused []plan.Unschedulable
	// withdrawn are the members of pod groups that cannot all be placed.
	withdrawn map[*v1.Pod]withdrawal
	// byPriority says that the decision serves one priority after the other.
	byPriority bool
	// avoided marks cells where nothing is bought, nil for none.
	avoided     []bool
	filterCalls int
	truncated   bool
}

// kind is a template with what packing needs of it.
type kind struct {
	*Template
	spec simulator.NodeSpec
	info *framework.NodeInfo
	free []int64
	pool int
	// cell is the template's place in the domains of coupling.
	cell int
	// overfull says that the machine cannot hold its own DaemonSet pods: they
	// would stay pending, whatever else fits.
	overfull bool
}

// node is one of today's nodes.
type node struct {
	name string
	info *framework.NodeInfo
	free []int64
	cell int
}

func newPlanner(ctx context.Context, request *Request) (*planner, error) {
	if request.Catalog == nil {
		return nil, errNoCatalog
	}
	if request.Scheduler == nil {
		return nil, errors.New("no scheduler configuration")
	}
	if err := sortGroups(request); err != nil {
		return nil, err
	}
	p := &planner{ctx: ctx, request: request}
	// Hashing the snapshot costs as much as copying it: both at once.
	var snapshot string
	hashing := errgroup.Group{}
	hashing.Go(func() (err error) {
		snapshot, err = p.hashSnapshot()
		return err
	})
	cluster, err := p.copyCluster()
	if err := hashing.Wait(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if err := p.identify(snapshot); err != nil {
		return nil, err
	}
	request.stage("decide")
	p.cluster = cluster
	if err := checkPodNames(cluster.Pending()); err != nil {
		return nil, err
	}
	p.deviceResources = deviceResources(cluster.Objects())
	return p, nil
}

// copyCluster is today's cluster without the pods that yield to any other.
func (p *planner) copyCluster() (*simulator.Cluster, error) {
	objects := p.request.Objects
	p.expendableOn = expendableNodes(objects.Pods, p.request.expendableBelow())
	objects.Pods = withoutVictims(withoutExpendable(objects.Pods, p.request.expendableBelow()))
	return simulator.New(p.ctx, objects, p.request.Scheduler)
}

// checkPodNames reports a name that two pending pods have: plans name pods.
func checkPodNames(pods []*v1.Pod) error {
	seen := make(map[types.NamespacedName]bool, len(pods))
	for _, pod := range pods {
		if seen[nameOf(pod)] {
			return fmt.Errorf("pod %s: given twice", podName(pod))
		}
		seen[nameOf(pod)] = true
	}
	return nil
}

// sortGroups orders the NodeGroups by name: the order in which they were read
// carries no meaning.
func sortGroups(request *Request) error {
	request.NodeGroups = slices.SortedFunc(slices.Values(request.NodeGroups), func(a, b *v1alpha1.NodeGroup) int {
		return strings.Compare(a.Name, b.Name)
	})
	for i := 1; i < len(request.NodeGroups); i++ {
		if name := request.NodeGroups[i].Name; name == request.NodeGroups[i-1].Name {
			return fmt.Errorf("NodeGroup %s: given twice", name)
		}
	}
	return nil
}

// withoutExpendable leaves out the running pods that yield to any pod that a
// machine would be bought for: kube-scheduler preempts them first.
func withoutExpendable(pods []*v1.Pod, below int32) []*v1.Pod {
	kept := make([]*v1.Pod, 0, len(pods))
	for _, pod := range pods {
		if pod.Spec.NodeName == "" || corev1.PodPriority(pod) >= below || isDaemon(pod) {
			kept = append(kept, pod)
		}
	}
	return kept
}

func isDaemon(pod *v1.Pod) bool {
	for i := range pod.OwnerReferences {
		if o := &pod.OwnerReferences[i]; o.Controller != nil && *o.Controller && o.Kind == "DaemonSet" {
			return true
		}
	}
	return false
}

// run makes the decision in its stages. A pod group that does not get its
// minimum is taken out as a whole and the rest is decided again, until all that
// is left is whole.
func (p *planner) run() (*plan.Plan, error) {
	queued := p.queue()
	p.withdrawn = map[*v1.Pod]withdrawal{}
	for {
		before := len(p.withdrawn)
		settled, err := p.attempt(queued)
		if err != nil {
			return nil, err
		}
		p.request.stage("decide")
		if len(p.withdrawn) == before {
			return p.document(settled, queued)
		}
	}
}

func (p *planner) attempt(queued []*v1.Pod) (*settled, error) {
	pods := make([]*v1.Pod, 0, len(queued))
	p.position = make(map[*v1.Pod]int, len(queued))
	for i, pod := range queued {
		p.position[pod] = i
		if _, out := p.withdrawn[pod]; !out {
			pods = append(pods, pod)
		}
	}
	p.classes, p.groups, p.requested, p.attachments = nil, nil, nil, nil
	p.kinds, p.nodes, p.byPriority, p.avoided = nil, nil, false, nil
	p.classOf = make(map[*v1.Pod]*class, len(pods))
	if err := p.classify(pods); err != nil {
		return nil, err
	}
	if err := p.measure(); err != nil {
		return nil, err
	}
	if err := p.feasibility(); err != nil {
		return nil, err
	}
	if err := p.couple(); err != nil {
		return nil, err
	}
	if err := p.placeEarly(); err != nil {
		return nil, err
	}
	if err := p.decide(); err != nil {
		return nil, err
	}
	s, err := p.settle()
	if err != nil {
		return nil, err
	}
	if vain := p.openedInVain(s); vain != nil {
		elsewhere, err := p.avoid(vain)
		if err != nil {
			return nil, err
		}
		if len(elsewhere.unplaced) < len(s.unplaced) {
			s = elsewhere
		} else {
			p.avoided = nil
		}
	}
	if !p.slighted(s) {
		return s, nil
	}
	p.request.stage("decide")
	if err := p.decideByPriority(); err != nil {
		return nil, err
	}
	fair, err := p.settle()
	if err == nil && !p.servesHigher(fair, s) {
		return s, nil
	}
	return fair, err
}

// queue is what kube-scheduler would try; what it would not try is set aside.
func (p *planner) queue() []*v1.Pod {
	var tried []*v1.Pod
	for _, pod := range p.cluster.Pending() {
		plugin, message := p.cluster.Gated(pod)
		if plugin == "" {
			tried = append(tried, pod)
			continue
		}
		p.refused = append(p.refused, plan.Unschedulable{
			Pod: podName(pod), Summary: message,
			Reasons: []plan.Reason{{Template: anyTemplate, Plugin: plugin, Message: message}},
		})
	}
	return tried
}

// queueOrder sorts pods as kube-scheduler's queue does.
func (p *planner) queueOrder(pods []*v1.Pod) {
	sort.Slice(pods, func(i, j int) bool { return p.position[pods[i]] < p.position[pods[j]] })
}

// measure fixes the dimensions and takes the size of everything in them.
func (p *planner) measure() error {
	objects := p.cluster.Objects()
	templates, err := Templates(p.request.Catalog, p.request.NodeGroups, objects.DaemonSets)
	if err != nil {
		return err
	}
	templates = slices.DeleteFunc(templates, p.request.unavailable)
	if p.request.NoScaleUp {
		templates = nil
	}
	p.pools = newPools(p.request, objects.Nodes)
	p.dims = newDims(p.requested, p.attachments, p.pools.countsSold)
	for i, c := range p.classes {
		c.size = p.dims.size(p.requested[i], p.attachments[i])
	}
	for i, t := range templates {
		k := &kind{Template: t, spec: t.Node(fmt.Sprintf("template-%05d", i)), pool: p.pools.of(t.NodeGroup.Name)}
		k.info = framework.NewNodeInfo(k.spec.Pods...)
		k.info.SetNode(k.spec.Node)
		k.free = p.dims.free(k.info, k.spec.CSINode, nil, &t.Offering.Capacity)
		k.overfull = slices.Min(k.free) < 0
		p.kinds = append(p.kinds, k)
	}
	csiNodes := map[string]*storagev1.CSINode{}
	for _, csi := range objects.CSINodes {
		csiNodes[csi.Name] = csi
	}
	used := p.volumesInUse(objects)
	for _, name := range p.cluster.NodeNames() {
		n := &node{name: name, info: p.cluster.Node(name)}
		n.free = p.dims.free(n.info, csiNodes[name], used[name], nil)
		p.nodes = append(p.nodes, n)
	}
	return nil
}

// volumesInUse counts, per node and CSI driver, the volumes of the pods there.
func (p *planner) volumesInUse(objects *simulator.Objects) map[string]map[string]int64 {
	if len(p.dims.drivers) == 0 {
		return nil
	}
	index := newVolumeIndex(p.cluster, nil)
	used := map[string]map[string]int64{}
	counted := map[string]bool{}
	for _, pod := range objects.Pods {
		for _, name := range claimNames(pod) {
			claim := index.claims[name]
			if pod.Spec.NodeName == "" || claim == nil || counted[pod.Spec.NodeName+"\x00"+name] {
				continue
			}
			counted[pod.Spec.NodeName+"\x00"+name] = true
			if v := index.volumes[claim.Spec.VolumeName]; v != nil && v.Spec.CSI != nil {
				if used[pod.Spec.NodeName] == nil {
					used[pod.Spec.NodeName] = map[string]int64{}
				}
				used[pod.Spec.NodeName][v.Spec.CSI.Driver]++
			}
		}
	}
	return used
}

// feasibility asks the framework, once per group of classes, where its pods may
// run: on each template, empty but for its DaemonSet pods, and on each node.
func (p *planner) feasibility() error {
	empty := *p.cluster.Objects()
	empty.Nodes, empty.Pods = nil, nil
	shelf, err := simulator.New(p.ctx, empty, p.request.Scheduler)
	if err != nil {
		return err
	}
	for _, k := range p.kinds {
		if err := shelf.AddNode(k.spec); err != nil {
			return err
		}
	}
	for _, g := range p.groups {
		onTemplates, err := shelf.Cycle(g.pod)
		if err != nil {
			return err
		}
		g.templates = make([]bool, len(p.kinds))
		for i, k := range p.kinds {
			g.templates[i] = onTemplates.FilterUncoupled(k.spec.Node.Name).IsSuccess()
		}
		g.nodes = make([]bool, len(p.nodes))
		if len(p.nodes) == 0 {
			continue
		}
		onNodes, err := p.cluster.Cycle(g.pod)
		if err != nil {
			return err
		}
		for i, n := range p.nodes {
			g.nodes[i] = onNodes.FilterUncoupled(n.name).IsSuccess()
		}
	}
	p.filterCalls += shelf.FilterCalls() + p.cluster.FilterCalls()
	p.preferInstanceTypes()
	return nil
}

// preferInstanceTypes closes, per group of classes, the templates of a
// NodeGroup that states a preference wherever the preferred offering in the
// same datacenter can host the class. The request decides too, so this is kept
// per class in fits.
func (p *planner) preferInstanceTypes() {
	p.pools.preferred = map[string]int{}
	for i, k := range p.kinds {
		if k.preferred() {
			p.pools.preferred[k.NodeGroup.Name+"/"+k.Datacenter.ID] = i
		}
	}
}

// fitsKind says whether one pod of the class fits an empty machine of the kind.
func (p *planner) fitsKind(c *class, i int) bool {
	if c.noTemplates || p.kinds[i].overfull || !p.groups[c.group].templates[i] || !holds(p.kinds[i].free, c.size) {
		return false
	}
	if p.avoided != nil && p.avoided[p.kinds[i].cell] {
		return false
	}
	best := p.preferredOver(i)
	return best == none || !p.groups[c.group].templates[best] || !holds(p.kinds[best].free, c.size)
}

// preferredOver returns the kind that its NodeGroup prefers to kind i in the
// same datacenter, or none.
func (p *planner) preferredOver(i int) int {
	k := p.kinds[i]
	if best, ok := p.pools.preferred[k.NodeGroup.Name+"/"+k.Datacenter.ID]; ok && best != i {
		return best
	}
	return none
}

// fitsNode says whether one pod of the class fits a node of today, other
// pending pods and coupling aside.
func (p *planner) fitsNode(c *class, i int) bool {
	return p.groups[c.group].nodes[i] && holds(p.nodes[i].free, c.size)
}

// budget is one search's share of the work.
func (p *planner) budget() vector.Budget {
	work := p.request.Work
	if work == 0 {
		work = DefaultWork
	}
	return vector.Budget{Work: max(1, work/int64(max(1, p.searches)))}
}
