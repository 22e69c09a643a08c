package event

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// DeriveID returns the id that follows from a time and a name, in the form of
// [NewID] and in the order of the times, to the millisecond. It is for rows
// that another run has to find again: what begins a saga, for example, runs
// again after a restore from a backup, and calls under the same idempotency
// keys need the same requests. Equal times and names give equal ids, also in
// later versions; take both from the event, never from the clock.
func DeriveID(at time.Time, name string) string {
	const version, variant, low62 = 7 << 12, 2 << 62, 1<<62 - 1
	sum := sha256.Sum256([]byte(name))
	return formatID(
		uint64(at.UnixMilli())<<16|version|uint64(sum[8])<<4|uint64(sum[9]>>4),
		variant|binary.BigEndian.Uint64(sum[:8])&low62)
}
