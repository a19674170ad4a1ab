package binpack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/verify"
)

const (
	zone = v1.LabelTopologyZone
	host = v1.LabelHostname
)

// offer sells cores and GiB (all of it allocatable) in every datacenter of the
// catalogue it is put into.
func offer(name string, cores, gibibytes int64, price float64, change ...func(*offerings.Offering)) offerings.Offering {
	o := offerings.Offering{Name: name, PricePerHour: price, Allocatable: offerings.Resources{
		MilliCPU: cores * 1000, MemoryBytes: gibibytes << 30, EphemeralBytes: 100 << 30, MaxPods: 110,
	}}
	for _, f := range change {
		f(&o)
	}
	return o
}

func soldIn(datacenters ...string) func(*offerings.Offering) {
	return func(o *offerings.Offering) { o.Datacenters = datacenters }
}

func withGPUs(count int64) func(*offerings.Offering) {
	return func(o *offerings.Offering) {
		o.Allocatable.Extended = map[string]int64{"nvidia.com/gpu": count}
	}
}

// sells is a catalogue with the datacenters a, b and c; an offering that names
// none is in all three.
func sells(t testing.TB, list ...offerings.Offering) *offerings.Catalog {
	t.Helper()
	return sellsIn(t, []string{"a", "b", "c"}, list...)
}

func sellsIn(t testing.TB, datacenters []string, list ...offerings.Offering) *offerings.Catalog {
	t.Helper()
	places := make([]offerings.Datacenter, len(datacenters))
	for i, id := range datacenters {
		places[i] = offerings.Datacenter{ID: id}
	}
	for i := range list {
		if list[i].Datacenters == nil {
			list[i].Datacenters = datacenters
		}
	}
	catalog, err := offerings.New("test", places, list)
	require.NoError(t, err)
	return catalog
}

// small is one offering of 4 cores and 16 GiB at $0.10/h.
func small(t testing.TB) *offerings.Catalog { return sells(t, offer("small", 4, 16, 0.1)) }

// nodeGroup may buy up to 100 machines of anything.
func nodeGroup(name string, change ...func(*v1alpha1.NodeGroupSpec)) *v1alpha1.NodeGroup {
	group := &v1alpha1.NodeGroup{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.NodeGroupSpec{MaxNodes: 100, Bootstrap: v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapKubeadm}},
	}
	for _, f := range change {
		f(&group.Spec)
	}
	return group
}

// request asks for what the objects need, at the catalogue's prices.
func request(t testing.TB, catalog *offerings.Catalog, objects ...runtime.Object) Request {
	t.Helper()
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	var known []runtime.Object
	var groups []*schedulingv1beta1.PodGroup
	for _, object := range objects {
		if group, ok := object.(*schedulingv1beta1.PodGroup); ok {
			groups = append(groups, group)
		} else {
			known = append(known, object)
		}
	}
	all := simtest.Objects(t, known...)
	all.PodGroups = groups
	return Request{Objects: all, Scheduler: config, Catalog: catalog}
}

// ours makes a node of today a machine of an offering that a NodeGroup owns.
func ours(group, offering string) func(*v1.Node) {
	return func(node *v1.Node) {
		node.Labels[v1alpha1.NodeGroupLabel] = group
		node.Labels[v1.LabelInstanceTypeStable] = offering
	}
}

// pods makes n equal pods "name-0", "name-1", …
func pods(n int, name, cpu, memory string, change ...func(*v1.Pod)) []runtime.Object {
	list := make([]runtime.Object, n)
	for i := range list {
		list[i] = simtest.Pod(fmt.Sprintf("%s-%d", name, i), cpu, memory, change...)
	}
	return list
}

func all(lists ...[]runtime.Object) []runtime.Object { return slices.Concat(lists...) }

func list(objects ...runtime.Object) []runtime.Object { return objects }

// scaleUp decides and judges the plan: it is valid, accounts for every pending
// pod, and kube-scheduler's code lets every pod onto its place.
func scaleUp(t testing.TB, r Request) *plan.Plan {
	t.Helper()
	p, err := ScaleUp(t.Context(), r)
	require.NoError(t, err)
	judge(t, r, p)
	return p
}

