// Package controllers is the root of everything that acts on a cluster.
//
// Below it stand the API types (api/v1alpha1) and, one package each, the
// reconcilers that carry plans out. There is no reconciler yet: today plans are
// printed by cmd/whatif and carried out by nobody.
//
// Reconcilers will own the execution of decisions and never the decisions: those
// are package binpack's, on package simulator's copy of the cluster, and arrive
// as a plan.Plan.
package controllers
