package garbage

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/vpsienode"
	"github.com/vpsie/vpsie-k8s-autoscaler/offerings/vpsie"
)

// deletionReason is what VPSie's staff sees as the reason of a deletion.
const deletionReason = "left over from a Kubernetes cluster (vpsie-k8s-autoscaler)"

// adoptedPlan is the plan of a VPSieNode that no plan asked for.
const adoptedPlan = "adopted"

// act gives an orphan back, or takes it in again. That its owner does not exist
// is asked once more of the API server, right before.
func (c *Collector) act(ctx context.Context, s *scene, o orphan) error {
	owner := &v1alpha1.VPSieNode{}
	err := c.options.Reader.Get(ctx, types.NamespacedName{Name: o.owner}, owner)
	switch {
	case err == nil && (o.kind != orphanMachine || owner.UID == o.ownerUID || owner.Status.VPSID == o.id):
		return nil
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("reading VPSieNode %s: %w", o.owner, err)
	}
	switch {
	case o.kind == orphanScript:
		return c.deleteScript(ctx, o)
	case o.kind == orphanNode:
		return c.deleteNode(ctx, o)
	case o.node != nil && apierrors.IsNotFound(err):
		return c.adopt(ctx, s, o)
	}
	return c.deleteMachine(ctx, o)
}

func (c *Collector) deleteMachine(ctx context.Context, o orphan) error {
	if err := c.options.VPSie.DeleteVM(ctx, o.vm.ID, deletionReason); err != nil && !vpsie.IsNotFound(err) {
		return fmt.Errorf("deleting machine %s (%s), which has no VPSieNode: %w", o.vm.ID, o.vm.Hostname, err)
	}
	c.metrics.collected.WithLabelValues(string(orphanMachine), "deleted").Inc()
	c.tell(o, "DeletedOrphan", "Delete", "machine %s had no VPSieNode for %v and was deleted", o.vm.ID, c.options.Grace)
	return nil
}

func (c *Collector) deleteScript(ctx context.Context, o orphan) error {
	if err := c.options.VPSie.DeleteScript(ctx, o.script.ID); err != nil && !vpsie.IsNotFound(err) {
		return fmt.Errorf("deleting script %s, which has no VPSieNode: %w", o.script.Name, err)
	}
	c.metrics.collected.WithLabelValues(string(orphanScript), "deleted").Inc()
	return nil
}

// deleteNode leaves a Node alone whose kubelet reports: there is a machine then,
// whatever VPSie's lists say.
func (c *Collector) deleteNode(ctx context.Context, o orphan) error {
	for _, condition := range o.node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	if err := c.options.Client.Delete(ctx, o.node, client.Preconditions{UID: &o.node.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting Node %s, which has neither VPSieNode nor machine: %w", o.node.Name, err)
	}
	c.metrics.collected.WithLabelValues(string(orphanNode), "deleted").Inc()
	c.tell(o, "DeletedOrphan", "Delete", "Node %s had neither VPSieNode nor machine for %v and was deleted", o.node.Name, c.options.Grace)
	return nil
}

// adopt makes a VPSieNode for a machine that is a Node: pods may run there, and
// package vpsienode knows how to end them.
func (c *Collector) adopt(ctx context.Context, s *scene, o orphan) error {
	m := c.adopted(s, o)
	if m == nil {
		return c.deleteMachine(ctx, o)
	}
	if err := c.options.Client.Create(ctx, m); err != nil {
		return fmt.Errorf("adopting machine %s as VPSieNode %s: %w", o.vm.ID, o.owner, err)
	}
	c.metrics.collected.WithLabelValues(string(orphanMachine), "adopted").Inc()
	c.tell(o, "AdoptedOrphan", "Adopt", "machine %s had lost its VPSieNode and got it back", o.vm.ID)
	if s.groups[m.Spec.NodeGroup] != nil {
		return nil
	}
	if err := c.options.Client.Delete(ctx, m); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting VPSieNode %s, whose NodeGroup is gone: %w", m.Name, err)
	}
	return nil
}

// adopted is the VPSieNode that the machine's Node tells of, nil if it tells too little.
func (c *Collector) adopted(s *scene, o orphan) *v1alpha1.VPSieNode {
	labels := o.node.Labels
	group, offering, datacenter := labels[v1alpha1.NodeGroupLabel], labels[corev1.LabelInstanceTypeStable], labels[corev1.LabelTopologyZone]
	if group == "" || offering == "" || datacenter == "" {
		return nil
	}
	m := &v1alpha1.VPSieNode{
		ObjectMeta: metav1.ObjectMeta{
			Name: o.owner, Finalizers: []string{v1alpha1.Finalizer},
			Labels:      map[string]string{v1alpha1.NodeGroupLabel: group},
			Annotations: map[string]string{vpsienode.AdoptAnnotation: o.vm.ID},
		},
		Spec: v1alpha1.VPSieNodeSpec{
			NodeGroup: group, Offering: offering, Datacenter: datacenter, Hostname: o.vm.Hostname,
			PlanID: adoptedPlan, Reason: "the machine had lost its VPSieNode",
		},
	}
	if sold := s.catalog.Offering(offering); sold != nil {
		m.Spec.OfferingID = sold.Identifier
		m.Spec.PricePerHour = strconv.FormatFloat(sold.PricePerHour, 'f', 4, 64)
	}
	return m
}

// tell records an event about the VPSieNode that is not there.
func (c *Collector) tell(o orphan, reason, action, format string, args ...any) {
	about := &v1alpha1.VPSieNode{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "VPSieNode"},
		ObjectMeta: metav1.ObjectMeta{Name: o.owner, UID: o.ownerUID},
	}
	c.options.Recorder.Eventf(about, nil, corev1.EventTypeWarning, reason, action, format, args...)
}
