package simulator

import (
	"fmt"
	"sort"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/component-helpers/storage/volume"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"
)

// provision does for the pod's unbound claims what happens once kube-scheduler
// has chosen a node: a claim that waits for its first consumer is bound to an
// existing volume that matches, or a new volume is made where the node is.
func (c *Cluster) provision(pod *v1.Pod, node *v1.Node) error {
	claims := c.unboundClaims(pod)
	if len(claims) == 0 {
		return nil
	}
	sort.SliceStable(claims, func(i, j int) bool {
		a, b := claims[i].Spec.Resources.Requests[v1.ResourceStorage], claims[j].Spec.Resources.Requests[v1.ResourceStorage]
		return a.Cmp(b) < 0
	})
	chosen := map[string]*v1.PersistentVolume{}
	for _, claim := range claims {
		var match *v1.PersistentVolume
		// A claim with a selected node is with its provisioner already.
		if claim.Annotations[volume.AnnSelectedNode] == "" {
			var err error
			if match, err = c.matchingVolume(claim, node, chosen); err != nil {
				return err
			}
		}
		var bound *v1.PersistentVolume
		if match != nil {
			chosen[match.Name] = match
			var err error
			if bound, _, err = volume.GetBindVolumeToClaim(match, claim); err != nil {
				return fmt.Errorf("volume %s for claim %s/%s: %w", match.Name, claim.Namespace, claim.Name, err)
			}
		} else {
			bound = c.newVolume(claim, node)
		}
		bound.Status.Phase = v1.VolumeBound
		if err := c.put(bound); err != nil {
			return err
		}
		if err := c.put(boundClaim(claim, bound.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) unboundClaims(pod *v1.Pod) []*v1.PersistentVolumeClaim {
	var claims []*v1.PersistentVolumeClaim
	lister := c.informers.Core().V1().PersistentVolumeClaims().Lister()
	for i := range pod.Spec.Volumes {
		var name string
		switch source := &pod.Spec.Volumes[i]; {
		case source.PersistentVolumeClaim != nil:
			name = source.PersistentVolumeClaim.ClaimName
		case source.Ephemeral != nil:
			name = ephemeral.VolumeClaimName(pod, source)
		default:
			continue
		}
		if claim, err := lister.PersistentVolumeClaims(pod.Namespace).Get(name); err == nil && claim.Spec.VolumeName == "" {
			claims = append(claims, claim)
		}
	}
	return claims
}

func (c *Cluster) matchingVolume(claim *v1.PersistentVolumeClaim, node *v1.Node, chosen map[string]*v1.PersistentVolume) (*v1.PersistentVolume, error) {
	var volumes []*v1.PersistentVolume
	className := volume.GetPersistentVolumeClaimClass(claim)
	for _, candidate := range listOf[*v1.PersistentVolume](c, &v1.PersistentVolume{}) {
		if volume.GetPersistentVolumeClass(candidate) == className {
			volumes = append(volumes, candidate)
		}
	}
	match, err := volume.FindMatchingVolume(claim, volumes, node, chosen, true,
		utilfeature.DefaultFeatureGate.Enabled(features.VolumeAttributesClass))
	if err != nil {
		return nil, fmt.Errorf("claim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	return match, nil
}

// newVolume is the volume that the claim's CSI driver makes for a pod on node:
// reachable from every node that agrees with this one on the driver's topology
// keys.
func (c *Cluster) newVolume(claim *v1.PersistentVolumeClaim, node *v1.Node) *v1.PersistentVolume {
	className := volume.GetPersistentVolumeClaimClass(claim)
	driver := ""
	if class, err := c.informers.Storage().V1().StorageClasses().Lister().Get(className); err == nil {
		driver = class.Provisioner
	}
	created := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			// A dot: no namespace has one, so no two claims share a name.
			Name:        "pvc-" + claim.Namespace + "." + claim.Name,
			Annotations: map[string]string{volume.AnnDynamicallyProvisioned: driver},
		},
		Spec: v1.PersistentVolumeSpec{
			Capacity:         v1.ResourceList{v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage]},
			AccessModes:      claim.Spec.AccessModes,
			VolumeMode:       claim.Spec.VolumeMode,
			StorageClassName: className,
			ClaimRef:         &v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				CSI: &v1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: claim.Namespace + "/" + claim.Name},
			},
		},
	}
	created.ResourceVersion = "1"
	if terms := c.volumeTopology(driver, node); len(terms) > 0 {
		created.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{
			NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: terms}},
		}}
	}
	return created
}

func (c *Cluster) volumeTopology(driver string, node *v1.Node) []v1.NodeSelectorRequirement {
	csiNode, err := csiNodes{c}.Get(node.Name)
	if err != nil {
		return nil
	}
	var terms []v1.NodeSelectorRequirement
	for _, d := range csiNode.Spec.Drivers {
		if d.Name != driver {
			continue
		}
		for _, key := range d.TopologyKeys {
			if value, ok := node.Labels[key]; ok {
				terms = append(terms, v1.NodeSelectorRequirement{Key: key, Operator: v1.NodeSelectorOpIn, Values: []string{value}})
			}
		}
	}
	return terms
}

func boundClaim(claim *v1.PersistentVolumeClaim, volumeName string) *v1.PersistentVolumeClaim {
	bound := claim.DeepCopy()
	bound.Spec.VolumeName = volumeName
	bound.Status.Phase = v1.ClaimBound
	metav1.SetMetaDataAnnotation(&bound.ObjectMeta, volume.AnnBindCompleted, "yes")
	return bound
}

// AttachLimit returns a CSINode that lets node attach count volumes of driver,
// placed by the given topology keys.
func AttachLimit(node, driver string, count int32, topologyKeys ...string) *storagev1.CSINode {
	return &storagev1.CSINode{
		ObjectMeta: metav1.ObjectMeta{Name: node},
		Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{
			Name: driver, NodeID: node, TopologyKeys: topologyKeys,
			Allocatable: &storagev1.VolumeNodeResources{Count: &count},
		}}},
	}
}

// csiNodes is the CSIManager over the memory informers, so that a virtual
// node's attach limits come and go with its fork.
type csiNodes struct{ cluster *Cluster }

func (m csiNodes) CSINodes() fwk.CSINodeLister { return m }

func (m csiNodes) List() ([]*storagev1.CSINode, error) {
	return listOf[*storagev1.CSINode](m.cluster, &storagev1.CSINode{}), nil
}

func (m csiNodes) Get(name string) (*storagev1.CSINode, error) {
	return m.cluster.informers.Storage().V1().CSINodes().Lister().Get(name)
}
