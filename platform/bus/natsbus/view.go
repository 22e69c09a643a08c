package natsbus

import (
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A view is a group as its bucket shows it to one member. It is used by one
// goroutine.
type view struct {
	ttl     time.Duration
	members map[string]sighting
	leases  map[topicPartition]lease
}

// A sighting is the last sign of life of a member, by the observer's clock:
// clocks of several machines are never compared.
type sighting struct {
	topics   []string
	revision uint64
	at       time.Time
}

// A lease is who has a partition. An owner "" has given it back; the revision
// is that of the key, which a takeover has to name.
type lease struct {
	owner    string
	revision uint64
}

func newView(ttl time.Duration) *view {
	return &view{ttl: ttl, members: make(map[string]sighting), leases: make(map[topicPartition]lease)}
}

// apply takes in one change of the bucket. Older ones than what is known are
// ignored.
func (v *view) apply(e jetstream.KeyValueEntry, now time.Time) {
	member, id, ok := parseKey(e.Key())
	gone := e.Operation() != jetstream.KeyValuePut
	switch {
	case !ok:
	case member == "":
		owner := string(e.Value())
		if gone {
			owner = ""
		}
		v.own(id, lease{owner, e.Revision()})
	case gone:
		delete(v.members, member)
	case v.members[member].revision < e.Revision():
		v.members[member] = sighting{strings.Fields(string(e.Value())), e.Revision(), now}
	}
}

func (v *view) own(id topicPartition, l lease) {
	if v.leases[id].revision < l.revision {
		v.leases[id] = l
	}
}

// expired returns the members that have shown no life for too long, apart from
// self, and forgets them.
func (v *view) expired(self string, now time.Time) []string {
	var gone []string
	for id, s := range v.members {
		if id != self && now.Sub(s.at) > v.ttl {
			gone = append(gone, id)
			delete(v.members, id)
		}
	}
	return gone
}

// free tells whether nobody has the partition who is alive, or self is said
// to.
func (v *view) free(id topicPartition, self string) bool {
	owner := v.leases[id].owner
	_, alive := v.members[owner]
	return owner == "" || owner == self || !alive
}

// share returns how many partitions of a topic self may have.
func (v *view) share(self, topic string, partitions int32) int {
	has := make(map[string]int)
	for id, l := range v.leases {
		if id.topic == topic && l.owner != "" {
			has[l.owner]++
		}
	}
	var readers []string
	for id, s := range v.members {
		if id != self && slices.Contains(s.topics, topic) {
			readers = append(readers, id)
		}
	}
	return fairShare(self, topic, int(partitions), append(readers, self), has)
}
