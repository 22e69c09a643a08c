package wire

import "strings"

// A Delivery is what the reply subject of a message says of it:
//
//	$JS.ACK.<stream>.<consumer>.<times delivered>.<sequence>.<number>.<time>.<messages left>
//
// Servers of today have <domain>.<account> before the stream, and may have more
// in the end. A raw message has its length of headers last.
type Delivery struct {
	Sequence uint64 // in the stream
	Number   uint64 // of the consumer's deliveries, from 1
	Nanos    int64  // when the stream took it, since 1970
	// Headers are the bytes of headers before the data, -1 when they are in the
	// client's map.
	Headers int
}

// Where a reply subject has the sequence, which the two other numbers follow,
// how many places it has after the prefix, and how many a server of today puts
// before them.
const (
	placeSequence = 3
	placesLeast   = 7
	placesBefore  = 2
)

// ParseDelivery is false for a reply subject of another kind.
func ParseDelivery(reply string) (d Delivery, ok bool) {
	rest, ok := strings.CutPrefix(reply, deliveredPrefix)
	d.Headers = -1
	if !ok {
		if rest, ok = strings.CutPrefix(reply, rawPrefix); !ok {
			return d, false
		}
		last := max(strings.LastIndexByte(rest, '.'), 0)
		n, ok := parseNumber(strings.TrimPrefix(rest[last:], "."))
		if !ok {
			return d, false
		}
		rest, d.Headers = rest[:last], int(n)
	}
	skip, places := placeSequence, strings.Count(rest, ".")+1
	switch {
	case places >= placesLeast+placesBefore:
		skip += placesBefore
	case places != placesLeast:
		return d, false
	}
	for range skip {
		_, rest, _ = strings.Cut(rest, ".")
	}
	var numbers [3]int64
	for i := range numbers {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		if numbers[i], ok = parseNumber(token); !ok {
			return d, false
		}
	}
	d.Sequence, d.Number, d.Nanos = uint64(numbers[0]), uint64(numbers[1]), numbers[2]
	return d, true
}

// parseNumber reads what has only digits.
func parseNumber(digits string) (n int64, ok bool) {
	const most = len("9223372036854775807")
	if digits == "" || len(digits) > most {
		return 0, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = 10*n + int64(digits[i]-'0')
	}
	return n, n >= 0
}
