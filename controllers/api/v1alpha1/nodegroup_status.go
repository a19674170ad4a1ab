package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Condition types of a NodeGroup.
const (
	// NodeGroupReady: the group is valid at VPSie and all its machines are nodes.
	NodeGroupReady = "Ready"
	// NodeGroupScaling: machines are being bought or given back.
	NodeGroupScaling = "Scaling"
	// NodeGroupError: something keeps the group from doing its work; the message
	// names the identifier or the machine that is wrong.
	NodeGroupError = "Error"
	// NodeGroupAtMinCapacity: the group has minNodes machines or fewer.
	NodeGroupAtMinCapacity = "AtMinCapacity"
	// NodeGroupAtMaxCapacity: the group has maxNodes machines.
	NodeGroupAtMaxCapacity = "AtMaxCapacity"
	// NodeGroupValid: every identifier of the spec is known to VPSie. Unknown
	// while VPSie cannot be asked.
	NodeGroupValid = "Valid"
	// NodeGroupCannotDelete: VPSie refuses to delete machines (the account's
	// password is missing or wrong); nothing more is bought unless
	// scaleUpPolicy.buyWithoutDelete allows it.
	NodeGroupCannotDelete = "CannotDelete"
)

// NodeGroupStatus is what was observed of the group.
type NodeGroupStatus struct {
	// observedGeneration is the generation of the spec that the status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// desiredNodes is the number of VPSieNodes that are to stay.
	//
	// +optional
	DesiredNodes int32 `json:"desiredNodes"`

	// currentNodes is the number of machines that VPSie has for the group.
	//
	// +optional
	CurrentNodes int32 `json:"currentNodes"`

	// readyNodes is the number of ready Nodes.
	//
	// +optional
	ReadyNodes int32 `json:"readyNodes"`

	// pricePerHour is the sum over the current machines in dollars, such as "1.2345".
	//
	// +optional
	PricePerHour string `json:"pricePerHour,omitempty"`

	// nodes are the group's machines, by name; at most 500 are listed.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=500
	Nodes []NodeGroupNode `json:"nodes,omitempty"`

	// lastScaleTime is when a machine was last added or removed.
	//
	// +optional
	LastScaleTime *metav1.Time `json:"lastScaleTime,omitempty"`

	// lastScaleUpTime is when a machine was last added.
	//
	// +optional
	LastScaleUpTime *metav1.Time `json:"lastScaleUpTime,omitempty"`

	// lastScaleDownTime is when a machine was last removed.
	//
	// +optional
	LastScaleDownTime *metav1.Time `json:"lastScaleDownTime,omitempty"`

	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// NodeGroupNode is one machine of a group.
type NodeGroupNode struct {
	// name of the VPSieNode.
	Name string `json:"name"`
	// phase of the VPSieNode.
	//
	// +optional
	Phase VPSieNodePhase `json:"phase,omitempty"`
	// offering that it is.
	//
	// +optional
	Offering string `json:"offering,omitempty"`
	// datacenter that it is in.
	//
	// +optional
	Datacenter string `json:"datacenter,omitempty"`
}
