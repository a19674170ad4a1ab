package binpack

import (
	"errors"
	"fmt"
	"maps"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings"
	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

const (
	// OpenNodeGroup is the group that stands in when no NodeGroup is given.
	OpenNodeGroup = "open"

	// CSIDriver attaches at most csiVolumes volumes to a VPSie machine and
	// places them by csiTopologyKey, whose value is the datacenter's identifier.
	CSIDriver      = "vpsie.csi.vpsie.com"
	csiVolumes     = 7
	csiTopologyKey = "region"
)

// Template is a machine that can be bought: an offering in a datacenter for a
// NodeGroup.
type Template struct {
	// Name is "offering/nodegroup/datacenter".
	Name       string
	Offering   *offerings.Offering
	NodeGroup  *v1alpha1.NodeGroup
	Datacenter offerings.Datacenter
	daemonSets []*appsv1.DaemonSet
}

// NewTemplate is the machine that an offering makes for a NodeGroup in a
// datacenter, whether it may be bought or not.
func NewTemplate(offering *offerings.Offering, group *v1alpha1.NodeGroup, datacenter offerings.Datacenter, daemonSets []*appsv1.DaemonSet) *Template {
	return &Template{
		Name:       strings.Join([]string{offering.Name, group.Name, datacenter.ID}, "/"),
		Offering:   offering,
		NodeGroup:  group,
		Datacenter: datacenter,
		daemonSets: daemonSets,
	}
}

// Templates lists what can be bought now, ordered by name: every offering that
// a NodeGroup admits, in every datacenter of the group where it is available.
// A paused group has none. Without NodeGroups there is one open group.
func Templates(catalog *offerings.Catalog, groups []*v1alpha1.NodeGroup, daemonSets []*appsv1.DaemonSet) ([]*Template, error) {
	if len(groups) == 0 {
		groups = []*v1alpha1.NodeGroup{openGroup()}
	}
	var templates []*Template
	for _, group := range groups {
		if err := CheckNames(catalog, group); err != nil {
			return nil, err
		}
		if group.Spec.Paused {
			continue
		}
		for i := range catalog.Offerings {
			offering := &catalog.Offerings[i]
			for _, datacenter := range catalog.Datacenters {
				t := NewTemplate(offering, group, datacenter, daemonSets)
				if offering.AvailableIn(datacenter.ID) && t.admitted() {
					templates = append(templates, t)
				}
			}
		}
	}
	sort.Slice(templates, func(i, j int) bool { return templates[i].Name < templates[j].Name })
	return templates, nil
}

// openGroup admits every offering, without limits.
func openGroup() *v1alpha1.NodeGroup {
	return &v1alpha1.NodeGroup{
		ObjectMeta: metav1.ObjectMeta{Name: OpenNodeGroup},
		Spec:       v1alpha1.NodeGroupSpec{MaxNodes: 1 << 30, Bootstrap: v1alpha1.Bootstrap{Mode: v1alpha1.BootstrapKubeadm}},
	}
}

// CheckNames reports the offerings and datacenters that a group names and the
// catalogue lacks: a misspelt one would silently buy nothing.
func CheckNames(catalog *offerings.Catalog, group *v1alpha1.NodeGroup) error {
	names := group.Spec.OfferingIDs
	if group.Spec.PreferredInstanceType != "" {
		names = append(names[:len(names):len(names)], group.Spec.PreferredInstanceType)
	}
	for _, name := range names {
		if _, err := catalog.Lookup(name); err != nil {
			return fmt.Errorf("NodeGroup %s: %w", group.Name, err)
		}
	}
	for _, id := range group.Spec.DatacenterIDs {
		if catalog.Datacenter(id) == nil {
			return fmt.Errorf("NodeGroup %s: datacenter %q is not in the catalogue", group.Name, id)
		}
	}
	return nil
}

// admitted says whether the NodeGroup takes the template's offering here.
func (t *Template) admitted() bool {
	spec := &t.NodeGroup.Spec
	if len(spec.DatacenterIDs) > 0 && !contains(spec.DatacenterIDs, t.Datacenter.ID) {
		return false
	}
	if len(spec.OfferingIDs) > 0 && !t.isNamed(spec.OfferingIDs...) {
		return false
	}
	if spec.AllowMixedInstances != nil && !*spec.AllowMixedInstances {
		if spec.PreferredInstanceType != "" && !t.preferred() {
			return false
		}
	}
	labels := t.labels("")
	sold := ResourceList(&t.Offering.Capacity)
	for _, requirement := range spec.Requirements {
		if !requirement.Matches(sold, labels) {
			return false
		}
	}
	return true
}

func (t *Template) isNamed(names ...string) bool {
	return contains(names, t.Offering.Name) || contains(names, t.Offering.Identifier)
}

// preferred says that the NodeGroup prefers the template's offering.
func (t *Template) preferred() bool {
	return t.NodeGroup.Spec.PreferredInstanceType != "" && t.isNamed(t.NodeGroup.Spec.PreferredInstanceType)
}

func contains(list []string, item string) bool {
	for _, entry := range list {
		if entry == item {
			return true
		}
	}
	return false
}

// labels are those of the Node that a machine named hostname will be.
func (t *Template) labels(hostname string) map[string]string {
	labels := map[string]string{
		v1.LabelOSStable:   "linux",
		v1.LabelArchStable: "amd64",
	}
	maps.Copy(labels, t.Offering.Labels)
	maps.Copy(labels, t.NodeGroup.Spec.NodeLabels())
	labels[v1.LabelInstanceTypeStable] = t.Offering.Name
	labels[v1.LabelTopologyZone] = t.Datacenter.ID
	if t.Datacenter.Region != "" {
		labels[v1.LabelTopologyRegion] = t.Datacenter.Region
	}
	labels[csiTopologyKey] = t.Datacenter.ID
	// The kubelet of 1.37 still sets the beta labels of os and arch.
	labels["beta.kubernetes.io/os"] = labels[v1.LabelOSStable]
	labels["beta.kubernetes.io/arch"] = labels[v1.LabelArchStable]
	labels[v1alpha1.NodeGroupLabel] = t.NodeGroup.Name
	if hostname != "" {
		labels[v1.LabelHostname] = hostname
	}
	return labels
}

// Node is the template as a node of that name once its startup taints are
// gone, with its attach limits, its devices and its DaemonSet pods.
func (t *Template) Node(name string) simulator.NodeSpec {
	taints := make([]v1.Taint, 0, len(t.NodeGroup.Spec.Taints))
	for _, taint := range t.NodeGroup.Spec.Taints {
		taints = append(taints, taint.CoreV1())
	}
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: t.labels(name)},
		Spec:       v1.NodeSpec{Taints: taints},
		Status: v1.NodeStatus{
			Capacity:    ResourceList(&t.Offering.Capacity),
			Allocatable: ResourceList(&t.Offering.Allocatable),
			Conditions:  []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady"}},
		},
	}
	return simulator.NodeSpec{
		Node:           node,
		CSINode:        simulator.AttachLimit(name, CSIDriver, csiVolumes, csiTopologyKey),
		ResourceSlices: t.devices(name),
		Pods:           simulator.DaemonPods(node, t.daemonSets),
	}
}

