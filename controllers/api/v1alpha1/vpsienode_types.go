package v1alpha1

import (
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

// VPSieNodeSpec says what was decided about the machine. It never changes: a
// different machine is a different VPSieNode.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a VPSieNode is one machine: its spec cannot change"
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

// VPSieNodeStatus is what was observed of the machine.
type VPSieNodeStatus struct {
	// phase is where the machine stands in its life. Empty means Pending.
	//
	// +optional
	Phase VPSieNodePhase `json:"phase,omitempty"`
}

// VPSieNodeList is a list of VPSieNodes.
//
// +kubebuilder:object:root=true
type VPSieNodeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VPSieNode `json:"items"`
}
