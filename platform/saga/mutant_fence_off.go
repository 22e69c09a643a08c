//go:build mutant_saga_no_fence

package saga

// fenceStatement moves an instance whatever has happened to it meanwhile.
const fenceStatement = `UPDATE pl_saga SET version = $4 WHERE saga = $1 AND id = $2 AND $3 > 0`
