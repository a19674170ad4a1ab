// Package v1alpha1 is the API of the autoscaler, group autoscaler.vpsie.com:
// NodeGroup, which says what may be bought, and VPSieNode, one machine.
//
// The package owns the types, their defaults and every rule between fields;
// all of that lives in the generated CRD (deploy/crds) as OpenAPI and CEL, so
// there is no webhook and no second validation in Go. Package strict runs the
// same CRD over files.
//
// A field enters with the change that gives it an effect. Fields of the design
// that still wait are listed in a test of this package, each with its reason.
//
// The package refuses to own decisions: it reads no cluster, no catalogue and
// no price, and it imports nothing else of this project.
//
// +kubebuilder:object:generate=true
// +groupName=autoscaler.vpsie.com
package v1alpha1

// The CEL rules need Kubernetes 1.29 or later (fieldPath and the quantity
// library); a test compiles them for that version.

//go:generate go tool controller-gen object paths=.
//go:generate go tool controller-gen crd paths=. output:crd:artifacts:config=../../../deploy/crds
