//go:build !mutant_saga_no_fence

package saga

// fenceStatement moves an instance from the version that it was read at, and
// keeps others from moving it until the transaction ends.
const fenceStatement = `UPDATE pl_saga SET version = $4 WHERE saga = $1 AND id = $2 AND version = $3`
