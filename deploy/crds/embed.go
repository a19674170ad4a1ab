// Package crds holds the CRD manifests that controller-gen writes from
// controllers/api/v1alpha1, for kubectl (this folder) and for programs (Files).
//
// It owns no logic: what a manifest means is up to the API server, and to
// package strict where there is none.
package crds

import "embed"

// The files of Files.
const (
	NodeGroups = "autoscaler.vpsie.com_nodegroups.yaml"
	VPSieNodes = "autoscaler.vpsie.com_vpsienodes.yaml"
)

// Files holds the manifests NodeGroups and VPSieNodes.
//
//go:embed *.yaml
var Files embed.FS
