// Package bench is where the project is measured against its own promises.
//
// Its tests hold the tree against the rules of the house that docs/architecture.md
// states (which package may import which, what each must document, how the
// folders are laid out) and the README against what the program prints. The
// benchmark suite, with its workloads, peers and report, is going to live below it.
//
// It holds nothing that the product imports, and unit tests of behaviour belong
// to the package that behaves.
package bench
