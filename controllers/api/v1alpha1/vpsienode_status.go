package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Condition types of a VPSieNode.
const (
	// VPSReady: VPSie shows the machine as running.
	VPSReady = "VPSReady"
	// NodeJoined: the machine registered its Node.
	NodeJoined = "NodeJoined"
	// NodeReady: the Node is ready, carries everything it should and takes pods.
	NodeReady = "NodeReady"
	// VPSieNodeError: the last step failed; the message says how.
	VPSieNodeError = "Error"
	// CannotDelete: VPSie refuses to delete the machine, which is still paid for.
	CannotDelete = "CannotDelete"
)

// Reasons of a Failed VPSieNode that others act on.
const (
	// ReasonStockOut: the offering is sold out in the datacenter; others may do.
	ReasonStockOut = "StockOut"
	// ReasonQuota: the account or the cluster may have no more machines.
	ReasonQuota = "Quota"
	// ReasonRejected: VPSie refused the order for another reason.
	ReasonRejected = "Rejected"
	// ReasonProvisionTimeout: the machine did not run in time.
	ReasonProvisionTimeout = "ProvisionTimeout"
	// ReasonJoinTimeout: the machine ran and did not join in time.
	ReasonJoinTimeout = "JoinTimeout"
	// ReasonReadyTimeout: the Node joined and did not become ready in time.
	ReasonReadyTimeout = "ReadyTimeout"
	// ReasonMachineGone: VPSie no longer has the machine, seen in two sources.
	ReasonMachineGone = "MachineGone"
	// ReasonBootstrap: user data could not be made for the machine.
	ReasonBootstrap = "Bootstrap"
	// ReasonNodeGone: the Node was deleted while its machine ran on.
	ReasonNodeGone = "NodeGone"
	// ReasonNodeGroupGone: the NodeGroup was deleted before the machine was ordered.
	ReasonNodeGroupGone = "NodeGroupGone"
)

// ReasonAwaitingPods is the reason of condition NodeReady=False when the machine
// is complete and only StartupTaint keeps pods away: the pods planned for it are
// to be nominated, and then the taint is to be removed.
const ReasonAwaitingPods = "AwaitingPods"

// VPSieNodeStatus is what was observed of the machine.
type VPSieNodeStatus struct {
	// observedGeneration is the generation of the spec that the status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase is where the machine stands in its life. Empty means Pending.
	//
	// +optional
	Phase VPSieNodePhase `json:"phase,omitempty"`

	// reason is a CamelCase word for why the machine is in this phase.
	//
	// +optional
	Reason string `json:"reason,omitempty"`

	// message says the same to people.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// vpsID is VPSie's identifier of the machine.
	//
	// +optional
	VPSID string `json:"vpsID,omitempty"`

	// nodeName is the name of the machine's Node, once it is known. It differs
	// from spec.hostname where VPSie names the machine (managed clusters).
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	NodeName string `json:"nodeName,omitempty"`

	// clusterID is VPSie's identifier of the managed cluster that the machine was
	// added to; empty for machines of other bootstrap modes.
	//
	// +optional
	ClusterID string `json:"clusterID,omitempty"`

	// before are the machines that the managed cluster had when this one was asked
	// for: the one that is not among them is this one. Dropped once it is found.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=253
	Before []string `json:"before,omitempty"`

	// ipAddress is the machine's public address.
	//
	// +optional
	IPAddress string `json:"ipAddress,omitempty"`

	// privateIPAddress is the machine's address in its VPC.
	//
	// +optional
	PrivateIPAddress string `json:"privateIPAddress,omitempty"`

	// requestedAt is when the order was about to be sent. It is written before
	// the order: from then on the machine may exist, whatever the answer was. It
	// is removed when it is proven that no machine exists.
	//
	// +optional
	RequestedAt *metav1.Time `json:"requestedAt,omitempty"`

	// provisionedAt is when VPSie showed the machine as running.
	//
	// +optional
	ProvisionedAt *metav1.Time `json:"provisionedAt,omitempty"`

	// joinedAt is when the Node was first seen.
	//
	// +optional
	JoinedAt *metav1.Time `json:"joinedAt,omitempty"`

	// readyAt is when the Node became ready for pods.
	//
	// +optional
	ReadyAt *metav1.Time `json:"readyAt,omitempty"`

	// terminatingAt is when draining began.
	//
	// +optional
	TerminatingAt *metav1.Time `json:"terminatingAt,omitempty"`

	// deletingAt is when the machine began to be given back.
	//
	// +optional
	DeletingAt *metav1.Time `json:"deletingAt,omitempty"`

	// failedAt is when the machine failed.
	//
	// +optional
	FailedAt *metav1.Time `json:"failedAt,omitempty"`

	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
