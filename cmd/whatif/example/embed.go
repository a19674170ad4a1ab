package example

import "embed"

// FS holds the cluster's manifests as cluster/*.yaml and its NodeGroups as
// nodegroups.yaml.
//
//go:embed cluster/*.yaml nodegroups.yaml
var FS embed.FS
