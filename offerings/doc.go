// Package offerings is what VPSie sells: machine sizes with their prices, where
// they can be had, and how much of a machine a pod can use once the kubelet
// and the system have taken their share.
//
// It owns the Offering, the Catalog and its file format (docs/catalog.md), the
// AllocatableModel that turns what is sold into what pods can use, and what was
// Learned from real nodes in its place. It knows no NodeGroup, no cluster and
// no scheduler, and it imports nothing else of this project.
//
// A Catalog is a value that nobody changes: WithPrice, Without and
// Learned.Apply return changed copies, and equal content has an equal Hash.
package offerings
