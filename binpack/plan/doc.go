// Package plan is the versioned document that every decision ends in: what to
// buy, what to give back, where each pod goes, what it costs and how far that
// is from the cheapest. The what-if CLI prints it and the controllers execute
// it, so a field here is a promise to both.
//
// The package owns the document and its invariants (Validate), its identity
// (a hash of the inputs) and its schema. It decides nothing, and it holds no
// times: equal input gives equal bytes.
package plan
