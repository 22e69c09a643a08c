// Package conformance runs Connect's conformance suite against what stands
// around Connect here: a process with its door, interceptors and limits, and
// the client that contexts call each other with. The programs are in
// e2e/strangers.
package conformance
