// Package strict reads NodeGroup files as the API server would, without one.
//
// A file goes through the steps of a create request: decoding in which an
// unknown, misspelt or repeated field is an error, pruning, defaulting, then
// metadata, OpenAPI and list validation, and the CEL rules. The schema is the
// generated CRD and the code of each step is k8s.io/apiextensions-apiserver's,
// so a file that the API server would refuse is refused here with the same
// field error, after the file and the line it came from. Three demands go beyond
// the API server's, which sees one object at a time, can make up a name and
// forgets the namespace of what has none: each object has a name, no two have the
// same, and none has a namespace.
//
// Values are read as kubectl reads them (YAML 1.1 by way of JSON). A second
// parse of the same text keeps what the first loses: line numbers and repeated
// keys.
//
// The package owns no rule of its own about a NodeGroup's fields; those are in
// the types' markers. It opens no file and reads no kind but NodeGroup.
package strict
