package v1alpha1

// Labels, taints, annotations and finalizers of the autoscaler.
const (
	// NodeGroupLabel on a Node or VPSieNode names the NodeGroup it belongs to.
	NodeGroupLabel = "autoscaler.vpsie.com/nodegroup"
	// VPSieNodeLabel on a Node names its VPSieNode.
	VPSieNodeLabel = "autoscaler.vpsie.com/vpsienode"
	// PlanLabel on a VPSieNode or a plan's record is the plan's ID.
	PlanLabel = "autoscaler.vpsie.com/plan"
	// StartupTaint keeps pods off a node until the pods planned for it are
	// nominated; it is there from registration on and is removed last.
	StartupTaint = "autoscaler.vpsie.com/startup"
	// Finalizer keeps NodeGroups and VPSieNodes until their machines are gone.
	Finalizer = "autoscaler.vpsie.com/machines"
)
