// Package bootstrap makes what a machine needs to become a node: a bootstrap
// token of its own, and the user data or the script that joins with it.
//
// It owns the token Secrets (kube-system/bootstrap-token-<id>, the id derived
// from the VPSieNode's UID, so that a restart replaces rather than adds), the
// default kubeadm template, the rendering of a NodeGroup's own template, the
// check that cloud-init would take the result, and scripts stored at VPSie.
// docs/bootstrap.md describes the templates.
//
// It refuses to own machines: it orders none, knows no phase, and decides
// nothing about nodes. A token is never part of an error or an event: templates
// are first rendered and checked with a token that opens nothing, and only that
// rendering is quoted.
//
// cloud-config.schema.json is cloud-init's own schema, version 22.4.2, Copyright
// Canonical Ltd. and others, dual-licensed under GPL-3 or Apache-2.0 and used here
// under the Apache License 2.0.
package bootstrap