// judge reads nothing but the document and the request.
func judge(t require.TestingT, r Request, p *plan.Plan) {
	require.NoError(t, plan.Validate(p))
	ctx, cancel := context.WithCancel(contextOf(t))
	defer cancel()
	cluster, err := simulator.New(ctx, r.Objects, r.Scheduler)
	require.NoError(t, err)
	pending := map[string]int{}
	for _, pod := range cluster.Pending() {
		pending[podName(pod)]++
	}
	require.Equal(t, len(cluster.Pending()), p.Stats.Pods)
	check := verify.Request{Objects: r.Objects, Config: r.Scheduler, Planned: map[types.NamespacedName]string{}, ScoreOrderLimit: -1}
	check.Objects.Pods = withoutVictims(withoutYielding(r.Objects.Pods, r.expendableBelow()))
	put := func(names []string, node string) {
		for _, name := range names {
			pending[name]--
			namespace, rest, _ := strings.Cut(name, "/")
			check.Planned[types.NamespacedName{Namespace: namespace, Name: rest}] = node
		}
	}
	templates, err := Templates(r.Catalog, r.NodeGroups, cluster.Objects().DaemonSets)
	require.NoError(t, err)
	for _, m := range p.Add {
		i := slices.IndexFunc(templates, func(k *Template) bool {
			return k.Offering.Name == m.Offering && k.NodeGroup.Name == m.NodeGroup && k.Datacenter.ID == m.Datacenter
		})
		require.GreaterOrEqual(t, i, 0, "%s is not for sale", m.Name)
		require.Equal(t, templates[i].Offering.PricePerHour, m.PricePerHour)
		check.Added = append(check.Added, templates[i].Node(m.Name))
		put(m.Pods, m.Name)
	}
	for _, node := range p.Existing {
		put(node.Pods, node.Name)
	}
	for _, u := range p.Unschedulable {
		pending[u.Pod]--
	}
	for name, n := range pending {
		require.Zero(t, n, "pod %s is not in the plan exactly once", name)
	}
	verdict, err := verify.Verify(ctx, check)
	require.NoError(t, err)
	require.Empty(t, verdict.Refused)
	limits(t, r, p)
}

// withoutYielding leaves out the running pods that kube-scheduler preempts for
// anything that a machine would be bought for.
func withoutYielding(pods []*v1.Pod, below int32) []*v1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(pod *v1.Pod) bool {
		return pod.Spec.NodeName != "" && pod.Spec.Priority != nil && *pod.Spec.Priority < below && !isDaemon(pod)
	})
}

// limits counts what the plan buys against every cap.
func limits(t require.TestingT, r Request, p *plan.Plan) {
	groups := r.NodeGroups
	if len(groups) == 0 {
		groups = []*v1alpha1.NodeGroup{openGroup()}
	}
	bought := map[string]*usage{"": {}}
	for _, group := range groups {
		bought[group.Name] = &usage{}
	}
	count := func(group string, offering *offerings.Offering) {
		if u := bought[group]; group != "" && u != nil {
			u.add(offering)
		}
		bought[""].add(offering)
	}
	for _, node := range r.Objects.Nodes {
		offering := r.Catalog.Offering(node.Labels[v1.LabelInstanceTypeStable])
		if offering == nil {
			offering = &offerings.Offering{Capacity: offerings.Resources{
				MilliCPU: node.Status.Capacity.Cpu().MilliValue(), MemoryBytes: node.Status.Capacity.Memory().Value()}}
		} else if len(r.NodeGroups) == 0 {
			count(OpenNodeGroup, offering)
			continue
		}
		count(node.Labels[v1alpha1.NodeGroupLabel], offering)
	}
	before := map[string]usage{}
	for name, u := range bought {
		before[name] = *u
	}
	for _, m := range p.Add {
		count(m.NodeGroup, r.Catalog.Offering(m.Offering))
	}
	within := func(name string, caps Limits) {
		// A cap that today's nodes exceed already forbids buying, not being.
		if was := before[name]; bought[name].nodes > was.nodes {
			require.Empty(t, caps.exceeded(bought[name]), "limits of %q", name)
		}
	}
	within("", r.Limits)
	for _, group := range groups {
		caps := Limits{Nodes: int(group.Spec.MaxNodes)}
		if l := group.Spec.Limits; l != nil {
			if l.CPU != nil {
				caps.MilliCPU = l.CPU.MilliValue()
			}
			if l.Memory != nil {
				caps.MemoryBytes = l.Memory.Value()
			}
			if l.PricePerHour != nil {
				caps.PricePerHour = l.PricePerHour.AsApproximateFloat64()
			}
		}
		within(group.Name, caps)
	}
}

