package simulator_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// playground is a small cluster with one pod of each kind that a plugin cares
// about, and machines to add to it.
func playground() (objects []runtime.Object, machines []simulator.NodeSpec) {
	gpu := DeviceClass("gpu")
	gpu.Spec.ExtendedResourceName = ptr.To("example.com/gpu")
	objects = []runtime.Object{
		Node("a1", "4", "8Gi", Zone("a"), NodeLabel(region, "a"), HasImage("registry.example/app:1", 500<<20)), simulator.AttachLimit("a1", vpsieDriver, 2, region),
		Node("a2", "4", "8Gi", Zone("a"), NodeLabel(region, "a")), Devices("a2", 1),
		Node("b1", "4", "8Gi", Zone("b"), NodeLabel(region, "b"), Offers("example.com/other", "3")),
		Pod("run-web", "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web"), On("a1")),
		Pod("run-db", "1", "1Gi", Label("app", "db"), Apart(v1.LabelHostname, "db"), HostPort(5432), On("a2")),
		Pod("run-far", "500m", "1Gi", Label("app", "far"), Apart(v1.LabelTopologyZone, "far"), On("b1")),
		StorageClass("block", vpsieDriver), StorageClass("local", "kubernetes.io/no-provisioner"),
		PV("disk-a1", "local", v1.LabelHostname, "a1"), PV("disk-b1", "local", v1.LabelHostname, "b1"),
		PVC("shared", "block"), PVC("own", "block"), PVC("single", "block", Mode(v1.ReadWriteOncePod)), PVC("disk-1", "local"), PVC("disk-2", "local"),
		gpu, DeviceTemplate("one-gpu", "gpu", 1), DeviceClaim("shared-gpu", "gpu", 1),
		Pod("web-1", "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web")),
		Pod("web-2", "1", "1Gi", Label("app", "web"), Spread(v1.LabelTopologyZone, 1, "web"), Priority(5)),
		Pod("db-1", "1", "1Gi", Label("app", "db"), Apart(v1.LabelHostname, "db"), HostPort(5432)),
		Pod("far-1", "1", "1Gi", Label("app", "far"), Apart(v1.LabelTopologyZone, "far"), Priority(10)),
		Pod("near-1", "1", "1Gi", Together(v1.LabelTopologyZone, "web")),
		Pod("vol-1", "1", "1Gi", Mounts("shared")), Pod("vol-2", "1", "1Gi", Mounts("shared"), Mounts("own")),
		Pod("single-1", "1", "1Gi", Mounts("single")), Pod("single-2", "1", "1Gi", Mounts("single")),
		Pod("disk-1", "1", "1Gi", Mounts("disk-1")), Pod("disk-2", "1", "1Gi", Mounts("disk-2")),
		Pod("scratch", "1", "1Gi", MountsEphemeral("scratch", "block")),
		Pod("gpu-1", "1", "1Gi", UsesTemplate("one-gpu")), Pod("gpu-2", "1", "1Gi", UsesClaim("shared-gpu")), Pod("gpu-3", "1", "1Gi", UsesClaim("shared-gpu")),
		Pod("ext-1", "1", "1Gi", Wants("example.com/gpu", "1")), Pod("ext-2", "1", "1Gi", Wants("example.com/other", "2")),
		Pod("big", "4", "8Gi", Priority(100)),
	}
	for i, zone := range []string{"a", "b", "c"} {
		name := fmt.Sprintf("new-%d", i)
		machines = append(machines, simulator.NodeSpec{
			Node:           Node(name, "4", "8Gi", Zone(zone), NodeLabel(region, zone), HasImage("registry.example/app:1", 500<<20)),
			CSINode:        simulator.AttachLimit(name, vpsieDriver, 1, region),
			ResourceSlices: []*resourcev1.ResourceSlice{Devices(name, 1)},
			Pods:           []*v1.Pod{Pod("agent-"+name, "100m", "100Mi", Label("app", "agent"), HostPort(9100), Apart(v1.LabelHostname, "agent"))},
		})
	}
	return objects, machines
}

