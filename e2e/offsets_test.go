//go:build unix

package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// endOffsets returns the offset after the last record of every partition.
func endOffsets(t *testing.T, client *kgo.Client, topic string) map[int32]int64 {
	t.Helper()
	listed, err := kadm.NewClient(client).ListEndOffsets(t.Context(), topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		t.Fatalf("list the offsets of %s: %v", topic, err)
	}
	ends := map[int32]int64{}
	for _, o := range listed.Offsets()[topic] {
		ends[o.Partition] = o.At
	}
	return ends
}

func sum(ends map[int32]int64) int {
	n := 0
	for _, end := range ends {
		n += int(end)
	}
	return n
}
