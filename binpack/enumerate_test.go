package binpack

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack/plan"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/verify"
)

// drawer draws requests from small ranges, so that constraints bind.
type drawer struct {
	*rapid.T
	config *simulator.SchedulerConfig
}

func (d *drawer) one(of int, name string) bool { return rapid.IntRange(1, of).Draw(d.T, name) == 1 }

func pick[V any](d *drawer, name string, values ...V) V {
	return rapid.SampledFrom(values).Draw(d.T, name)
}

// pod draws a pod of one of two apps.
func (d *drawer) pod(name string) *v1.Pod {
	change := []func(*v1.Pod){appOf(pick(d, "app", "x", "y"))}
	if d.one(3, "anti?") {
		change = append(change, simtest.Apart(pick(d, "anti key", host, host, zone), pick(d, "anti", "x", "y")))
	}
	if d.one(4, "spread?") {
		change = append(change, simtest.Spread(pick(d, "spread key", zone, zone, host), pick[int32](d, "skew", 1, 2), pick(d, "spread", "x", "y")))
	}
	if d.one(6, "affinity?") {
		change = append(change, simtest.Together(pick(d, "affinity key", host, zone), pick(d, "affinity", "x", "y")))
	}
	if d.one(6, "selector?") {
		change = append(change, simtest.Selects(zone, pick(d, "zone", "a", "b")))
	}
	if d.one(4, "tolerates?") {
		change = append(change, simtest.Tolerates("special:NoSchedule"))
	}
	if d.one(8, "port?") {
		change = append(change, simtest.HostPort(80))
	}
	if d.one(6, "priority?") {
		change = append(change, simtest.Priority(5))
	}
	return simtest.Pod(name, pick(d, "cpu", "500m", "1", "1500m", "2", "3"), pick(d, "memory", "1Gi", "2Gi", "4Gi"), change...)
}

func (d *drawer) catalog(kinds int) *offerings.Catalog {
	var list []offerings.Offering
	for i := range rapid.IntRange(1, kinds).Draw(d.T, "offerings") {
		cores := rapid.Int64Range(1, 4).Draw(d.T, "cores")
		list = append(list, offer(fmt.Sprintf("o%d", i), cores, cores*pick[int64](d, "ratio", 2, 4), float64(rapid.IntRange(1, 8).Draw(d.T, "price"))/10,
			soldIn(pick(d, "sold in", []string{"a"}, []string{"b"}, []string{"a", "b"})...)))
	}
	catalog, err := offerings.New("drawn", []offerings.Datacenter{{ID: "a"}, {ID: "b"}}, list)
	if err != nil {
		panic(err)
	}
	return catalog
}

// request draws up to most pods, with a node of today some of the time.
func (d *drawer) request(most, kinds int) Request {
	var objects []runtime.Object
	if d.one(3, "node?") {
		change := []func(*v1.Node){simtest.Zone(pick(d, "node zone", "a", "c"))}
		if d.one(3, "taint?") {
			change = append(change, simtest.Taint("special:NoSchedule"))
		}
		objects = append(objects, simtest.Node("today", pick(d, "node cpu", "1", "3"), "8Gi", change...))
		if d.one(2, "runs?") {
			pod := d.pod("runs")
			simtest.On("today")(pod)
			objects = append(objects, pod)
		}
	}
	for i := range rapid.IntRange(1, most).Draw(d.T, "pods") {
		objects = append(objects, d.pod(fmt.Sprintf("p%d", i)))
		if d.one(2, "same again?") {
			twin := objects[len(objects)-1].(*v1.Pod).DeepCopy()
			twin.Name = fmt.Sprintf("p%d-twin", i)
			twin.UID = types.UID(twin.Name)
			objects = append(objects, twin)
		}
	}
	r := Request{Scheduler: d.config, Catalog: d.catalog(kinds)}
	r.Objects = objectsOf(objects)
	if d.one(3, "group?") {
		group := nodeGroup("g")
		if d.one(2, "group limit?") {
			group.Spec.MaxNodes = rapid.Int32Range(1, 3).Draw(d.T, "max nodes")
		}
		if d.one(3, "group taint?") {
			group.Spec.Taints = append(group.Spec.Taints, taintOf("special"))
		}
		r.NodeGroups = append(r.NodeGroups, group)
		if d.one(2, "second group?") {
			r.NodeGroups = append(r.NodeGroups, nodeGroup("h", labelledWith("pool", "h")))
		}
	}
	return r
}

