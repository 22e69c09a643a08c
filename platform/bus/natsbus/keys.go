package natsbus

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// bucketName is the key-value bucket of all groups. Its keys:
//
//	<group>.member.<id>                  the topics that a member reads
//	<group>.lease.<topic>.<partition>    the id of the member that has it
//	<group>.next.<topic>.<partition>     the copy of the position
//
// Dots in names of groups and topics are slashes in it.
const bucketName = "pl-groups"

func token(name string) string { return strings.ReplaceAll(name, ".", "/") }

func memberKey(group, id string) string { return token(group) + ".member." + id }

func leaseKey(group string, id topicPartition) string {
	return token(group) + ".lease." + token(id.topic) + "." + strconv.Itoa(int(id.partition))
}

func positionKey(group string, id topicPartition) string {
	return token(group) + ".next." + token(id.topic) + "." + strconv.Itoa(int(id.partition))
}

// watched are the keys that tell who is in a group and who has what.
func watched(group string) []string {
	return []string{token(group) + ".member.*", token(group) + ".lease.*.*"}
}

// parseKey tells what a watched key is about: a member's id, or the partition
// of a lease.
func parseKey(key string) (member string, lease topicPartition, ok bool) {
	parts := strings.Split(key, ".")
	switch {
	case len(parts) == 3 && parts[1] == "member":
		return parts[2], lease, true
	case len(parts) == 4 && parts[1] == "lease":
		n, err := strconv.ParseInt(parts[3], 10, 32)
		return "", topicPartition{strings.ReplaceAll(parts[2], "/", "."), int32(n)}, err == nil
	}
	return "", lease, false
}

// bucket opens the groups' bucket and creates it when it does not exist.
func (c *Conn) bucket(ctx context.Context) (kv jetstream.KeyValue, err error) {
	err = c.call(ctx, "open bucket "+bucketName, func(ctx context.Context) error {
		if kv, err = c.js.KeyValue(ctx, bucketName); !errors.Is(err, jetstream.ErrBucketNotFound) {
			return err
		}
		kv, err = c.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucketName, History: 1, Storage: jetstream.FileStorage, Replicas: c.cfg.Replicas,
			Description: "consumer groups of campus-hub: members, leases and copies of positions",
		})
		if errors.Is(err, jetstream.ErrBucketExists) {
			kv, err = c.js.KeyValue(ctx, bucketName)
		}
		return err
	})
	return kv, err
}
