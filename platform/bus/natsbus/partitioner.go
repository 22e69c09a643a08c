package natsbus

import (
	"math/rand/v2"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// partitionOf returns the partition of a key as Kafka's own producer has it,
// and any for a nil key.
func partitionOf(key []byte, partitions int32) int32 {
	if key == nil {
		return rand.Int32N(partitions)
	}
	return driver.PartitionOf(key, partitions)
}
