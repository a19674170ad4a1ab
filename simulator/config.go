package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	kubeschedulerv1 "k8s.io/kube-scheduler/config/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
)

// SchedulerConfig is how the cluster's kube-scheduler is set up.
type SchedulerConfig struct {
	configuration *schedulerconfig.KubeSchedulerConfiguration
	// hostnameFastPath is how Clusters work, not how the scheduler is set up.
	hostnameFastPath bool
}

// WithHostnameFastPath returns the same configuration for Clusters that judge
// (anti-)affinity terms over kubernetes.io/hostname on the candidate node alone,
// by the code that kube-scheduler keeps behind its alpha gate
// InterPodAffinityHostnameFastPath. PreFilter then costs such pods next to
// nothing where it walked every node before.
//
// Filter's verdicts stay the same as long as every node has a hostname label of
// its own. Two things differ: Coupled is true of every pod once some placed pod
// has such an anti-affinity, and FilterNominated refuses a pod that nominated
// pods alone object to, which kube-scheduler overlooks when no placed pod does.
func (c *SchedulerConfig) WithHostnameFastPath() *SchedulerConfig {
	return &SchedulerConfig{configuration: c.configuration, hostnameFastPath: true}
}

// UniqueHostnames says that every node has a hostname label of its own, which
// WithHostnameFastPath asks for.
func UniqueHostnames(nodes []*v1.Node) bool {
	seen := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		name, labelled := node.Labels[v1.LabelHostname]
		if !labelled || seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

// DefaultSchedulerConfig is the configuration of a kube-scheduler started
// without a configuration file.
func DefaultSchedulerConfig() (*SchedulerConfig, error) {
	configuration, err := latest.Default()
	if err != nil {
		return nil, fmt.Errorf("default scheduler configuration: %w", err)
	}
	return &SchedulerConfig{configuration: configuration}, nil
}

// LoadSchedulerConfig reads a KubeSchedulerConfiguration file as kube-scheduler
// reads it: strictly, with defaults, and validated. Extenders are calls to
// other programs and cannot be simulated: one that is not ignorable is an error.
func LoadSchedulerConfig(path string) (*SchedulerConfig, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("scheduler configuration: %w", err)
	}
	config, err := ParseSchedulerConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

// ParseSchedulerConfig is LoadSchedulerConfig on bytes.
func ParseSchedulerConfig(data []byte) (*SchedulerConfig, error) {
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, errors.New("the file is empty, want a KubeSchedulerConfiguration")
	}
	object, _, err := scheme.Codecs.UniversalDecoder().Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	configuration, ok := object.(*schedulerconfig.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("kind is %T, want KubeSchedulerConfiguration", object)
	}
	configuration.APIVersion = kubeschedulerv1.SchemeGroupVersion.String()
	if err := validation.ValidateKubeSchedulerConfiguration(configuration); err != nil {
		return nil, err
	}
	for i, extender := range configuration.Extenders {
		if !extender.Ignorable {
			return nil, fmt.Errorf("extenders[%d]: %s: an extender cannot be simulated; set ignorable: true when the plan may leave it out", i, extender.URLPrefix)
		}
	}
	known := plugins.NewInTreeRegistry()
	for _, profile := range configuration.Profiles {
		if profile.Plugins == nil {
			continue
		}
		// Names leaves multiPoint out.
		for _, name := range append(profile.Plugins.Names(), pluginNames(profile.Plugins.MultiPoint.Enabled)...) {
			if _, ok := known[name]; !ok {
				return nil, fmt.Errorf("profile %s: plugin %q is not one of kube-scheduler's own and cannot be simulated", profile.SchedulerName, name)
			}
		}
	}
	return &SchedulerConfig{configuration: configuration}, nil
}

// SchedulerNames lists the profiles' scheduler names in the file's order.
func (c *SchedulerConfig) SchedulerNames() []string {
	names := make([]string, 0, len(c.configuration.Profiles))
	for _, profile := range c.configuration.Profiles {
		names = append(names, profile.SchedulerName)
	}
	return names
}

// Hash is the SHA-256 (hex) of the configuration with its defaults filled in.
func (c *SchedulerConfig) Hash() (string, error) {
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	if !ok {
		return "", errors.New("scheduler configuration: no JSON serializer")
	}
	data, err := runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, kubeschedulerv1.SchemeGroupVersion), c.configuration)
	if err != nil {
		return "", fmt.Errorf("scheduler configuration: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

var gates struct {
	sync.Mutex
	applied map[string]bool
}

// SetFeatureGates mirrors the cluster's --feature-gates. The gates of
// kube-scheduler's code are global to the process, so they are set once, before
// the first Cluster; setting the same gates again does nothing.
func SetFeatureGates(values map[string]bool) error {
	gates.Lock()
	defer gates.Unlock()
	changed := make(map[string]bool, len(values))
	for name, value := range values {
		if previous, ok := gates.applied[name]; !ok || previous != value {
			changed[name] = value
		}
	}
	if len(changed) == 0 {
		return nil
	}
	// Tried on a copy: a refused gate leaves traces that make the next call fail.
	for _, gate := range []featuregate.MutableFeatureGate{
		utilfeature.DefaultMutableFeatureGate.DeepCopy(), utilfeature.DefaultMutableFeatureGate,
	} {
		if err := gate.SetFromMap(changed); err != nil {
			return fmt.Errorf("feature gates: %w", err)
		}
	}
	if gates.applied == nil {
		gates.applied = map[string]bool{}
	}
	for name, value := range changed {
		gates.applied[name] = value
	}
	return nil
}

// ParseFeatureGates reads "Name=true,Other=false".
func ParseFeatureGates(text string) (map[string]bool, error) {
	values := map[string]bool{}
	for _, pair := range strings.Split(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		if !ok || (value != "true" && value != "false") || name == "" {
			return nil, fmt.Errorf("feature gate %q: want Name=true or Name=false", pair)
		}
		values[name] = value == "true"
	}
	return values, nil
}

// FormatFeatureGates is the sorted inverse of ParseFeatureGates.
func FormatFeatureGates(values map[string]bool) []string {
	pairs := make([]string, 0, len(values))
	for name, value := range values {
		pairs = append(pairs, fmt.Sprintf("%s=%t", name, value))
	}
	sort.Strings(pairs)
	return slices.Clip(pairs)
}
