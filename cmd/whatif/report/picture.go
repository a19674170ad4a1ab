package report

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// picture is the cluster as the plan finds it and as it leaves it.
type picture struct {
	// today's nodes by name, then the machines to buy by name.
	today, bought []*node
	// resources are those of the nodes: CPU, memory, then extended ones by name.
	resources []v1.ResourceName
}

// node is one node of today or one machine to buy.
type node struct {
	name, nodeGroup, offering, datacenter string
	// pricePerHour in $/h; priced says that it is known.
	pricePerHour float64
	priced       bool
	// bought: the machine does not exist yet.
	bought bool
	// unschedulable: cordoned, no pod will be put on it.
	unschedulable bool
	room          []usage
	// running are the pods of today; on a machine to buy, its DaemonSet pods.
	running []pod
	// incoming are the pods that the plan puts on it.
	incoming []pod
}

// usage is one resource of a node, in milli-CPU, bytes or pieces.
type usage struct {
	allocatable int64
	// today is requested by what runs, incoming by what the plan adds.
	today, incoming int64
}

// after is what will be requested.
func (u usage) after() int64 { return u.today + u.incoming }

type pod struct {
	name     string
	requests v1.ResourceList
}

// draw computes the picture of a plan.
func draw(decision *plan.Plan, request *binpack.Request) (*picture, error) {
	objects := &request.Objects
	pods := make(map[string]pod, len(objects.Pods))
	running := map[string][]pod{}
	for _, p := range objects.Pods {
		drawn := newPod(p)
		pods[drawn.name] = drawn
		if p.Spec.NodeName != "" {
			running[p.Spec.NodeName] = append(running[p.Spec.NodeName], drawn)
		}
	}
	take := func(names []string) []pod {
		taken := make([]pod, len(names))
		for i, name := range names {
			if known, ok := pods[name]; ok {
				taken[i] = known
			} else {
				taken[i] = pod{name: name}
			}
		}
		return taken
	}
	incoming := map[string][]pod{}
	for _, existing := range decision.Existing {
		incoming[existing.Name] = take(existing.Pods)
	}

	pic := &picture{}
	for _, n := range objects.Nodes {
		drawn := &node{
			name:          n.Name,
			nodeGroup:     n.Labels[v1alpha1.NodeGroupLabel],
			offering:      n.Labels[v1.LabelInstanceTypeStable],
			datacenter:    n.Labels[v1.LabelTopologyZone],
			unschedulable: n.Spec.Unschedulable,
			running:       running[n.Name],
			incoming:      incoming[n.Name],
		}
		if offering := request.Catalog.Offering(drawn.offering); offering != nil {
			drawn.pricePerHour, drawn.priced = offering.PricePerHour, true
		}
		pic.today = append(pic.today, drawn)
	}
	slices.SortFunc(pic.today, byName)
	boughtSpecs, err := machines(decision, request)
	if err != nil {
		return nil, err
	}
	for i := range decision.Add {
		m := &decision.Add[i]
		drawn := &node{
			name: m.Name, nodeGroup: m.NodeGroup, offering: m.Offering, datacenter: m.Datacenter,
			pricePerHour: m.PricePerHour, priced: true, bought: true, incoming: take(m.Pods),
		}
		if spec := boughtSpecs[templateOf(m)]; spec != nil {
			drawn.running = spec.daemons
		}
		pic.bought = append(pic.bought, drawn)
	}
	slices.SortFunc(pic.bought, byName)
	pic.measure(request, boughtSpecs)
	return pic, nil
}

func byName(a, b *node) int { return strings.Compare(a.name, b.name) }

func newPod(p *v1.Pod) pod {
	return pod{name: p.Namespace + "/" + p.Name, requests: resource.PodRequests(p, resource.PodResourcesOptions{})}
}

// machine is what any machine of a template brings along.
type machine struct {
	allocatable v1.ResourceList
	daemons     []pod
}

func templateOf(m *plan.Machine) string {
	return strings.Join([]string{m.Offering, m.NodeGroup, m.Datacenter}, "/")
}

// machines builds one machine of each template that the plan buys.
func machines(decision *plan.Plan, request *binpack.Request) (map[string]*machine, error) {
	if len(decision.Add) == 0 {
		return nil, nil
	}
	templates, err := binpack.Templates(request.Catalog, request.NodeGroups, request.Objects.DaemonSets)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*binpack.Template, len(templates))
	for _, t := range templates {
		byName[t.Name] = t
	}
	built := map[string]*machine{}
	for i := range decision.Add {
		key := templateOf(&decision.Add[i])
		template := byName[key]
		if template == nil || built[key] != nil {
			continue
		}
		spec := template.Node(decision.Add[i].Name)
		m := &machine{allocatable: spec.Node.Status.Allocatable}
		for _, p := range spec.Pods {
			m.daemons = append(m.daemons, newPod(p))
		}
		built[key] = m
	}
	return built, nil
}

// measure fills in how full each node is, over all resources that are requested
// or that a node has, besides CPU and memory only extended ones.
func (pic *picture) measure(request *binpack.Request, bought map[string]*machine) {
	allocatable := make(map[string]v1.ResourceList, len(request.Objects.Nodes)+len(pic.bought))
	for _, n := range request.Objects.Nodes {
		allocatable[n.Name] = n.Status.Allocatable
	}
	for _, n := range pic.bought {
		if m := bought[strings.Join([]string{n.offering, n.nodeGroup, n.datacenter}, "/")]; m != nil {
			allocatable[n.name] = m.allocatable
		}
	}
	extended := map[v1.ResourceName]bool{}
	for _, list := range allocatable {
		for name, q := range list {
			if isExtended(name) && !q.IsZero() {
				extended[name] = true
			}
		}
	}
	pic.resources = []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory}
	for name := range extended {
		pic.resources = append(pic.resources, name)
	}
	slices.Sort(pic.resources[2:])
	for _, n := range slices.Concat(pic.today, pic.bought) {
		n.room = make([]usage, len(pic.resources))
		for i, name := range pic.resources {
			n.room[i] = usage{
				allocatable: amount(allocatable[n.name], name),
				today:       total(n.running, name),
				incoming:    total(n.incoming, name),
			}
		}
	}
}

// isExtended says whether a resource counts pieces of something that a node
// announces, such as nvidia.com/gpu.
func isExtended(name v1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.HasPrefix(string(name), v1.ResourceDefaultNamespacePrefix)
}

// amount in milli-CPU, bytes or pieces.
func amount(list v1.ResourceList, name v1.ResourceName) int64 {
	q := list[name]
	if name == v1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}

func total(pods []pod, name v1.ResourceName) int64 {
	var sum int64
	for i := range pods {
		sum += amount(pods[i].requests, name)
	}
	return sum
}
