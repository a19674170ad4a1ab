package simulator

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// profile is one scheduler: its framework and the plugins in it.
type profile struct {
	name      string
	framework framework.Framework
	// filters names the Filter plugins in their order.
	filters []string
	// probes are the PreFilter and Filter plugins, to be asked one by one.
	probes []probePlugin
	// devices allocates ResourceClaims, nil when the profile disables it.
	devices fwk.ReservePlugin
}

func newProfile(c *Cluster, index int) (*profile, error) {
	config := &c.config.configuration.Profiles[index]
	registry, made := recordingRegistry(c.config.hostnameFastPath)
	fw, err := frameworkruntime.NewFramework(c.ctx, registry, config,
		frameworkruntime.WithSnapshotSharedLister(c.snapshot),
		frameworkruntime.WithInformerFactory(c.informers),
		frameworkruntime.WithSharedDRAManager(c.devices),
		frameworkruntime.WithSharedCSIManager(csiNodes{c}),
		frameworkruntime.WithPodNominator(c.nominator),
		frameworkruntime.WithPodGroupManager(c.snapshot.podGroups),
		frameworkruntime.WithMutableSnapshotLister(fixedSnapshot{c.snapshot}),
		// One worker: the planner's own parallelism is over clusters.
		frameworkruntime.WithParallelism(1),
		frameworkruntime.WithLogger(logr.Discard()),
	)
	if err != nil {
		return nil, fmt.Errorf("scheduler %s: %w", config.SchedulerName, err)
	}
	p := &profile{name: config.SchedulerName, framework: fw}
	listed := fw.ListPlugins()
	p.filters = pluginNames(listed.Filter.Enabled)
	p.probes = probePlugins(append(pluginNames(listed.PreFilter.Enabled), p.filters...), made)
	p.devices, _ = made[names.DynamicResources].(fwk.ReservePlugin)
	return p, nil
}

// recordingRegistry is kube-scheduler's registry; the plugins that a framework
// makes from it are found in the map.
func recordingRegistry(hostnameFastPath bool) (frameworkruntime.Registry, map[string]fwk.Plugin) {
	made := map[string]fwk.Plugin{}
	registry := plugins.NewInTreeRegistry()
	if hostnameFastPath {
		features := feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
		features.EnableInterPodAffinityHostnameFastPath = true
		registry[names.InterPodAffinity] = frameworkruntime.FactoryAdapter(features, interpodaffinity.New)
	}
	for name, factory := range registry {
		registry[name] = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			plugin, err := factory(ctx, args, handle)
			made[name] = plugin
			return plugin, err
		}
	}
	return registry, made
}

// profileOf is the profile that the pod's schedulerName names, nil if there is
// none.
func (c *Cluster) profileOf(pod *v1.Pod) *profile {
	if pod.Spec.SchedulerName == "" {
		return c.profiles[v1.DefaultSchedulerName]
	}
	return c.profiles[pod.Spec.SchedulerName]
}

func noProfile(pod *v1.Pod) error {
	return fmt.Errorf("pod %s/%s: no profile for scheduler %q", pod.Namespace, pod.Name, pod.Spec.SchedulerName)
}
