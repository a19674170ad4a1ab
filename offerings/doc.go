// Package offerings is what VPSie sells: machine sizes with their prices, where
// they can be had, and how much of a machine a pod can use once the kubelet
// and the system have taken their share.
//
// It owns the Offering, the Catalog and its file format, and the allocatable
// model. It knows no NodeGroup, no cluster and no scheduler, and it imports
// nothing else of this project.
package offerings
