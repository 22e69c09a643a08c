package natsbus

import (
	"encoding/binary"
	"math/rand/v2"
)

// partitionOf returns the partition of a key as Kafka's own producer has it,
// and any for a nil key.
func partitionOf(key []byte, partitions int32) int32 {
	if key == nil {
		return rand.Int32N(partitions)
	}
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is Kafka's hash of keys: MurmurHash2 of 32 bits with its seed.
func murmur2(data []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
	)
	h := seed ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * m
		h = h*m ^ (k^k>>24)*m
	}
	for i := len(data) - 1; i >= 0; i-- {
		h ^= uint32(data[i]) << (8 * i)
	}
	if len(data) > 0 {
		h *= m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
