// Package registry is an embedded Schema Registry that speaks Confluent's REST
// API for Avro: an http.Handler over a state that lives in memory and, unless
// it is opened without a directory, in an append-only log that survives a
// killed process. Any Confluent client can use it.
//
// A change is answered only when it is on disk. Schemas are stored as
// avro.Text writes them, so white space and the order of properties make no
// new version and the parameter normalize changes nothing.
//
// Compatibility is decided by package compat, as Apache Avro for Java does it.
package registry
