// Package report shows a plan to people and to programs: as a table, as JSON or
// YAML, or as one self-contained HTML page.
//
// It owns the arithmetic of the picture (how full each node is today and will
// be, which machines are alike, which pods have no place for the same reason)
// and every way to write it. What is in a plan is package plan's matter: JSON
// and YAML are exactly that document. It decides nothing and fetches nothing,
// and equal input gives equal bytes.
package report
