package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VPSieNode is one machine: written down before it is bought, and the record
// from which everything about it continues after a restart.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=vn,categories=vpsie
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="NodeGroup",type=string,JSONPath=`.spec.nodeGroup`
// +kubebuilder:printcolumn:name="Offering",type=string,JSONPath=`.spec.offering`
// +kubebuilder:printcolumn:name="Datacenter",type=string,JSONPath=`.spec.datacenter`
// +kubebuilder:printcolumn:name="Why",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="VPS",type=string,priority=1,JSONPath=`.status.vpsID`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
// +kubebuilder:printcolumn:name="Hostname",type=string,priority=1,JSONPath=`.spec.hostname`
// +kubebuilder:printcolumn:name="Plan",type=string,priority=1,JSONPath=`.spec.planID`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type VPSieNode struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec VPSieNodeSpec `json:"spec"`
	// +optional
	Status VPSieNodeStatus `json:"status,omitzero"`
}

// VPSieNodeSpec says what was decided about the machine. Only pods may change: a
// different machine is a different VPSieNode.
//
// +kubebuilder:validation:XValidation:rule="self.nodeGroup == oldSelf.nodeGroup && self.offering == oldSelf.offering && self.datacenter == oldSelf.datacenter && self.hostname == oldSelf.hostname && self.planID == oldSelf.planID",message="a VPSieNode is one machine: of its spec only pods can change"
// +kubebuilder:validation:XValidation:rule="has(self.offeringID) == has(oldSelf.offeringID) && (!has(self.offeringID) || self.offeringID == oldSelf.offeringID) && has(self.pricePerHour) == has(oldSelf.pricePerHour) && (!has(self.pricePerHour) || self.pricePerHour == oldSelf.pricePerHour) && has(self.reason) == has(oldSelf.reason) && (!has(self.reason) || self.reason == oldSelf.reason)",message="a VPSieNode is one machine: of its spec only pods can change"
// +kubebuilder:validation:XValidation:rule="self.hostname.startsWith('vpsie-' + self.nodeGroup + '-')",fieldPath=".hostname",message="hostname must be vpsie-<nodeGroup>-<suffix>"
type VPSieNodeSpec struct {
	// nodeGroup is the name of the NodeGroup that the machine belongs to.
	//
	// +required
	// +kubebuilder:validation:MaxLength=50
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	NodeGroup string `json:"nodeGroup"`

	// offering is the name of the offering to buy.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Offering string `json:"offering"`

	// datacenter is the VPSie datacenter to buy it in.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Datacenter string `json:"datacenter"`

	// hostname of the machine and name of its Node. VPSie's API returns no ID on
	// creation, so the hostname is the key by which the machine is found again.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Hostname string `json:"hostname"`

	// planID is the metadata.id of the plan that asked for the machine.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	PlanID string `json:"planID"`

	// reason says in a few words why the plan asked for the machine.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`

	// offeringID is VPSie's identifier of the offering, what is ordered.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	OfferingID string `json:"offeringID,omitempty"`

	// pricePerHour in dollars when the machine was planned, such as "0.0350".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[0-9]+(\.[0-9]+)?$`
	PricePerHour string `json:"pricePerHour,omitempty"`

	// allocatable is what the plan counted on. Until the machine is a ready node
	// it counts as this much room, whatever has become of the offering since.
	//
	// +optional
	Allocatable corev1.ResourceList `json:"allocatable,omitempty"`

	// pods are the pods ("namespace/name") that the latest plan puts on the
	// machine. They are nominated to it when it joins.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=317
	Pods []string `json:"pods,omitempty"`
}

// VPSieNodePhase is where a machine stands in its life.
//
// +kubebuilder:validation:Enum=Pending;Provisioning;Provisioned;Joining;Ready;Terminating;Deleting;Failed
type VPSieNodePhase string

const (
	// PhasePending: written down, nothing asked of VPSie yet.
	PhasePending VPSieNodePhase = "Pending"
	// PhaseProvisioning: asked of VPSie, the machine does not run yet.
	PhaseProvisioning VPSieNodePhase = "Provisioning"
	// PhaseProvisioned: the machine runs.
	PhaseProvisioned VPSieNodePhase = "Provisioned"
	// PhaseJoining: the Node object exists and is not ready yet.
	PhaseJoining VPSieNodePhase = "Joining"
	// PhaseReady: the Node is ready and takes pods.
	PhaseReady VPSieNodePhase = "Ready"
	// PhaseTerminating: pods are being evicted.
	PhaseTerminating VPSieNodePhase = "Terminating"
	// PhaseDeleting: the machine is being given back.
	PhaseDeleting VPSieNodePhase = "Deleting"
	// PhaseFailed: the machine did not get to where it should.
	PhaseFailed VPSieNodePhase = "Failed"
)

// VPSieNodeList is a list of VPSieNodes.
//
// +kubebuilder:object:root=true
type VPSieNodeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VPSieNode `json:"items"`
}
