package binpack

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// company draws a cluster of several nodes with running and pending pods, a
// DaemonSet, volumes and two NodeGroups.
func company(t testing.TB, config *simulator.SchedulerConfig, seed int) Request {
	t.Helper()
	return rapid.Custom(func(rt *rapid.T) Request {
		d := &drawer{T: rt, config: config}
		objects := list(simtest.StorageClass("fast", CSIDriver), daemonSet("agent", "100m", "64Mi", simtest.Tolerates("*")))
		for i := range rapid.IntRange(0, 5).Draw(rt, "nodes") {
			name := fmt.Sprintf("node-%d", i)
			change := []func(*v1.Node){simtest.Zone(pick(d, "node zone", "a", "b", "c"))}
			if d.one(4, "taint?") {
				change = append(change, simtest.Taint("special:NoSchedule"))
			}
			if d.one(3, "ours?") {
				change = append(change, ours("g", "o0"))
			}
			objects = append(objects, simtest.Node(name, pick(d, "node cpu", "1", "3", "8"), "16Gi", change...))
			for j := range rapid.IntRange(0, 2).Draw(rt, "running") {
				pod := d.pod(fmt.Sprintf("runs-%d-%d", i, j))
				simtest.On(name)(pod)
				if d.one(5, "expendable?") {
					simtest.Priority(-20)(pod)
				}
				objects = append(objects, pod)
			}
		}
		for i := range rapid.IntRange(1, 12).Draw(rt, "workloads") {
			name := fmt.Sprintf("w%d", i)
			template := d.pod(name)
			if d.one(10, "gated?") {
				simtest.Gate("example.com/wait")(template)
			}
			volumes := d.one(6, "volumes?")
			for j := range rapid.IntRange(1, 6).Draw(rt, "replicas") {
				pod := template.DeepCopy()
				pod.Name = fmt.Sprintf("%s-%d", name, j)
				pod.UID = ""
				if d.one(2, "own label?") {
					simtest.Label("pod-name", pod.Name)(pod)
				}
				if volumes {
					claim := "data-" + pod.Name
					objects = append(objects, simtest.PVC(claim, "fast"))
					simtest.Mounts(claim)(pod)
				}
				objects = append(objects, pod)
			}
		}
		r := request(t, d.catalog(4), objects...)
		r.Scheduler = config
		for _, name := range []string{"g", "h"} {
			group := nodeGroup(name, labelledWith("pool", name))
			if d.one(3, "limit?") {
				group.Spec.MaxNodes = rapid.Int32Range(1, 6).Draw(rt, "max nodes")
			}
			if d.one(4, "minimum?") {
				group.Spec.MinNodes = 1
			}
			if d.one(4, "group taint?") {
				group.Spec.Taints = append(group.Spec.Taints, taintOf("special"))
			}
			r.NodeGroups = append(r.NodeGroups, group)
		}
		if d.one(4, "cluster limit?") {
			r.Limits.Nodes = len(r.Objects.Nodes) + rapid.IntRange(0, 4).Draw(rt, "more nodes")
		}
		return r
	}).Example(seed)
}

// shuffled is the request with everything in another order.
func shuffled(t testing.TB, r Request, seed int) Request {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	o := &r.Objects
	o.Pods, o.Nodes = mixed(random, o.Pods), mixed(random, o.Nodes)
	o.PersistentVolumeClaims, o.DaemonSets = mixed(random, o.PersistentVolumeClaims), mixed(random, o.DaemonSets)
	r.NodeGroups = mixed(random, r.NodeGroups)
	catalog, err := offerings.New("drawn", mixed(random, r.Catalog.Datacenters), mixed(random, r.Catalog.Offerings))
	require.NoError(t, err)
	r.Catalog = catalog
	return r
}

