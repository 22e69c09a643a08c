package event

import "time"

// A HeaderBlock gives the headers of many events their memory, and then that
// of other events the same: for who publishes batches, one after the other.
// The zero value is ready for use, by one goroutine.
type HeaderBlock struct {
	headers []Header
	values  []byte
	last    [lastAttributes]lastValue
	time    time.Time
	stamp   []byte // time, as the value of a header
}

// A lastValue is an attribute of the event before, which most events share.
type lastValue struct {
	text  string
	value []byte
}

// AppendKafka is [AppendKafkaHeaders] into the memory of b, with room for two
// headers more. Nobody may use what it returns after the next Reset.
func (b *HeaderBlock) AppendKafka(e *Envelope) []Header {
	a := appender{prefix: kafkaPrefix, keys: &kafkaKeys, block: b}
	a.arena = more(&b.values, valuesSize(e), arenaValues)
	a.headers = more(&b.headers, coreAttributes+len(e.Extensions)+spareHeaders, arenaHeaders)
	a.contentType("content-type", e)
	a.attributes(e)
	n := len(a.headers)
	b.values = b.values[:len(b.values)+len(a.arena)]
	b.headers = b.headers[:len(b.headers)+n+spareHeaders]
	return a.headers[: n : n+spareHeaders]
}

// Reset takes back the memory of all that b has returned.
func (b *HeaderBlock) Reset() {
	*b = HeaderBlock{headers: b.headers[:0], values: b.values[:0]}
}

// more returns the free end of block, empty and with a capacity of at least n.
// A block that has less is replaced by one of at least twice its size.
func more[T any](block *[]T, n, size int) []T {
	if cap(*block)-len(*block) < n {
		*block = make([]T, 0, max(2*cap(*block), size, n))
	}
	return (*block)[len(*block):]
}
