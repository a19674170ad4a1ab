package vpsienode

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vpsie/vpsie-k8s-autoscaler/binpack"
	"github.com/vpsie/vpsie-k8s-autoscaler/controllers/api/v1alpha1"
)

// VPSIDAnnotation on a Node is VPSie's identifier of its machine, whatever form
// its providerID has.
const VPSIDAnnotation = "autoscaler.vpsie.com/vps-id"

// reportedLabels are those that a kubelet sets to what it finds; they are not
// corrected.
var reportedLabels = sets.New(corev1.LabelHostname, corev1.LabelOSStable, corev1.LabelArchStable,
	"beta.kubernetes.io/os", "beta.kubernetes.io/arch")

// template is the machine as plans see it.
func (r *Reconciler) template(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup) (*corev1.Node, error) {
	catalog, err := r.options.Catalog(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue: %w", err)
	}
	offering, datacenter := catalog.Offering(m.Spec.Offering), catalog.Datacenter(m.Spec.Datacenter)
	if offering == nil || datacenter == nil {
		return nil, fmt.Errorf("the catalogue lacks offering %s or datacenter %s: the machine's labels are not known", m.Spec.Offering, m.Spec.Datacenter)
	}
	return binpack.NewTemplate(offering, group, *datacenter, nil).Node(m.Spec.Hostname).Node, nil
}

// labels are those of the Node that a machine becomes: what plans promised.
func (r *Reconciler) labels(ctx context.Context, m *v1alpha1.VPSieNode, group *v1alpha1.NodeGroup) (map[string]string, error) {
	template, err := r.template(ctx, m, group)
	if err != nil {
		return nil, err
	}
	labels := maps.Clone(template.Labels)
	labels[v1alpha1.VPSieNodeLabel] = m.Name
	return labels, nil
}

// providerIDs are the forms in which a Node may name its machine, ours first.
func (r *Reconciler) providerIDs(vpsID string) []string {
	return []string{*r.options.ProviderIDPrefix + vpsID, vpsID, "vpsie://" + vpsID}
}

// nodeName is the name that the machine's Node has or will have.
func nodeName(m *v1alpha1.VPSieNode) string {
	if m.Status.NodeName != "" {
		return m.Status.NodeName
	}
	return m.Spec.Hostname
}

// node is the Node by the machine's name, nil if there is none. Whether it is the
// machine's, foreign says.
func (v *visit) node(ctx context.Context, reader client.Reader) (*corev1.Node, error) {
	node := &corev1.Node{}
	err := reader.Get(ctx, types.NamespacedName{Name: strings.ToLower(nodeName(v.m))}, node)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Node %s: %w", nodeName(v.m), err)
	}
	return node, nil
}

// foreign says why a Node of the machine's name is not the machine's, "" if it is.
func (r *Reconciler) foreign(node *corev1.Node, m *v1alpha1.VPSieNode) string {
	if owner := node.Labels[v1alpha1.VPSieNodeLabel]; owner != "" && owner != m.Name {
		return fmt.Sprintf("Node %s belongs to VPSieNode %s", node.Name, owner)
	}
	if id := node.Spec.ProviderID; id != "" && !slices.Contains(r.providerIDs(m.Status.VPSID), id) {
		return fmt.Sprintf("Node %s has providerID %s, the machine is %s", node.Name, id, m.Status.VPSID)
	}
	known := sets.New(m.Status.IPAddress, m.Status.PrivateIPAddress).Delete("")
	reported := sets.New[string]()
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP || address.Type == corev1.NodeExternalIP {
			reported.Insert(address.Address)
		}
	}
	if known.Len() > 0 && reported.Len() > 0 && known.Intersection(reported).Len() == 0 {
		return fmt.Sprintf("Node %s has the addresses %s, the machine %s", node.Name,
			strings.Join(sets.List(reported), ", "), strings.Join(sets.List(known), ", "))
	}
	return ""
}

// dress makes the Node carry what plans promised of it. It changes nothing that
// is right already.
func (v *visit) dress(ctx context.Context, node *corev1.Node, group *v1alpha1.NodeGroup) error {
	labels, err := v.r.labels(ctx, v.m, group)
	if err != nil {
		return err
	}
	before := node.DeepCopy()
	if node.Labels == nil {
		node.Labels = map[string]string{}
	}
	for key, value := range labels {
		if !reportedLabels.Has(key) {
			node.Labels[key] = value
		}
	}
	if node.Annotations == nil {
		node.Annotations = map[string]string{}
	}
	node.Annotations[VPSIDAnnotation] = v.m.Status.VPSID
	if node.Spec.ProviderID == "" {
		node.Spec.ProviderID = v.r.providerIDs(v.m.Status.VPSID)[0]
	}
	for _, taint := range group.Spec.Taints {
		if !hasTaint(node, taint.Key, taint.Effect) {
			node.Spec.Taints = append(node.Spec.Taints, taint.CoreV1())
		}
	}
	if !changed(before, node) {
		return nil
	}
	// Taints are a list that others write as well.
	if err := v.r.options.Client.Patch(ctx, node, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("labelling Node %s: %w", node.Name, err)
	}
	return nil
}

func changed(before, after *corev1.Node) bool {
	return !maps.Equal(before.Labels, after.Labels) || !maps.Equal(before.Annotations, after.Annotations) ||
		before.Spec.ProviderID != after.Spec.ProviderID || len(before.Spec.Taints) != len(after.Spec.Taints)
}

func hasTaint(node *corev1.Node, key string, effect corev1.TaintEffect) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key && t.Effect == effect })
}

// lacks says what a dressed Node still lacks before pods may come, "" if nothing.
func lacks(node *corev1.Node, group *v1alpha1.NodeGroup, attachable bool) string {
	if !isReady(node) {
		return "the kubelet does not report the node as ready"
	}
	for _, taint := range group.Spec.StartupTaints {
		if hasTaint(node, taint.Key, taint.Effect) {
			return fmt.Sprintf("startup taint %s:%s is still there", taint.Key, taint.Effect)
		}
	}
	if !attachable {
		return fmt.Sprintf("CSI driver %s has not registered on the node", binpack.CSIDriver)
	}
	return ""
}

func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// attachable says that the node can have volumes, as far as the cluster has any:
// without its CSINode the scheduler would know no limit of volumes.
func (v *visit) attachable(ctx context.Context, node string) (bool, error) {
	err := v.r.options.Client.Get(ctx, types.NamespacedName{Name: binpack.CSIDriver}, &storagev1.CSIDriver{})
	if apierrors.IsNotFound(err) {
		return true, nil
	} else if err != nil {
		return false, fmt.Errorf("reading CSIDriver %s: %w", binpack.CSIDriver, err)
	}
	csiNode := &storagev1.CSINode{}
	err = v.r.options.Client.Get(ctx, types.NamespacedName{Name: node}, csiNode)
	if apierrors.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("reading CSINode %s: %w", node, err)
	}
	return slices.ContainsFunc(csiNode.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == binpack.CSIDriver }), nil
}
