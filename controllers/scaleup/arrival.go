package scaleup

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// arrival is a machine that has joined and waits for its pods.
type arrival struct {
	machine *v1alpha1.VPSieNode
	node    *v1.Node
	// pods planned for it that still have no node.
	pods []*v1.Pod
	// nominated are those of them that were nominated in this round.
	nominated []*v1.Pod
	// waiting is what is remembered of it.
	*waiting
}

// waiting is what is remembered of an arrival between rounds.
type waiting struct {
	// since is when it was first seen ready to take pods.
	since time.Time
	// called is when its plan no longer had to be waited for; zero until then.
	called time.Time
	// opened is when its taint was taken away, which the copy may not show yet.
	opened time.Time
}

// arrival returns a machine that only our taint keeps from taking pods, nil if
// it is not (or no longer) that.
func (c *Controller) arrival(machine *v1alpha1.VPSieNode) *arrival {
	if machine.Status.Phase != v1alpha1.PhaseJoining || machine.DeletionTimestamp != nil {
		return nil
	}
	node, group := c.options.Observer.Node(machine.Spec.Hostname), c.options.Observer.NodeGroup(machine.Spec.NodeGroup)
	if node == nil || group == nil || !c.complete(machine, node, group) {
		return nil
	}
	return &arrival{machine: machine, node: node, pods: c.pendingPods(machine)}
}

// pendingPods are the pods planned for a machine that still have no node.
func (c *Controller) pendingPods(machine *v1alpha1.VPSieNode) (pods []*v1.Pod) {
	for _, name := range machine.Spec.Pods {
		if pod := c.options.Observer.Pod(name); pod != nil && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	return pods
}

// toCome says that a machine that is no arrival yet may become one, with pods.
func (c *Controller) toCome(machine *v1alpha1.VPSieNode) bool {
	if machine.DeletionTimestamp != nil || len(c.pendingPods(machine)) == 0 {
		return false
	}
	switch machine.Status.Phase {
	case "", v1alpha1.PhasePending, v1alpha1.PhaseProvisioning, v1alpha1.PhaseProvisioned:
		return true
	case v1alpha1.PhaseJoining:
		// Without the taint it has been opened.
		node := c.options.Observer.Node(machine.Spec.Hostname)
		return node == nil || hasTaint(node, v1alpha1.StartupTaint)
	}
	return false
}

// complete says that the Node carries everything that it should, and the startup
// taint as the last thing that it should not.
func (c *Controller) complete(machine *v1alpha1.VPSieNode, node *v1.Node, group *v1alpha1.NodeGroup) bool {
	if !hasTaint(node, v1alpha1.StartupTaint) || !nodeReady(node) || node.DeletionTimestamp != nil ||
		node.Spec.ProviderID == "" || node.Labels[v1alpha1.VPSieNodeLabel] != machine.Name ||
		node.Labels[v1alpha1.NodeGroupLabel] != machine.Spec.NodeGroup {
		return false
	}
	for _, taint := range node.Spec.Taints {
		lasting := slices.ContainsFunc(group.Spec.Taints, func(t v1alpha1.Taint) bool { return t.Key == taint.Key && t.Effect == taint.Effect })
		if taint.Key != v1alpha1.StartupTaint && !lasting {
			return false
		}
	}
	if c.options.Observer.CSIDriver(binpack.CSIDriver) == nil {
		return true
	}
	csi := c.options.Observer.CSINode(node.Name)
	return csi != nil && slices.ContainsFunc(csi.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == binpack.CSIDriver })
}
