//go:build !race

package codectest

import "time"

// decoderOnHeap is 0: without the race detector the decoder stays on the stack.
const decoderOnHeap = 0

// refusalTime is how long a message may take to be refused.
const refusalTime = 500 * time.Microsecond
