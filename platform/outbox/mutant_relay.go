//go:build !mutant_relay_last_id

package outbox

// rereads: a row may become visible after one with a higher sequence was
// published, so that what was read before says nothing.
const rereads = true
