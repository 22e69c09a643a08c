//go:build mutant_relay_last_id

package outbox

// unpublishedQuery takes a sequence for the order of commits.
const unpublishedQuery = `SELECT day, seq, id, topic, key, key IS NULL, fingerprint, attributes, data, headers FROM pl_outbox
	WHERE shard = $1 AND published_at IS NULL AND seq > $3 ORDER BY seq LIMIT $2`
