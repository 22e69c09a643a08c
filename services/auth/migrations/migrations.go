// Package migrations holds the history of the database of auth. Files are
// added by "pl-gen migrate diff" and never changed.
package migrations

import "embed"

// Files holds <dialect>/NNNN_name.sql.
//
//go:embed postgres/*.sql sqlite/*.sql
var Files embed.FS
