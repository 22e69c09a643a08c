//go:build !mutant_relay_last_id

package outbox

// unpublishedQuery gets the sequence that was published last, and rightly does
// nothing with it.
const unpublishedQuery = `SELECT day, seq, id, topic, key, key IS NULL, fingerprint, attributes, data, headers FROM pl_outbox
	WHERE shard = $1 AND published_at IS NULL AND $3 >= 0 ORDER BY seq LIMIT $2`