func mixed[T any](random *rand.Rand, list []T) []T {
	list = slices.Clone(list)
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func TestPlansOfRandomClusters(t *testing.T) {
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	for seed := range instances(t, 40) {
		r := company(t, config, seed)
		p := scaleUp(t, r)
		again := scaleUp(t, shuffled(t, r, seed))
		require.Equal(t, asJSON(t, p), asJSON(t, again), "seed %d: the order of the input shows in the plan", seed)
	}
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, seed := range []int{1, 2, 3} {
		var first string
		for i := range 20 {
			runtime.GOMAXPROCS(1 + 3*(i%2))
			p, err := ScaleUp(t.Context(), company(t, config, seed))
			require.NoError(t, err)
			if text := asJSON(t, p); first == "" {
				first = text
			} else {
				require.Equal(t, first, text)
			}
		}
	}
}

func TestWhatIsPartOfThePlansIdentity(t *testing.T) {
	base := func() Request {
		r := request(t, small(t), append(pods(2, "web", "1", "1Gi"), simtest.Node("n", "1", "1Gi"))...)
		r.NodeGroups = append(r.NodeGroups, nodeGroup("g"))
		return r
	}
	id := func(r Request) string { return scaleUp(t, r).Metadata.ID }
	first := id(base())
	for name, change := range map[string]func(*Request){
		"pods":      func(r *Request) { r.Objects.Pods = r.Objects.Pods[1:] },
		"nodes":     func(r *Request) { r.Objects.Nodes = nil },
		"prices":    func(r *Request) { r.Catalog = sells(t, offer("small", 4, 16, 0.2)) },
		"groups":    func(r *Request) { r.NodeGroups[0].Spec.MaxNodes = 7 },
		"limits":    func(r *Request) { r.Limits.Nodes = 50 },
		"scaleUp":   func(r *Request) { r.NoScaleUp = true },
		"gates":     func(r *Request) { r.FeatureGates = map[string]bool{"GenericWorkload": false} },
		"scheduler": func(r *Request) { r.Scheduler = simtest.Config(t, "percentageOfNodesToScore: 7\n") },
		"work":      func(r *Request) { r.Work = 1_000_000 },
		"cut-off":   func(r *Request) { below := int32(-1); r.ExpendableBelow = &below },
	} {
		t.Run(name, func(t *testing.T) {
			r := base()
			change(&r)
			assert.NotEqual(t, first, id(r))
		})
	}
	assert.Equal(t, first, id(base()))
}

// TestPodsOfOneClassGetOneVerdict holds every pod of a class against every node
// and every machine, as things are and after some pods found places.
func TestPodsOfOneClassGetOneVerdict(t *testing.T) {
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	compared := 0
	for seed := range instances(t, 30) {
		r := company(t, config, 1000+seed)
		require.NoError(t, sortGroups(&r))
		p, err := newPlanner(t.Context(), &r)
		require.NoError(t, err)
		p.withdrawn = map[*v1.Pod]withdrawal{}
		_, err = p.attempt(p.queue())
		require.NoError(t, err)
		cluster := p.cluster
		for _, k := range p.kinds {
			require.NoError(t, cluster.AddNode(k.spec))
		}
		names := cluster.NodeNames()
		random := rand.New(rand.NewPCG(uint64(seed), 2))
		compare := func() {
			for i, c := range p.classes {
				if c.irregular {
					continue
				}
				verdicts := map[string]string{}
				for _, pod := range c.pods {
					if cluster.NodeOf(pod) != "" {
						continue
					}
					cycle, err := cluster.Cycle(pod)
					require.NoError(t, err)
					for _, name := range names {
						verdict := cycle.Filter(name).Message()
						if first, ok := verdicts[name]; ok {
							compared++
							require.Equal(t, first, verdict, "seed %d, class %d, pod %s on %s", seed, i, pod.Name, name)
						}
						verdicts[name] = verdict
					}
				}
			}
		}
		compare()
		for _, pod := range mixed(random, cluster.Pending()) {
			cycle, err := cluster.Cycle(pod)
			require.NoError(t, err)
			if name := names[random.IntN(len(names))]; cycle.Filter(name).IsSuccess() {
				require.NoError(t, cycle.Place(name))
			}
		}
		compare()
	}
	require.Greater(t, compared, 1000)
}

func TestEmptyRequests(t *testing.T) {
	t.Run("nothing", func(t *testing.T) {
		p := scaleUp(t, request(t, sells(t)))
		assert.Empty(t, p.Add)
		assert.Empty(t, p.Alternatives)
	})
	t.Run("no catalogue", func(t *testing.T) {
		r := request(t, nil)
		_, err := ScaleUp(t.Context(), r)
		require.EqualError(t, err, "no offerings: give a catalogue")
	})
	t.Run("no scheduler", func(t *testing.T) {
		r := request(t, small(t))
		r.Scheduler = nil
		_, err := ScaleUp(t.Context(), r)
		require.EqualError(t, err, "no scheduler configuration")
	})
	t.Run("a group twice", func(t *testing.T) {
		r := request(t, small(t))
		r.NodeGroups = append(r.NodeGroups, nodeGroup("b"), nodeGroup("a"), nodeGroup("b"))
		_, err := ScaleUp(t.Context(), r)
		require.EqualError(t, err, "NodeGroup b: given twice")
	})
	t.Run("a pod twice", func(t *testing.T) {
		twin := simtest.Pod("web", "1", "1Gi")
		twin.UID = "another"
		_, err := ScaleUp(t.Context(), request(t, small(t), simtest.Pod("web", "1", "1Gi"), twin))
		require.ErrorContains(t, err, "pod default/web")
	})
	t.Run("a negative request", func(t *testing.T) {
		_, err := ScaleUp(t.Context(), request(t, small(t), simtest.Pod("web", "-1", "1Gi")))
		require.EqualError(t, err, "pod default/web: requests -1 of cpu")
	})
	t.Run("an absurd request is nobody else's problem", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), append(pods(3000, "huge", "1", "9000P", appOf("huge"), simtest.Together(host, "huge")), simtest.Pod("web", "1", "1Gi"))...))
		assert.Len(t, p.Unschedulable, 3000)
		assert.NotEmpty(t, placeOf(p, "web"))
	})
	t.Run("a resource that kube-scheduler does not look at", func(t *testing.T) {
		p := scaleUp(t, request(t, small(t), pods(2, "web", "1", "1Gi", simtest.Wants("strange", "7"), simtest.Wants("pods", "200"))...))
		assert.Len(t, p.Add, 1)
	})
	t.Run("a node twice", func(t *testing.T) {
		_, err := ScaleUp(t.Context(), request(t, small(t), simtest.Node("n", "1", "1Gi"), simtest.Node("n", "1", "1Gi")))
		require.ErrorContains(t, err, "n")
	})
}
