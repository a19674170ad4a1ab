package binpack

import (
	"encoding/json"
	"strings"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/component-helpers/storage/volume"

	"github.com/vpsie/vpsie-k8s-autoscaler/simulator"
)

// volumeIndex tells which pods' volumes are alike.
type volumeIndex struct {
	claims  map[string]*v1.PersistentVolumeClaim
	volumes map[string]*v1.PersistentVolume
	classes map[string]*storagev1.StorageClass
	// users counts the pending pods of each claim.
	users map[string]int
	// stocked storage classes have volumes that wait for a claim.
	stocked map[string]bool
}

// attached is what a pod's volumes mean for its placement.
type attached struct {
	// key is equal for pods whose volumes can be exchanged.
	key string
	// drivers counts volumes per CSI driver.
	drivers map[string]int64
	// irregular volumes tie pods to each other or are taken from a stock, so
	// that what one pod gets depends on where the others went.
	irregular bool
}

func newVolumeIndex(cluster *simulator.Cluster, pods []*v1.Pod) *volumeIndex {
	objects := cluster.Objects()
	index := &volumeIndex{
		claims:  map[string]*v1.PersistentVolumeClaim{},
		volumes: map[string]*v1.PersistentVolume{},
		classes: map[string]*storagev1.StorageClass{},
		users:   map[string]int{},
		stocked: map[string]bool{},
	}
	for _, claim := range objects.PersistentVolumeClaims {
		index.claims[claim.Namespace+"/"+claim.Name] = claim
	}
	for _, v := range objects.PersistentVolumes {
		index.volumes[v.Name] = v
		if v.Spec.ClaimRef == nil {
			index.stocked[v.Spec.StorageClassName] = true
		}
	}
	for _, class := range objects.StorageClasses {
		index.classes[class.Name] = class
	}
	for _, pod := range pods {
		for _, name := range claimNames(pod) {
			index.users[name]++
		}
	}
	return index
}

// claimNames lists the pod's claims as "namespace/name".
func claimNames(pod *v1.Pod) []string {
	var names []string
	for i := range pod.Spec.Volumes {
		switch source := &pod.Spec.Volumes[i]; {
		case source.PersistentVolumeClaim != nil:
			names = append(names, pod.Namespace+"/"+source.PersistentVolumeClaim.ClaimName)
		case source.Ephemeral != nil:
			names = append(names, pod.Namespace+"/"+ephemeral.VolumeClaimName(pod, source))
		}
	}
	return names
}

func (index *volumeIndex) of(pod *v1.Pod) attached {
	names := claimNames(pod)
	inline := inlineVolumes(pod)
	if len(names) == 0 && inline == "" {
		return attached{}
	}
	a := attached{key: inline, drivers: map[string]int64{}}
	parts := make([]string, 0, len(names))
	for _, name := range names {
		claim := index.claims[name]
		switch {
		case claim == nil:
			parts = append(parts, "missing:"+name)
		case claim.Spec.VolumeName != "":
			parts = append(parts, index.bound(name, claim, &a))
		default:
			parts = append(parts, index.unbound(name, claim, &a))
		}
	}
	a.key += strings.Join(parts, "\x00")
	return a
}

// bound claims are alike when their volumes can be reached from the same nodes.
func (index *volumeIndex) bound(name string, claim *v1.PersistentVolumeClaim, a *attached) string {
	v := index.volumes[claim.Spec.VolumeName]
	if v == nil || index.users[name] > 1 || exclusive(claim) {
		a.irregular = index.users[name] > 1 || exclusive(claim)
		return "claim:" + name
	}
	driver := ""
	if v.Spec.CSI != nil {
		driver = v.Spec.CSI.Driver
		a.drivers[driver]++
	}
	// Marshalling an API type cannot fail.
	affinity, _ := json.Marshal(v.Spec.NodeAffinity)
	return "volume:" + driver + string(affinity) + v.Labels[v1.LabelTopologyZone] + v.Labels[v1.LabelTopologyRegion]
}

// unbound claims that wait for their first consumer are alike when the same
// kind of volume is made for them.
func (index *volumeIndex) unbound(name string, claim *v1.PersistentVolumeClaim, a *attached) string {
	className := volume.GetPersistentVolumeClaimClass(claim)
	class := index.classes[className]
	if class == nil || class.VolumeBindingMode == nil || *class.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer {
		return "claim:" + name
	}
	if index.users[name] > 1 || index.stocked[className] || exclusive(claim) || claim.Annotations[volume.AnnSelectedNode] != "" {
		a.irregular = true
		return "claim:" + name
	}
	a.drivers[class.Provisioner]++
	size := claim.Spec.Resources.Requests[v1.ResourceStorage]
	return "new:" + className + "/" + size.String()
}

func exclusive(claim *v1.PersistentVolumeClaim) bool {
	for _, mode := range claim.Spec.AccessModes {
		if mode == v1.ReadWriteOncePod {
			return true
		}
	}
	return false
}

// inlineVolumes names the volumes that VolumeRestrictions compares by identity.
func inlineVolumes(pod *v1.Pod) string {
	var named []string
	for i := range pod.Spec.Volumes {
		switch s := &pod.Spec.Volumes[i]; {
		case s.GCEPersistentDisk != nil:
			named = append(named, "gce:"+s.GCEPersistentDisk.PDName)
		case s.AWSElasticBlockStore != nil:
			named = append(named, "aws:"+s.AWSElasticBlockStore.VolumeID)
		case s.ISCSI != nil:
			named = append(named, "iscsi:"+s.ISCSI.IQN)
		case s.RBD != nil:
			named = append(named, "rbd:"+s.RBD.RBDImage)
		}
	}
	return strings.Join(named, ",")
}
