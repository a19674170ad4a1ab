// Package inventory is what VPSie has, read once for all who ask, and the mark
// by which a machine is known to be ours.
//
// It owns the order in which the lists are read, without which a machine could
// slip between them, the sharing of one reading between many machines, which
// keeps two hundred of them within VPSie's rate, and the form of the mark.
//
// It refuses to own conclusions: what it means that a machine is in one list and
// not in another, its readers decide. A reading is all lists or an error.
package inventory
