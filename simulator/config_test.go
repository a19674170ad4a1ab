package simulator_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
	. "github.com/vpsie/vpsie-k8s-autoscaler/simulator/simtest"
)

const configHeader = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

func TestAConfigurationThatCannotBeSimulatedIsRefused(t *testing.T) {
	for name, tc := range map[string]struct{ file, err string }{
		"empty file":     {"  \n", "the file is empty, want a KubeSchedulerConfiguration"},
		"not YAML":       {"{", "couldn't get version/kind"},
		"wrong kind":     {"apiVersion: v1\nkind: Pod\n", `no kind "Pod" is registered`},
		"kind of args":   {"apiVersion: kubescheduler.config.k8s.io/v1\nkind: NodeAffinityArgs\n", "want KubeSchedulerConfiguration"},
		"old version":    {"apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration\n", "no kind"},
		"unknown field":  {configHeader + "parallelismm: 4\n", `unknown field "parallelismm"`},
		"repeated field": {configHeader + "parallelism: 4\nparallelism: 5\n", `key "parallelism" already set`},
		"unknown argument": {configHeader + "profiles:\n- pluginConfig:\n  - name: NodeAffinity\n    args: {apiVersion: kubescheduler.config.k8s.io/v1, kind: NodeAffinityArgs, wrong: 1}\n",
			`unknown field "wrong"`},
		"parallelism of zero workers": {configHeader + "parallelism: -1\n", "parallelism: Invalid value: -1"},
		"two profiles of one name":    {configHeader + "profiles:\n- schedulerName: a\n- schedulerName: a\n", "profiles[1].schedulerName: Duplicate value"},
		"plugin of somebody else": {configHeader + "profiles:\n- schedulerName: a\n  plugins: {filter: {enabled: [{name: Coscheduling}]}}\n",
			`profile a: plugin "Coscheduling" is not one of kube-scheduler's own and cannot be simulated`},
		"plugin of somebody else at all points": {configHeader + "profiles:\n- schedulerName: a\n  plugins: {multiPoint: {enabled: [{name: Coscheduling}]}}\n",
			`profile a: plugin "Coscheduling" is not one of kube-scheduler's own and cannot be simulated`},
		"extender that must be asked": {configHeader + "extenders:\n- {urlPrefix: \"http://extender/\", filterVerb: filter}\n",
			"extenders[0]: http://extender/: an extender cannot be simulated; set ignorable: true when the plan may leave it out"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := simulator.ParseSchedulerConfig([]byte(tc.file))
			assert.ErrorContains(t, err, tc.err)
		})
	}
}

func TestAnExtenderThatMayFailIsLeftOut(t *testing.T) {
	Config(t, "extenders:\n- {urlPrefix: \"http://extender/\", filterVerb: filter, ignorable: true}\n")
}

func TestErrorsNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scheduler.yaml")
	_, err := simulator.LoadSchedulerConfig(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = simulator.LoadSchedulerConfig(path)
	assert.EqualError(t, err, path+": the file is empty, want a KubeSchedulerConfiguration")
	require.NoError(t, os.WriteFile(path, []byte(configHeader), 0o600))
	config, err := simulator.LoadSchedulerConfig(path)
	require.NoError(t, err)
	assert.Equal(t, []string{v1.DefaultSchedulerName}, config.SchedulerNames())
}

func TestTheHashIsThatOfTheMeaning(t *testing.T) {
	hash := func(config *simulator.SchedulerConfig) string {
		hash, err := config.Hash()
		require.NoError(t, err)
		return hash
	}
	standard, err := simulator.DefaultSchedulerConfig()
	require.NoError(t, err)
	assert.Regexp(t, "^[0-9a-f]{64}$", hash(standard))
	assert.Equal(t, hash(standard), hash(standard))
	assert.Equal(t, hash(standard), hash(Config(t, "")), "a file that says nothing is the default")
	assert.Equal(t, hash(standard), hash(Config(t, "# a comment\nprofiles:\n- schedulerName: default-scheduler\n")))
	assert.NotEqual(t, hash(standard), hash(Config(t, "profiles:\n- schedulerName: other\n")))
	assert.NotEqual(t, hash(standard), hash(Config(t, disabled("NodeAffinity"))))
}

func disabled(plugin string) string {
	return "profiles:\n- schedulerName: default-scheduler\n  plugins: {multiPoint: {disabled: [{name: " + plugin + "}]}}\n"
}

