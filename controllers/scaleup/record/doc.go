// Package record keeps decisions for people to look at: each as a ConfigMap with
// the compressed plan, the newest ten of them.
//
// It owns the format (docs/plan.md describes it), its size limit and its
// retention. Nothing is ever decided from a record.
package record
