package simulator_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

// bench is a cluster of 1,000 nodes in three zones that run 30,000 plain pods.
func benchObjects(nodes, podsPerNode int) []runtime.Object {
	var objects []runtime.Object
	for i := range nodes {
		name := fmt.Sprintf("node-%04d", i)
		objects = append(objects, Node(name, "16", "64Gi", Zone(fmt.Sprint("zone-", i%3))))
		for j := range podsPerNode {
			objects = append(objects, Pod(fmt.Sprintf("pod-%04d-%02d", i, j), "250m", "512Mi", Label("app", fmt.Sprint("app-", (i+j)%50)), On(name)))
		}
	}
	return objects
}

func benchCluster(b *testing.B) *simulator.Cluster {
	return Cluster(b, benchObjects(1000, 30)...)
}

func BenchmarkNew(b *testing.B) {
	objects := Objects(b, benchObjects(1000, 30)...)
	config, err := simulator.DefaultSchedulerConfig()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := simulator.New(b.Context(), objects, config)
		require.NoError(b, err)
	}
}

func benchCycle(b *testing.B, pod *v1.Pod) {
	c := benchCluster(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Cycle(pod); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCyclePlainPod(b *testing.B) { benchCycle(b, Pod("p", "1", "1Gi")) }

func BenchmarkCycleZoneSpread(b *testing.B) {
	benchCycle(b, Pod("p", "1", "1Gi", Label("app", "app-1"), Spread(v1.LabelTopologyZone, 1, "app-1")))
}

func BenchmarkCycleAntiAffinity(b *testing.B) {
	benchCycle(b, Pod("p", "1", "1Gi", Label("app", "app-1"), Apart(v1.LabelHostname, "app-1")))
}

func benchFilter(b *testing.B, ask func(*simulator.Cycle, string) bool) {
	c := benchCluster(b)
	cycle, err := c.Cycle(Pod("p", "1", "1Gi"))
	require.NoError(b, err)
	nodes := c.NodeNames()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if !ask(cycle, nodes[i%len(nodes)]) {
			b.Fatal("the pod fits every node")
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	benchFilter(b, func(cycle *simulator.Cycle, node string) bool { return cycle.Filter(node).IsSuccess() })
}

func BenchmarkFilterUncoupled(b *testing.B) {
	benchFilter(b, func(cycle *simulator.Cycle, node string) bool { return cycle.FilterUncoupled(node).IsSuccess() })
}

// BenchmarkPlace places a pod in a fork and takes it back: cycle and filter are
// not counted, Revert is.
func BenchmarkPlace(b *testing.B) {
	for name, pod := range map[string]*v1.Pod{
		"plain":    Pod("p", "1", "1Gi"),
		"affinity": Pod("p", "1", "1Gi", Label("app", "x"), Apart(v1.LabelHostname, "x")),
		"volume":   Pod("p", "1", "1Gi", Mounts("data")),
	} {
		b.Run(name, func(b *testing.B) {
			c := Cluster(b, append(benchObjects(1000, 30), StorageClass("block", vpsieDriver), PVC("data", "block"))...)
			cycle, err := c.Cycle(pod)
			require.NoError(b, err)
			require.True(b, cycle.Filter("node-0500").IsSuccess())
			b.ReportAllocs()
			for b.Loop() {
				c.Fork()
				if err := cycle.Place("node-0500"); err != nil {
					b.Fatal(err)
				}
				c.Revert()
			}
		})
	}
}

// BenchmarkForkRevert tries a machine that does not exist: add it with its
// CSINode and two DaemonSet pods, place five pods, take it all back.
func BenchmarkForkRevert(b *testing.B) {
	c := benchCluster(b)
	spec := machine("virtual", "fra")
	spec.Pods = []*v1.Pod{Pod("agent", "100m", "100Mi"), Pod("proxy", "100m", "100Mi")}
	var pods []*v1.Pod
	for i := range 5 {
		pods = append(pods, Pod(fmt.Sprint("p-", i), "1", "1Gi"))
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Fork()
		if err := c.AddNode(spec); err != nil {
			b.Fatal(err)
		}
		for _, pod := range pods {
			cycle, err := c.Cycle(pod)
			if err != nil {
				b.Fatal(err)
			}
			if !cycle.Filter("virtual").IsSuccess() {
				b.Fatal("the machine is large enough")
			}
			if err := cycle.Place("virtual"); err != nil {
				b.Fatal(err)
			}
		}
		c.Revert()
	}
}

func BenchmarkRemoveNodeRevert(b *testing.B) {
	c := benchCluster(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Fork()
		if err := c.RemoveNode("node-0500"); err != nil {
			b.Fatal(err)
		}
		c.Revert()
	}
}

func BenchmarkBest(b *testing.B) {
	c := benchCluster(b)
	pod, nodes := Pod("p", "1", "1Gi"), c.NodeNames()
	b.ReportAllocs()
	for b.Loop() {
		cycle, err := c.Cycle(pod)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := cycle.Best(nodes); err != nil {
			b.Fatal(err)
		}
	}
}
