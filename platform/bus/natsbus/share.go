package natsbus

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// fairShare returns how many of a topic's partitions a member may have. Every
// member computes it alone and all agree, as they see the same leases: the
// partitions that are left after an equal division go to those that have most
// already, so that few change hands, and among equals to another member for
// another topic.
//
// members are those that read the topic, self among them; has says how many
// leases each holds.
func fairShare(self, topic string, partitions int, members []string, has map[string]int) int {
	if len(members) == 0 {
		return 0
	}
	order := slices.Clone(members)
	slices.SortFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(has[b], has[a]), cmp.Compare(lot(topic, a), lot(topic, b)), cmp.Compare(a, b))
	})
	share := partitions / len(members)
	if slices.Index(order, self) < partitions%len(members) {
		share++
	}
	return share
}

// lot is a number that puts members in another order for every topic.
func lot(topic, member string) uint64 {
	sum := sha256.Sum256([]byte(topic + "\x00" + member))
	return binary.BigEndian.Uint64(sum[:])
}
