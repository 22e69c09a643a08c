//go:build mutant_relay_last_id

package outbox

// rereads is off: a sequence is taken for the order of commits.
const rereads = false
