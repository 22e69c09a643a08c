//go:build !mutant_no_fence

package tx

const fenceStatement = `UPDATE pl_consumer_partition SET next_offset = $4
	WHERE consumer = $1 AND topic = $2 AND partition = $3 AND epoch = $5 AND next_offset = $6`
