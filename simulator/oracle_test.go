package simulator

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
)

const oracleFolder = "../../shared/traces/oracle/"

// oracleCase is a recorded verdict of kube-scheduler's own plugins.
type oracleCase struct {
	ID     string `json:"id"`
	Plugin string `json:"plugin"`
	// Scope is "plugin" when the verdict is that of Plugin alone.
	Scope      string     `json:"scope"`
	Nodes      []*v1.Node `json:"nodes"`
	Namespaces []struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"namespaces"`
	ExistingPods   []*v1.Pod           `json:"existingPods"`
	Pod            *v1.Pod             `json:"pod"`
	Fits           bool                `json:"fits"`
	CandidateNodes []string            `json:"candidateNodes"`
	FailedPlugins  map[string][]string `json:"failedPlugins"`
	Gates          json.RawMessage     `json:"gates"`
}

func readOracle(t *testing.T, name string) []oracleCase {
	file, err := os.Open(oracleFolder + name)
	if os.IsNotExist(err) {
		t.Skipf("the conformance oracle %s is not here; the project's own tests do not need it", name)
	}
	require.NoError(t, err)
	defer file.Close()
	var reader io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		reader, err = gzip.NewReader(file)
		require.NoError(t, err)
	}
	data, err := io.ReadAll(reader)
	require.NoError(t, err)
	var cases []oracleCase
	if json.Unmarshal(data, &cases) != nil {
		var wrapped struct {
			Cases []oracleCase `json:"cases"`
		}
		require.NoError(t, json.Unmarshal(data, &wrapped))
		cases = wrapped.Cases
	}
	require.NotEmpty(t, cases)
	return cases
}

func TestVerdictsAgreeWithTheRecordedScheduler(t *testing.T) {
	for _, file := range []string{"kube-scheduler-1.37.2-filters.json", "fuzz-public.json.gz"} {
		t.Run(file, func(t *testing.T) {
			for _, oracle := range readOracle(t, file) {
				t.Run(oracle.ID, func(t *testing.T) { checkOracle(t, &oracle) })
			}
		})
	}
}

// withoutDefaultSpread is the configuration that the oracle was recorded with.
func withoutDefaultSpread(t *testing.T) *SchedulerConfig {
	config, err := ParseSchedulerConfig([]byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
  pluginConfig:
  - name: PodTopologySpread
    args: {apiVersion: kubescheduler.config.k8s.io/v1, kind: PodTopologySpreadArgs, defaultingType: List}
`))
	require.NoError(t, err)
	return config
}

func checkOracle(t *testing.T, oracle *oracleCase) {
	setOracleGates(t, oracle.Gates)
	config := withoutDefaultSpread(t)
	objects := Objects{Nodes: oracle.Nodes}
	for _, namespace := range oracle.Namespaces {
		objects.Namespaces = append(objects.Namespaces, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace.Name, Labels: namespace.Labels}})
	}
	pod := oracle.Pod.DeepCopy()
	pod.Spec.SchedulerName = v1.DefaultSchedulerName
	if pod.Name == "" {
		pod.Name = "incoming"
	}
	if pod.UID == "" {
		pod.UID = "incoming"
	}
	known := map[string]bool{}
	for _, node := range oracle.Nodes {
		known[node.Name] = true
	}
	objects.Pods = objects.Pods[:0]
	for i, existing := range oracle.ExistingPods {
		if !known[existing.Spec.NodeName] {
			continue
		}
		existing = existing.DeepCopy()
		if existing.UID == "" {
			existing.UID = syntheticUID("oracle", existing.Name, string(rune('a'+i)))
		}
		objects.Pods = append(objects.Pods, existing)
	}
	cluster, err := New(context.Background(), objects, config)
	require.NoError(t, err)
	probe, err := cluster.Probe(pod)
	require.NoError(t, err)
	cycle, err := cluster.Cycle(pod)
	require.NoError(t, err)

	fitting := []string{}
	for _, node := range cluster.NodeNames() {
		status := cycle.Filter(node)
		reasons := probe.Reasons(node)
		require.Equal(t, status.IsSuccess(), len(reasons) == 0, "on %s the framework says %v, single plugins %v", node, status, reasons)
		if oracle.Scope == "plugin" {
			// Only this plugin's verdict was recorded.
			if !slices.Contains(refusing(reasons), oracle.Plugin) {
				fitting = append(fitting, node)
			}
			continue
		}
		if status.IsSuccess() {
			fitting = append(fitting, node)
		} else if want, recorded := oracle.FailedPlugins[node]; recorded {
			require.ElementsMatch(t, want, refusing(reasons), "plugins that refuse %s", node)
		}
	}
	require.Equal(t, oracle.Fits, len(fitting) > 0, "fits")
	if oracle.CandidateNodes != nil {
		sort.Strings(fitting)
		require.ElementsMatch(t, oracle.CandidateNodes, fitting)
	}
}

func refusing(reasons []Reason) []string {
	plugins := make([]string, len(reasons))
	for i, reason := range reasons {
		plugins[i] = reason.Plugin
	}
	return plugins
}

func setOracleGates(t *testing.T, raw json.RawMessage) {
	if len(raw) == 0 {
		return
	}
	values := map[string]bool{}
	require.NoError(t, json.Unmarshal(raw, &values))
	if on, ok := values["NodeInclusionPolicyInPodTopologySpread"]; ok && !on {
		// The gate is locked on since 1.37; the case was recorded with the plugin's switch off.
		featuregatetesting.SetFeatureGateEmulationVersionDuringTest(t, utilfeature.DefaultFeatureGate, version.MustParse("1.32"))
	}
	for name, on := range values {
		featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, featuregate.Feature(name), on)
	}
}