// enumeration finds, by trying everything and asking nobody but the verifier,
// the cheapest machines that serve as many pods as can be served.
type enumeration struct {
	ctx       context.Context
	request   Request
	templates []*Template
	pending   []*v1.Pod
	// placed and price are the best so far.
	placed int
	price  float64
}

// optimum is the least price, in $/h, at which as many of the pods are served
// as can be served at all. What the plan promises is where the search begins:
// it looks only for what is better.
func optimum(t require.TestingT, r Request, p *plan.Plan) (placed int, price float64) {
	cluster, err := simulator.New(contextOf(t), r.Objects, r.Scheduler)
	require.NoError(t, err)
	templates, err := Templates(r.Catalog, r.NodeGroups, nil)
	require.NoError(t, err)
	e := &enumeration{ctx: contextOf(t), request: r, templates: templates, pending: cluster.Pending(), placed: served(p), price: p.PricePerHour.Added}
	e.request.Objects.Pods = withoutYielding(r.Objects.Pods, r.expendableBelow())
	e.extend(t, 0, map[types.NamespacedName]int{}, nil, 0, 0)
	return e.placed, e.price
}

// extend decides on the pods from i on: each goes to a node of today, to a
// machine that was opened, opens a machine (of templates in any order), or
// stays out. at holds the place of each, nodes of today first.
func (e *enumeration) extend(t require.TestingT, i int, at map[types.NamespacedName]int, machines []*Template, price float64, placed int) {
	if rest := len(e.pending) - i; placed+rest < e.placed || (placed+rest == e.placed && price >= e.price-1e-9) {
		return
	}
	today := len(e.request.Objects.Nodes)
	if i == len(e.pending) {
		if e.stands(t, at, machines) {
			e.placed, e.price = placed, price
		}
		return
	}
	pod := e.pending[i]
	name := nameOf(pod)
	for place := range today + len(machines) {
		at[name] = place
		if e.roomy(at, machines, place) {
			e.extend(t, i+1, at, machines, price, placed+1)
		}
	}
	if pod.Spec.Priority == nil || *pod.Spec.Priority >= e.request.expendableBelow() {
		for _, template := range e.templates {
			at[name] = today + len(machines)
			opened := append(slices.Clone(machines), template)
			if e.roomy(at, opened, at[name]) && e.affordable(opened) {
				e.extend(t, i+1, at, opened, price+template.Offering.PricePerHour, placed+1)
			}
		}
	}
	delete(at, name)
	e.extend(t, i+1, at, machines, price, placed)
}

// roomy prunes what plainly holds too much.
func (e *enumeration) roomy(at map[types.NamespacedName]int, machines []*Template, place int) bool {
	today := len(e.request.Objects.Nodes)
	var free int64
	if place < today {
		free = e.request.Objects.Nodes[place].Status.Allocatable.Cpu().MilliValue()
	} else {
		free = machines[place-today].Offering.Allocatable.MilliCPU
	}
	for _, pod := range e.pending {
		if other, ok := at[nameOf(pod)]; ok && other == place {
			free -= pod.Spec.Containers[0].Resources.Requests.Cpu().MilliValue()
		}
	}
	return free >= 0
}

func (e *enumeration) affordable(machines []*Template) bool {
	count := map[string]int{}
	for _, m := range machines {
		if count[m.NodeGroup.Name]++; count[m.NodeGroup.Name] > int(m.NodeGroup.Spec.MaxNodes) {
			return false
		}
	}
	return true
}

