//go:build mutant_retry_skips

package tx

// keepsOrder is off: while one record of a key waits to be retried, later ones
// pass it.
const keepsOrder = false
