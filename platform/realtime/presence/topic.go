package presence

import (
	"time"

	"github.com/pulselearn/campus-hub/platform/bus/driver"
)

// Topic is where instances tell each other who is there. One partition carries
// what all of them say, a record a second each; what is older than a minute and
// a quarter says nothing any more, and the rest is for clocks that differ.
func Topic() driver.Topic {
	return driver.Topic{Name: "pl.realtime.presence", Partitions: 1, Retention: 5 * time.Minute}
}
