// Package rbac holds the manifest of the autoscaler's ServiceAccount and of what
// it may do, for kubectl (this folder) and for programs (Manifests).
//
// It owns no logic. Package controllers/rbactest compares it with what an API
// server was really asked.
package rbac

import _ "embed"

// The ServiceAccount that the manifest is about.
const (
	Namespace      = "kube-system"
	ServiceAccount = "vpsie-autoscaler"
)

// Manifests is a YAML stream: ServiceAccount, roles and bindings.
//
//go:embed rbac.yaml
var Manifests []byte

// CapacityBuffers is what it needs beside that in a cluster with the API
// autoscaling.x-k8s.io.
//
//go:embed capacitybuffers.yaml
var CapacityBuffers []byte
