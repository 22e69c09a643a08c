package graphql

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/realtime"
)

// A position says how far a subscription is: by partition of its topic, the
// offset of the last event there. As text it is "3:1042,4:-1".
type position map[int32]int64

// maxPartitions bounds what a client may send.
const maxPartitions = 1024

var errPosition = errors.New("a position is pairs of numbers")

func positionOf(topic string, all realtime.Positions) position {
	p := position{}
	for name, offset := range all {
		if index, ok := strings.CutPrefix(name, topic+"/"); ok {
			if n, err := strconv.ParseInt(index, 10, 32); err == nil {
				p[int32(n)] = offset
			}
		}
	}
	return p
}

// reach goes on to where the other one is further.
func (p position) reach(other position) {
	for partition, offset := range other {
		if at, known := p[partition]; !known || offset > at {
			p[partition] = offset
		}
	}
}

func parsePosition(text string) (position, error) {
	p := position{}
	for pair := range strings.SplitSeq(text, ",") {
		partition, offset, _ := strings.Cut(pair, ":")
		index, err := strconv.ParseInt(partition, 10, 32)
		at, err2 := strconv.ParseInt(offset, 10, 64)
		if err != nil || err2 != nil || index < 0 || at < -1 || len(p) >= maxPartitions {
			return nil, errPosition
		}
		p[int32(index)] = at
	}
	return p, nil
}

// on is the position as realtime has it.
func (p position) on(topic string) realtime.Positions {
	all := make(realtime.Positions, len(p))
	for partition, offset := range p {
		all[fmt.Sprintf("%s/%d", topic, partition)] = offset
	}
	return all
}

// String returns what a client sends to go on from here.
func (p position) String() string {
	var b strings.Builder
	for _, partition := range slices.Sorted(maps.Keys(p)) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d:%d", partition, p[partition])
	}
	return b.String()
}