func FuzzParseSchedulerConfig(f *testing.F) {
	for _, seed := range []string{"", configHeader, configHeader + "profiles:\n- schedulerName: a\n", "kind: List", configHeader + disabled("NodeAffinity"),
		configHeader + "extenders:\n- {urlPrefix: x, ignorable: true}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := simulator.ParseSchedulerConfig(data)
		if err != nil {
			return
		}
		require.NotEmpty(t, config.SchedulerNames())
		_, err = config.Hash()
		require.NoError(t, err)
	})
}

func TestADisabledPluginHasNoSay(t *testing.T) {
	pod := Pod("a", "1", "1Gi", Selects("disk", "ssd"))
	objects := []runtime.Object{Node("n", "4", "8Gi"), pod}
	assert.Empty(t, Fits(t, Cluster(t, objects...), pod))
	c := Configured(t, Config(t, disabled("NodeAffinity")), objects...)
	assert.Equal(t, []string{"n"}, Fits(t, c, pod))
	assert.Empty(t, Reasons(t, c, pod, "n"))
}

func TestDevicesOfAProfileThatDisablesThemAreNotAllocated(t *testing.T) {
	pod := Pod("a", "1", "1Gi", UsesClaim("own"))
	c := Configured(t, Config(t, disabled("DynamicResources")), Node("n", "4", "8Gi"), pod)
	Place(t, c, pod, "n")
	require.NoError(t, c.Evict(pod))
}

func TestEveryPodRunsUnderTheProfileThatItNames(t *testing.T) {
	config := Config(t, "profiles:\n- schedulerName: default-scheduler\n- schedulerName: lenient\n  plugins: {multiPoint: {disabled: [{name: TaintToleration}]}}\n")
	assert.Equal(t, []string{"default-scheduler", "lenient"}, config.SchedulerNames())
	c := Configured(t, config, Node("tainted", "4", "8Gi", Taint("dedicated=db:NoSchedule")))
	assert.Empty(t, Fits(t, c, Pod("a", "1", "1Gi")))
	assert.Empty(t, Fits(t, c, Pod("a", "1", "1Gi", Scheduler(""))), "no name is the default scheduler's")
	assert.Equal(t, []string{"tainted"}, Fits(t, c, Pod("a", "1", "1Gi", Scheduler("lenient"))))

	stranger := Pod("a", "1", "1Gi", Scheduler("volcano"))
	const noProfile = `pod default/a: no profile for scheduler "volcano"`
	_, err := c.Cycle(stranger)
	assert.EqualError(t, err, noProfile)
	_, err = c.Probe(stranger)
	assert.EqualError(t, err, noProfile)
	_, err = c.Summary(stranger)
	assert.EqualError(t, err, noProfile)
}

// The scores say where the pod goes: spread out by default, packed when the
// configuration says so.
func TestArgumentsChangeWhatIsBest(t *testing.T) {
	objects := []runtime.Object{Node("empty", "8", "16Gi"), Node("half", "8", "16Gi"), Pod("old", "4", "8Gi", On("half"))}
	pod := Pod("new", "1", "2Gi")
	best := func(c *simulator.Cluster) string {
		cycle, err := c.Cycle(pod)
		require.NoError(t, err)
		best, err := cycle.Best(c.NodeNames())
		require.NoError(t, err)
		return best
	}
	assert.Equal(t, "empty", best(Cluster(t, objects...)))
	packing := Config(t, `profiles:
- schedulerName: default-scheduler
  pluginConfig:
  - name: NodeResourcesFit
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeResourcesFitArgs
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 10}, {name: memory, weight: 10}]}
  plugins: {multiPoint: {disabled: [{name: NodeResourcesBalancedAllocation}]}}
`)
	assert.Equal(t, "half", best(Configured(t, packing, objects...)))
}

const strictSpread = `profiles:
- schedulerName: default-scheduler
  pluginConfig:
  - name: PodTopologySpread
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: PodTopologySpreadArgs
      defaultingType: List
      defaultConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}]
`

func TestAnInvalidArgumentIsRefused(t *testing.T) {
	_, err := simulator.ParseSchedulerConfig([]byte(configHeader + `profiles:
- schedulerName: packer
  pluginConfig:
  - name: InterPodAffinity
    args: {apiVersion: kubescheduler.config.k8s.io/v1, kind: InterPodAffinityArgs, hardPodAffinityWeight: 200}
`))
	assert.ErrorContains(t, err, "hardPodAffinityWeight: Invalid value: 200")
}

func TestAProfileThatNoFrameworkCanRunIsAnError(t *testing.T) {
	config := Config(t, "profiles:\n- schedulerName: odd\n  plugins: {filter: {enabled: [{name: PrioritySort}]}}\n")
	_, err := simulator.New(t.Context(), simulator.Objects{}, config)
	assert.EqualError(t, err, `scheduler odd: plugin "PrioritySort" does not extend FilterPlugin plugin`)
}