// devices publishes each extended resource of the offering as devices of a DRA
// driver named after the resource's domain, as vendors' drivers do
// (gpu.nvidia.com for nvidia.com/gpu).
func (t *Template) devices(node string) []*resourcev1.ResourceSlice {
	var slices []*resourcev1.ResourceSlice
	for _, name := range sortedKeys(t.Offering.Allocatable.Extended) {
		domain, kind, ok := strings.Cut(name, "/")
		if !ok {
			continue
		}
		driver := kind + "." + domain
		slice := &resourcev1.ResourceSlice{
			ObjectMeta: metav1.ObjectMeta{Name: node + "-" + driver},
			Spec: resourcev1.ResourceSliceSpec{
				Driver:   driver,
				NodeName: &node,
				Pool:     resourcev1.ResourcePool{Name: node, Generation: 1, ResourceSliceCount: 1},
			},
		}
		for i := range t.Offering.Allocatable.Extended[name] {
			slice.Spec.Devices = append(slice.Spec.Devices, resourcev1.Device{Name: fmt.Sprintf("%s-%d", kind, i)})
		}
		slices = append(slices, slice)
	}
	return slices
}

// ResourceList is what an offering has as a Node states it.
func ResourceList(r *offerings.Resources) v1.ResourceList {
	list := v1.ResourceList{
		v1.ResourceCPU:              *resource.NewMilliQuantity(r.MilliCPU, resource.DecimalSI),
		v1.ResourceMemory:           *resource.NewQuantity(r.MemoryBytes, resource.BinarySI),
		v1.ResourceEphemeralStorage: *resource.NewQuantity(r.EphemeralBytes, resource.BinarySI),
		v1.ResourcePods:             *resource.NewQuantity(r.MaxPods, resource.DecimalSI),
	}
	for name, count := range r.Extended {
		list[v1.ResourceName(name)] = *resource.NewQuantity(count, resource.DecimalSI)
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

var errNoCatalog = errors.New("no offerings: give a catalogue")
