// Package storage is VPSie's block storage as Kubernetes sees it, without the
// disks: the CSIDriver and its StorageClasses, a provisioner that answers claims
// with PersistentVolumes of one datacenter, and an attacher that reports volumes
// as attached at once. Without it pods that wait for volumes would wait for ever.
//
// What the provisioner does around a volume is the real one's, by the library
// that every external provisioner uses. The package owns what is VPSie's: topology
// key, limits, classes. It owns no nodes: machines register their CSINode
// themselves, as their kubelet would; RegisterNode does so for nodes without one.
package storage