// verdicts is what Filter and FilterNominated say of every pending pod on
// every node.
func verdicts(t testing.TB, c *simulator.Cluster) []string {
	var lines []string
	for _, pod := range c.Pending() {
		cycle, err := c.Cycle(pod)
		require.NoError(t, err)
		for _, node := range c.NodeNames() {
			plain, nominated := cycle.Filter(node), cycle.FilterNominated(node)
			lines = append(lines, fmt.Sprintf("%s on %s: %t %s; %t %s; coupled %t", pod.Name, node,
				plain.IsSuccess(), plain.Message(), nominated.IsSuccess(), nominated.Message(), cycle.Coupled()))
		}
	}
	return lines
}

func state(t testing.TB, c *simulator.Cluster) []string {
	return append(c.Internals(), verdicts(t, c)...)
}

// change is one step of a history; ok is false when the cluster has no such
// step to offer now.
type change struct {
	name  string
	apply func(c *simulator.Cluster) (ok bool)
}

func drawChange(t *rapid.T, machines []simulator.NodeSpec, pods []*v1.Pod, c *simulator.Cluster) change {
	pod := rapid.SampledFrom(pods).Draw(t, "pod")
	node := ""
	if names := c.NodeNames(); len(names) > 0 {
		node = rapid.SampledFrom(names).Draw(t, "node")
	}
	switch rapid.IntRange(0, 9).Draw(t, "change") {
	case 0, 1:
		spec := rapid.SampledFrom(machines).Draw(t, "machine")
		return change{"add " + spec.Node.Name, func(c *simulator.Cluster) bool {
			if c.Node(spec.Node.Name) != nil {
				return false
			}
			require.NoError(t, c.AddNode(spec))
			return true
		}}
	case 2:
		return change{"remove " + node, func(c *simulator.Cluster) bool {
			if c.Node(node) == nil {
				return false
			}
			require.NoError(t, c.RemoveNode(node))
			return true
		}}
	case 3:
		return change{"evict " + pod.Name, func(c *simulator.Cluster) bool {
			if c.NodeOf(pod) == "" {
				return false
			}
			require.NoError(t, c.Evict(pod))
			return true
		}}
	case 4:
		if rapid.Bool().Draw(t, "give up") {
			node = ""
		}
		return change{"nominate " + pod.Name + " to " + node, func(c *simulator.Cluster) bool {
			if c.NodeOf(pod) != "" {
				return false
			}
			require.NoError(t, c.Nominate(pod, node))
			return true
		}}
	default:
		return change{"place " + pod.Name, func(c *simulator.Cluster) bool {
			if c.NodeOf(pod) != "" {
				return false
			}
			cycle, err := c.Cycle(pod)
			require.NoError(t, err)
			for _, name := range c.NodeNames() {
				if name >= node && cycle.Filter(name).IsSuccess() {
					require.NoError(t, cycle.Place(name))
					return true
				}
			}
			return false
		}}
	}
}

// Whatever happens inside a fork, after Revert nothing of it can be seen; and a
// cluster with a history of forks is the cluster in which only what survived
// was ever done.
func TestAForkLeavesNoTrace(t *testing.T) {
	objects, machines := playground()
	initial := state(t, Cluster(t, objects...))
	rapid.Check(t, func(rt *rapid.T) {
		c := Cluster(t, objects...)
		pods := c.Pending()
		// The history that survived, and where each open fork began in it.
		var done []change
		type fork struct {
			done   int
			before []string
		}
		var forks []fork
		for range rapid.IntRange(1, 24).Draw(rt, "steps") {
			switch rapid.IntRange(0, 7).Draw(rt, "step") {
			case 0, 1:
				forks = append(forks, fork{done: len(done), before: state(t, c)})
				c.Fork()
			case 2:
				if len(forks) > 0 {
					c.Commit()
					forks = forks[:len(forks)-1]
				}
			case 3:
				if len(forks) > 0 {
					newest := forks[len(forks)-1]
					c.Revert()
					require.Equal(rt, newest.before, state(t, c), "after Revert")
					done, forks = done[:newest.done], forks[:len(forks)-1]
				}
			default:
				next := drawChange(rt, machines, pods, c)
				if next.apply(c) {
					rt.Log(next.name)
					done = append(done, next)
				}
			}
		}

		fresh := Cluster(t, objects...)
		for _, change := range done {
			require.True(rt, change.apply(fresh), "%s on a cluster without forks", change.name)
		}
		require.Equal(rt, state(t, fresh), state(t, c), "a cluster in which only this was done")

		for len(forks) > 0 {
			c.Revert()
			require.Equal(rt, forks[len(forks)-1].before, state(t, c), "after the last Revert")
			forks = forks[:len(forks)-1]
		}
		if forks, changes := c.OpenForks(); forks != 0 || changes != 0 {
			rt.Fatalf("%d forks and %d changes are left open", forks, changes)
		}
	})
	require.Equal(t, initial, state(t, Cluster(t, objects...)), "the objects themselves were never changed")
}