func (e *enumeration) stands(t require.TestingT, at map[types.NamespacedName]int, machines []*Template) bool {
	check := verify.Request{Objects: e.request.Objects, Config: e.request.Scheduler, Planned: map[types.NamespacedName]string{}, ScoreOrderLimit: -1}
	var names []string
	for _, node := range e.request.Objects.Nodes {
		names = append(names, node.Name)
	}
	for i, m := range machines {
		names = append(names, fmt.Sprintf("m%d", i))
		check.Added = append(check.Added, m.Node(names[len(names)-1]))
	}
	for pod, place := range at {
		check.Planned[pod] = names[place]
	}
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	verdict, err := verify.Verify(ctx, check)
	require.NoError(t, err)
	return verdict.Feasible()
}

func served(p *plan.Plan) int { return p.Stats.Pods - len(p.Unschedulable) }

// zonesForSale are nodes that take nobody and make a domain of every zone where
// something is for sale. The planner treats those as domains: kube-scheduler
// alone would find a spread met by all pods in the one zone that exists.
func zonesForSale(r Request) []*v1.Node {
	var nodes []*v1.Node
	for _, datacenter := range r.Catalog.Datacenters {
		node := simtest.Node("zone-"+datacenter.ID, "1m", "1Ki", simtest.Zone(datacenter.ID), simtest.Cordoned)
		delete(node.Labels, host)
		nodes = append(nodes, node)
	}
	return nodes
}

// instances is how many drawn instances the tests look at; the environment
// variable INSTANCES looks at more.
func instances(t *testing.T, usual int) int {
	if text := os.Getenv("INSTANCES"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	return usual
}

func drawn(config *simulator.SchedulerConfig, seed, most, kinds int) Request {
	return rapid.Custom(func(t *rapid.T) Request {
		return (&drawer{T: t, config: config}).request(most, kinds)
	}).Example(seed)
}

// worstFactor is how far above the optimum a plan for a handful of pods that
// disturb each other may be. Zones are chosen before machines are, so that the
// odd pod can cost a machine of its own.
const worstFactor = 2

// TestPlansAgainstEnumeration holds the bound, the optimum and the plan's price
// against each other where the optimum can be found by trying everything.
func TestPlansAgainstEnumeration(t *testing.T) {
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	worst, sum, optima, short := 1.0, 0.0, 0.0, 0
	n := instances(t, 40)
	for seed := range n {
		r := drawn(config, seed, 3, 2)
		if len(r.Objects.Pods) > 6 {
			r.Objects.Pods = r.Objects.Pods[:6]
		}
		p := scaleUp(t, r)
		placed, price := optimum(t, r, p)
		if served(p) == placed {
			require.LessOrEqual(t, p.LowerBound.PricePerHour, price+1e-9, "seed %d: the bound is no bound", seed)
		}
		r.Objects.Nodes = append(r.Objects.Nodes, zonesForSale(r)...)
		placed, price = optimum(t, r, p)
		switch {
		case served(p) < placed:
			short++
			t.Logf("seed %d: serves %d of %d", seed, served(p), placed)
		case price > 0:
			factor := p.PricePerHour.Added / price
			if worst = math.Max(worst, factor); factor > 1.01 {
				t.Logf("seed %d: %.2f $/h, optimum %.2f", seed, p.PricePerHour.Added, price)
			}
			sum, optima = sum+p.PricePerHour.Added, optima+price
		}
	}
	t.Logf("%d instances: worst price %.3f × optimum, all together %.3f, %d served fewer pods than possible", n, worst, sum/optima, short)
	require.LessOrEqual(t, worst, float64(worstFactor))
	require.LessOrEqual(t, sum/optima, 1.03)
	require.LessOrEqual(t, short, 1+n/40)
}
