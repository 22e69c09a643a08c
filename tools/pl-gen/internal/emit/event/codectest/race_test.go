//go:build race

package codectest

import "time"

// decoderOnHeap is 1 under the race detector, which keeps the decoder on the heap.
const decoderOnHeap = 1

// refusalTime is how long a message may take to be refused, slowed by the race detector.
const refusalTime = 10 * time.Millisecond