// bought counts the plan's machines as "offering" or, where key is "zone" or
// "group", by those.
func bought(p *plan.Plan) map[string]int {
	count := map[string]int{}
	for _, m := range p.Add {
		count[m.Offering]++
	}
	return count
}

// zonesOf counts the pods with that name prefix per zone of the plan's machines.
func zonesOf(p *plan.Plan, prefix string) map[string]int {
	count := map[string]int{}
	for _, m := range p.Add {
		for _, pod := range m.Pods {
			if strings.HasPrefix(pod, "default/"+prefix) {
				count[m.Zone]++
			}
		}
	}
	return count
}

// perMachine lists, sorted, how many pods with that name prefix share a machine
// or a node, those with none left out.
func perMachine(p *plan.Plan, prefix string) []int {
	var counts []int
	add := func(pods []string) {
		n := 0
		for _, pod := range pods {
			if strings.HasPrefix(pod, "default/"+prefix) {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, n)
		}
	}
	for _, m := range p.Add {
		add(m.Pods)
	}
	for _, n := range p.Existing {
		add(n.Pods)
	}
	slices.Sort(counts)
	return counts
}

// placeOf names the node or the machine that a pod of namespace default goes
// to, "" if it is unschedulable.
func placeOf(p *plan.Plan, pod string) string {
	for _, m := range p.Add {
		if slices.Contains(m.Pods, "default/"+pod) {
			return m.Name
		}
	}
	for _, n := range p.Existing {
		if slices.Contains(n.Pods, "default/"+pod) {
			return n.Name
		}
	}
	return ""
}

func zoneOfPod(p *plan.Plan, pod string) string {
	for _, m := range p.Add {
		if slices.Contains(m.Pods, "default/"+pod) {
			return m.Zone
		}
	}
	return ""
}

// left lists the unschedulable pods.
func left(p *plan.Plan) []string {
	names := []string{}
	for _, u := range p.Unschedulable {
		names = append(names, strings.TrimPrefix(u.Pod, "default/"))
	}
	return names
}

// reasonsOf writes the reasons of an unschedulable pod as "template plugin: message".
func reasonsOf(t testing.TB, p *plan.Plan, pod string) []string {
	t.Helper()
	for _, u := range p.Unschedulable {
		if u.Pod == "default/"+pod {
			lines := make([]string, len(u.Reasons))
			for i, r := range u.Reasons {
				lines[i] = r.Template + " " + r.Plugin + ": " + r.Message
			}
			return lines
		}
	}
	require.Failf(t, "not unschedulable", "%s in %v", pod, left(p))
	return nil
}

func asJSON(t require.TestingT, p *plan.Plan) string {
	data, err := json.MarshalIndent(p, "", " ")
	require.NoError(t, err)
	return string(data)
}

func quantity(text string) *resource.Quantity {
	q := resource.MustParse(text)
	return &q
}

// contextOf is the test's context where there is one: rapid's tests have theirs.
func contextOf(t require.TestingT) context.Context {
	if with, ok := t.(interface{ Context() context.Context }); ok {
		return with.Context()
	}
	return context.Background()
}

func labelledWith(key, value string) func(*v1alpha1.NodeGroupSpec) {
	return func(spec *v1alpha1.NodeGroupSpec) {
		spec.Labels = map[string]v1alpha1.LabelValue{key: v1alpha1.LabelValue(value)}
	}
}

func taintOf(key string) v1alpha1.Taint {
	return v1alpha1.Taint{Key: key, Effect: v1.TaintEffectNoSchedule}
}

// objectsOf sorts pods and nodes into the simulator's lists.
func objectsOf(list []runtime.Object) simulator.Objects {
	var o simulator.Objects
	for _, object := range list {
		switch object := object.(type) {
		case *v1.Pod:
			o.Pods = append(o.Pods, object)
		case *v1.Node:
			o.Nodes = append(o.Nodes, object)
		}
	}
	return o
}
