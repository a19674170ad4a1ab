package simulator_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

func feasible(t *testing.T, c *simulator.Cluster, pod *v1.Pod, start int) ([]string, int) {
	t.Helper()
	cycle, err := c.Cycle(pod)
	require.NoError(t, err)
	return cycle.FeasibleNodes(start)
}

func TestTheSearchForNodesGoesRound(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"), Node("b", "1", "1Gi"), Node("c", "4", "8Gi"), Pod("first", "4", "1Gi", Priority(5)))
	found, next := feasible(t, c, Pod("p", "2", "1Gi"), 2)
	assert.Equal(t, []string{"c", "a"}, found)
	assert.Equal(t, 2, next, "all nodes were asked")
	found, next = feasible(t, c, Pod("p", "2", "1Gi", RequiresNodeNamed("c")), 1)
	assert.Equal(t, []string{"c"}, found)
	assert.Equal(t, 2, next, "one node was left to ask")
	require.NoError(t, c.Nominate(Pending(t, c, "first"), "a"))
	found, _ = feasible(t, c, Pod("p", "2", "1Gi"), 0)
	assert.Equal(t, []string{"c"}, found, "nominations are heeded")
	found, next = feasible(t, c, Pod("p", "2", "1Gi", UsesClaim("gone")), 1)
	assert.Empty(t, found)
	assert.Equal(t, 1, next, "PreFilter refused them all")
}

// The figures are those of kube-scheduler's numFeasibleNodesToFind.
func TestTheSearchEndsWhereKubeSchedulersDoes(t *testing.T) {
	profile := "profiles:\n- schedulerName: default-scheduler\n"
	noScore := profile + "  plugins: {multiPoint: {disabled: [{name: \"*\"}], enabled: [{name: PrioritySort}, {name: NodeResourcesFit}, {name: DefaultBinder}]}, score: {disabled: [{name: \"*\"}]}}\n"
	for name, tc := range map[string]struct {
		fields        string
		nodes, wanted int
	}{
		"below a hundred: all":              {"", 99, 99},
		"a hundred at least":                {"", 150, 100},
		"adaptive: 50 percent less n / 125": {"", 500, 230},
		"the scheduler's percentage":        {"percentageOfNodesToScore: 70\n", 200, 140},
		"the profile's comes first":         {"percentageOfNodesToScore: 70\n" + profile + "  percentageOfNodesToScore: 100\n", 200, 200},
		"no scores: the first will do":      {noScore, 50, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var objects []runtime.Object
			for i := range tc.nodes {
				objects = append(objects, Node(fmt.Sprintf("n-%03d", i), "4", "8Gi"))
			}
			found, next := feasible(t, Configured(t, Config(t, tc.fields), objects...), Pod("p", "1", "1Gi"), 0)
			assert.Len(t, found, tc.wanted)
			assert.Equal(t, tc.wanted%tc.nodes, next)
		})
	}
}

func TestWhichPluginsHaveASay(t *testing.T) {
	c := Cluster(t, Node("a", "4", "8Gi"))
	plain, err := c.Cycle(Pod("p", "1", "1Gi"))
	require.NoError(t, err)
	port, err := c.Cycle(Pod("p", "1", "1Gi", HostPort(80)))
	require.NoError(t, err)
	assert.True(t, plain.Skips("NodePorts"))
	assert.False(t, port.Skips("NodePorts"))
	plugins := c.FilterPlugins(Pod("p", "1", "1Gi", Scheduler("")))
	assert.Equal(t, []string{"NodeName", "NodeUnschedulable", "TaintToleration", "NodeAffinity", "NodePorts"}, plugins[:5])
	assert.Empty(t, c.FilterPlugins(Pod("p", "1", "1Gi", Scheduler("volcano"))))
}
