package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodeGroup says which machines may be bought for a cluster, how many, and
// what their nodes look like to pods.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=ng,categories=vpsie
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Min",type=integer,JSONPath=`.spec.minNodes`
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.spec.maxNodes`
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.status.desiredNodes`
// +kubebuilder:printcolumn:name="Current",type=integer,JSONPath=`.status.currentNodes`
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.readyNodes`
// +kubebuilder:printcolumn:name="$/h",type=string,JSONPath=`.status.pricePerHour`
// +kubebuilder:printcolumn:name="Paused",type=boolean,JSONPath=`.spec.paused`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Datacenters",type=string,priority=1,JSONPath=`.spec.datacenterIDs`
// +kubebuilder:printcolumn:name="Bootstrap",type=string,priority=1,JSONPath=`.spec.bootstrap.mode`
// +kubebuilder:printcolumn:name="Offerings",type=string,priority=1,JSONPath=`.spec.offeringIDs`
// +kubebuilder:printcolumn:name="Preferred",type=string,priority=1,JSONPath=`.spec.preferredInstanceType`
// +kubebuilder:printcolumn:name="Priority",type=integer,priority=1,JSONPath=`.spec.priority`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$')",fieldPath=".metadata",message="name must be a DNS label of at most 50 characters: it is part of every machine's hostname"
type NodeGroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec NodeGroupSpec `json:"spec"`
	// +optional
	Status NodeGroupStatus `json:"status,omitzero"`
}

// NodeGroupSpec is what a user wants of a NodeGroup.
//
// +kubebuilder:validation:XValidation:rule="self.minNodes <= self.maxNodes",fieldPath=".minNodes",message="minNodes must not exceed maxNodes"
// +kubebuilder:validation:XValidation:rule="!has(self.preferredInstanceType) || !has(self.offeringIDs) || size(self.offeringIDs) == 0 || self.preferredInstanceType in self.offeringIDs",fieldPath=".preferredInstanceType",message="preferredInstanceType must be one of offeringIDs"
// +kubebuilder:validation:XValidation:rule="self.allowMixedInstances || has(self.preferredInstanceType) || (has(self.offeringIDs) && size(self.offeringIDs) == 1)",fieldPath=".allowMixedInstances",message="allowMixedInstances: false needs preferredInstanceType or exactly one entry in offeringIDs"
// +kubebuilder:validation:XValidation:rule="!has(self.startupTaints) || !has(self.taints) || !self.startupTaints.exists(s, self.taints.exists(t, t.key == s.key && t.effect == s.effect))",fieldPath=".startupTaints",message="a taint (key and effect) may be in taints or in startupTaints, not in both"
// +kubebuilder:validation:XValidation:rule="self.bootstrap.mode != 'script' || has(self.bootstrap.template)",fieldPath=".bootstrap.template",message="mode script needs a template: the script that joins the machine"
// +kubebuilder:validation:XValidation:rule="self.bootstrap.mode != 'managed' || has(self.bootstrap.clusterID)",fieldPath=".bootstrap.clusterID",message="mode managed needs clusterID: the managed cluster that gets the machines"
// +kubebuilder:validation:XValidation:rule="self.bootstrap.mode == 'managed' || !has(self.bootstrap.clusterID)",fieldPath=".bootstrap.clusterID",message="only mode managed takes a clusterID"
// +kubebuilder:validation:XValidation:rule="self.bootstrap.mode != 'managed' || !has(self.bootstrap.template)",fieldPath=".bootstrap.template",message="a managed group takes no template: VPSie joins its machines"
// +kubebuilder:validation:XValidation:rule="!has(self.vpcID) || (has(self.datacenterIDs) && size(self.datacenterIDs) == 1)",fieldPath=".vpcID",message="a VPC lies in one datacenter: datacenterIDs must have exactly one entry"
// +kubebuilder:validation:XValidation:rule="self.bootstrap.mode != 'managed' || !has(self.startupTaints) || size(self.startupTaints) == 0",fieldPath=".startupTaints",message="a managed group has no startupTaints: VPSie joins its machines without taints, so none can be there from registration"
type NodeGroupSpec struct {
	// minNodes is the number of nodes that the group has at least, needed or not.
	//
	// +optional
	// +default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=15000
	MinNodes int32 `json:"minNodes"`

	// maxNodes is the number of nodes that the group has at most, those of
	// today included.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=15000
	MaxNodes int32 `json:"maxNodes"`

	// datacenterIDs are the VPSie datacenters where machines may be bought; each
	// is a zone (topology.kubernetes.io/zone) to pods. Empty means every
	// datacenter that sells a suitable offering.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	DatacenterIDs []string `json:"datacenterIDs,omitempty"`

	// offeringIDs are the offerings that may be bought, by the catalogue's name
	// or by VPSie's identifier. Empty means every offering that fits requirements.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	OfferingIDs []string `json:"offeringIDs,omitempty"`

	// requirements narrow the offerings down by their labels and resources; an
	// offering must meet all of them, named in offeringIDs or not.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=30
	Requirements []Requirement `json:"requirements,omitempty"`

	// preferredInstanceType is the offering to buy wherever it can host the pods.
	// Others are bought only for pods that it cannot host, or where it is sold out.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	PreferredInstanceType string `json:"preferredInstanceType,omitempty"`

	// allowMixedInstances says whether the group may hold machines of several
	// offerings. If false, only preferredInstanceType, or else the only entry of
	// offeringIDs, is ever bought. Nil means true.
	//
	// +optional
	// +default=true
	AllowMixedInstances *bool `json:"allowMixedInstances,omitempty"`

	// labels are put on every node of the group, beside the standard ones.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=50
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a label's key must be a qualified name, such as team or example.com/team"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !(k in ['region', 'kubernetes.io/hostname', 'kubernetes.io/os', 'kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/arch', 'node.kubernetes.io/instance-type', 'beta.kubernetes.io/instance-type', 'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region', 'node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']) && !k.startsWith('autoscaler.vpsie.com/'))",message="hostname, os, arch, instance type, zone, region, control plane and autoscaler.vpsie.com/ labels follow from the machine and cannot be chosen"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// taints are put on every node of the group and stay; pods need a
	// toleration for each.
	//
	// +optional
	// +listType=map
	// +listMapKey=key
	// +listMapKey=effect
	// +kubebuilder:validation:MaxItems=20
	Taints []Taint `json:"taints,omitempty"`

	// startupTaints are on every node of the group from registration on, and
	// something else (a CNI, a device plugin) removes them when the node is
	// ready. Pods need no toleration for them.
	//
	// +optional
	// +listType=map
	// +listMapKey=key
	// +listMapKey=effect
	// +kubebuilder:validation:MaxItems=20
	StartupTaints []Taint `json:"startupTaints,omitempty"`

	// limits are caps over the sum of the group's machines, those of today included.
	//
	// +optional
	Limits *Limits `json:"limits,omitempty"`

	// priority breaks ties: of plans of equal price and equal node count, the
	// one with machines of the higher priority is chosen.
	//
	// +optional
	// +default=0
	// +kubebuilder:validation:Minimum=-1000
	// +kubebuilder:validation:Maximum=1000
	Priority int32 `json:"priority,omitempty"`

	// paused stops buying: the group gets no new machine, not even for minNodes.
	//
	// +optional
	// +default=false
	Paused bool `json:"paused,omitempty"`

	// bootstrap says how machines become nodes.
	//
	// +optional
	// +default={}
	Bootstrap Bootstrap `json:"bootstrap,omitzero"`

	// osImageID is VPSie's identifier of the operating system image that machines
	// start from. The controller buys nothing for a kubeadm or script group
	// without it; the CLI plans without it.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	OSImageID string `json:"osImageID,omitempty"`

	// kubernetesVersion is handed to the bootstrap template, which installs it.
	// Empty stands for the version of the API server.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^v?1\.[0-9]{1,3}(\.[0-9]{1,3})?$`
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`

	// sshKeyIDs are VPSie's identifiers of the keys that may log in to the machines.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	SSHKeyIDs []string `json:"sshKeyIDs,omitempty"`

	// project is the identifier of the VPSie project that machines are bought
	// in. Empty stands for the account's default project.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Project string `json:"project,omitempty"`

	// vpcID is the number of the VPC that machines are attached to before they
	// join. A VPC lies in one datacenter, so datacenterIDs must have exactly one entry.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	VPCID int64 `json:"vpcID,omitempty"`

	// tags are put on every machine at VPSie.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Tags []string `json:"tags,omitempty"`

	// notes are put on every machine at VPSie, after the autoscaler's own mark.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Notes string `json:"notes,omitempty"`

	// scaleUpPolicy says how eagerly the group buys.
	//
	// +optional
	// +default={}
	ScaleUpPolicy ScaleUpPolicy `json:"scaleUpPolicy,omitzero"`

	// headroom is spare room that the group keeps free beside what pods need.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Headroom []Headroom `json:"headroom,omitempty"`
}

// ScaleUpPolicy says how eagerly a group buys.
type ScaleUpPolicy struct {
	// stabilizationWindow is how long a pod must have been unschedulable before
	// the group buys for it.
	//
	// +optional
	// +default="0s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,5})?(ms|s|m|h))+$') && duration(self) <= duration('1h')",message="must be a duration between 0s and 1h, such as 90s"
	StabilizationWindow *metav1.Duration `json:"stabilizationWindow,omitempty"`

	// cooldown is how long the group buys nothing after it has bought.
	//
	// +optional
	// +default="0s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}([.][0-9]{1,5})?(ms|s|m|h))+$') && duration(self) <= duration('24h')",message="must be a duration between 0s and 24h, such as 90s"
	Cooldown *metav1.Duration `json:"cooldown,omitempty"`

	// buyWithoutDelete lets the group buy while VPSie refuses to delete its
	// machines (condition CannotDelete): each one bought may have to be given
	// back by hand, and is paid for until then.
	//
	// +optional
	// +default=false
	BuyWithoutDelete bool `json:"buyWithoutDelete,omitempty"`
}

// The rules on headroom are cheaper than those on limits (no pattern, no exa),
// because the API server multiplies their estimated cost by the list's length.

// Headroom is spare room for copies of one pod: replicas times cpu and memory,
// each replica on one machine, none of them ever started.
type Headroom struct {
	// replicas is how many copies must find room.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Replicas int32 `json:"replicas"`

	// cpu in cores, of each copy.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self > 0 : !self.contains('e') && !self.contains('E') && isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",message="must be a quantity greater than zero, such as 12.5, 500m or 64Gi"
	CPU resource.Quantity `json:"cpu"`

	// memory in bytes, of each copy.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self > 0 : !self.contains('e') && !self.contains('E') && isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",message="must be a quantity greater than zero, such as 12.5, 500m or 64Gi"
	Memory resource.Quantity `json:"memory"`
}

// LabelValue is the value of a node label.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
type LabelValue string

// NodeLabels is a copy of Labels as they stand on a node; never nil.
func (s *NodeGroupSpec) NodeLabels() map[string]string {
	labels := make(map[string]string, len(s.Labels))
	for key, value := range s.Labels {
		labels[key] = string(value)
	}
	return labels
}

// Requirement is one condition on an offering. The key is a resource that the
// offering sells (cpu, memory, ephemeral-storage, pods, nvidia.com/gpu) or else
// a label of the nodes that it makes.
//
// +kubebuilder:validation:XValidation:rule="!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",fieldPath=".values",message="In and NotIn need at least one value"
// +kubebuilder:validation:XValidation:rule="!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0",fieldPath=".values",message="Exists and DoesNotExist take no values"
// +kubebuilder:validation:XValidation:rule="!(self.operator in ['Gt', 'Lt']) || (has(self.values) && size(self.values) == 1 && self.values[0].matches('^-?[0-9.]{1,20}([KMGTPE]i|[mkMGTPE])?$') && isQuantity(self.values[0]))",fieldPath=".values",message="Gt and Lt need exactly one value, a number or a quantity such as 16Gi"
type Requirement struct {
	// key is a label key or a resource name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self != 'kubernetes.io/hostname'",message="a requirement selects offerings, which have no hostname"
	Key string `json:"key"`

	// operator is the key's relation to values. Gt and Lt are strict, and
	// compare quantities.
	//
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist;Gt;Lt
	Operator corev1.NodeSelectorOperator `json:"operator"`

	// values: one or more for In and NotIn, none for Exists and DoesNotExist,
	// exactly one for Gt and Lt.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=63
	Values []string `json:"values,omitempty"`
}

// Taint is a taint of a node.
type Taint struct {
	// key is the taint's name. Those of Kubernetes' own node conditions and of
	// this autoscaler cannot be chosen: their owners add and remove them.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('node.kubernetes.io/') && !self.startsWith('autoscaler.vpsie.com/')",message="taints in node.kubernetes.io/ and autoscaler.vpsie.com/ are set and removed by their owners"
	Key string `json:"key"`

	// value is what a toleration with operator Equal compares with.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
	Value string `json:"value,omitempty"`

	// effect is what happens to pods that do not tolerate the taint.
	//
	// +required
	// +kubebuilder:validation:Enum=NoSchedule;PreferNoSchedule;NoExecute
	Effect corev1.TaintEffect `json:"effect"`
}

// CoreV1 is the taint as it stands on a node.
func (t Taint) CoreV1() corev1.Taint {
	return corev1.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect}
}

// The rules on quantities refuse exponents before they ask for a quantity's
// value: the library writes 1e99999999 out in full, which takes minutes.

// Limits caps the sum over a group's machines. What is counted is what is
// sold, before the system's reservation. Nil means no cap.
type Limits struct {
	// cpu in cores.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self > 0 : self.matches('^[0-9.]{1,20}([KMGTPE]i|[mkMGTPE])?$') && isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",message="must be a quantity greater than zero, such as 12.5, 500m or 64Gi"
	CPU *resource.Quantity `json:"cpu,omitempty"`

	// memory in bytes.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self > 0 : self.matches('^[0-9.]{1,20}([KMGTPE]i|[mkMGTPE])?$') && isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",message="must be a quantity greater than zero, such as 12.5, 500m or 64Gi"
	Memory *resource.Quantity `json:"memory,omitempty"`

	// pricePerHour in dollars. A fraction is written in quotes: "12.50".
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self > 0 : self.matches('^[0-9.]{1,20}([KMGTPE]i|[mkMGTPE])?$') && isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",message="must be a quantity greater than zero, such as 12.5, 500m or 64Gi"
	PricePerHour *resource.Quantity `json:"pricePerHour,omitempty"`
}

// BootstrapMode names a way in which a machine becomes a node.
//
// +kubebuilder:validation:Enum=kubeadm;managed;script
type BootstrapMode string

const (
	// BootstrapKubeadm joins with kubeadm, with the startup taints from
	// registration on, so that a plan's placement can be held.
	BootstrapKubeadm BootstrapMode = "kubeadm"
	// BootstrapManaged leaves joining to VPSie's managed Kubernetes. It sets no
	// taints, so pods may land elsewhere than planned.
	BootstrapManaged BootstrapMode = "managed"
	// BootstrapScript joins with a script of the user's, which registers the
	// node with the startup taints it is given.
	BootstrapScript BootstrapMode = "script"
)

// Bootstrap says how machines become nodes.
type Bootstrap struct {
	// mode is kubeadm, managed (VPSie's managed Kubernetes joins the machine,
	// without taints: a plan's placement is not held) or script.
	//
	// +optional
	// +default="kubeadm"
	Mode BootstrapMode `json:"mode,omitempty"`

	// template is the ConfigMap key, in the autoscaler's namespace, with the
	// user data (kubeadm) or the script (script) of a machine. Nil stands for the
	// autoscaler's own kubeadm user data.
	//
	// +optional
	Template *TemplateReference `json:"template,omitempty"`

	// clusterID is the identifier of VPSie's managed cluster, for mode managed.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	ClusterID string `json:"clusterID,omitempty"`
}

// TemplateReference names one key of a ConfigMap.
type TemplateReference struct {
	// configMap is its name, in the autoscaler's namespace.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	ConfigMap string `json:"configMap"`

	// key in the ConfigMap's data.
	//
	// +optional
	// +default="user-data"
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key,omitempty"`
}

// NodeGroupList is a list of NodeGroups.
//
// +kubebuilder:object:root=true
type NodeGroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodeGroup `json:"items"`
}
