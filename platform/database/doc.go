// Package database is one context's database: pools, transactions that end
// exactly once, a fair queue for the one writer of an engine that has only
// one, migrations, and the upkeep of the platform's tables, whose names begin
// with pl_.
//
// The package knows no SQL driver. The packages sqlite and postgres below it
// open a [DB].
package database
