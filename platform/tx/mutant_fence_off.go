//go:build mutant_no_fence

package tx

// fenceStatement moves the position whoever has it.
const fenceStatement = `UPDATE pl_consumer_partition SET next_offset = $4
	WHERE consumer = $1 AND topic = $2 AND partition = $3 AND $5 >= 0 AND $6 >= -2`