func TestForksNest(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"))
	add := func(name string) { addNodes(t, c, simulator.NodeSpec{Node: Node(name, "4", "8Gi")}) }
	c.Fork()
	add("b")
	c.Fork()
	add("c")
	c.Commit()
	c.Fork()
	add("d")
	c.Revert()
	assert.Equal(t, []string{"a", "b", "c"}, c.NodeNames())
	c.Revert()
	assert.Equal(t, []string{"a"}, c.NodeNames(), "what the inner fork committed was the outer's")
	c.Fork()
	add("e")
	c.Commit()
	assert.Equal(t, []string{"a", "e"}, c.NodeNames())
	forks, changes := c.OpenForks()
	assert.Zero(t, forks)
	assert.Zero(t, changes, "a final commit lets go of what it could undo")
}

func TestAMachineComesBackWhereItWas(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"), Node("b", "4", "8Gi"), Node("c", "4", "8Gi"), Pod("p", "1", "1Gi", On("b")))
	c.Fork()
	require.NoError(t, c.RemoveNode("b"))
	assert.Equal(t, []string{"a", "c"}, c.NodeNames())
	assert.Empty(t, c.NodeOf(c.Objects().Pods[0]))
	c.Revert()
	assert.Equal(t, []string{"a", "b", "c"}, c.NodeNames())
	assert.Equal(t, "b", c.NodeOf(c.Objects().Pods[0]))
}

func TestChangesThatMakeNoSenseAreRefused(t *testing.T) {
	running, pending := Pod("running", "1", "1Gi", On("a")), Pod("pending", "1", "1Gi")
	c := Cluster(t, Node("a", "4", "8Gi"), running, pending)
	assert.EqualError(t, c.AddNode(simulator.NodeSpec{Node: Node("a", "1", "1Gi")}), "node a: there are two nodes of this name")
	assert.EqualError(t, c.AddNode(simulator.NodeSpec{Node: Node("b", "1", "1Gi"), Pods: []*v1.Pod{running}}), "node b: its pod default/running is already on node a")
	assert.EqualError(t, c.RemoveNode("gone"), "node gone: not in the cluster")
	assert.EqualError(t, c.Evict(pending), "pod default/pending: not placed")
	assert.EqualError(t, c.Nominate(pending, "gone"), "pod default/pending: nominated to node gone, which is not in the cluster")
	cycle, err := c.Cycle(pending)
	require.NoError(t, err)
	assert.EqualError(t, cycle.Place("gone"), "pod default/pending: its node gone is not in the cluster")
	assert.Equal(t, `node "gone" is not in the simulated cluster`, cycle.Filter("gone").Message())
	_, err = cycle.Best(nil)
	assert.EqualError(t, err, "pod default/pending: no node to choose from")
	_, err = cycle.Best([]string{"a", "gone"})
	assert.EqualError(t, err, "pod default/pending: node gone is not in the cluster")
	require.NoError(t, cycle.Place("a"))
	assert.EqualError(t, cycle.Place("a"), "pod default/pending: already on node a")
}

func TestTwoNodesOrPodsOfOneIdentityAreRefused(t *testing.T) {
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	_, err = simulator.New(t.Context(), Objects(t, Node("a", "1", "1Gi"), Node("a", "1", "1Gi")), config)
	assert.EqualError(t, err, "node a: there are two nodes of this name")
	twin := Pod("b", "1", "1Gi")
	twin.UID = "default/a"
	_, err = simulator.New(t.Context(), Objects(t, Pod("a", "1", "1Gi"), twin), config)
	assert.EqualError(t, err, "pod default/b: has the UID of pod default/a")
}
