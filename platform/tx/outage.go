package tx

import "time"

// outageFailures is how many fresh deliveries of different keys fail in a row
// before something that they all need is taken for down.
const outageFailures = 20

// Delays between the probes of an outage double from the first to the last.
const (
	firstProbe = time.Second
	lastProbe  = 30 * time.Second
)

// An outage is seen when one delivery after the other fails, whatever its key.
// Fresh ones are then left where they are, and held ones probe whether it is
// over, or single fresh ones when none of those can. Its zero value has seen no
// failure.
type outage struct {
	on     bool
	fresh  bool            // the next probe is a fresh delivery
	failed map[string]bool // the keys that have failed since the last success
	probes int             // that have failed
	next   time.Time       // the next probe
}

// failure records that a fresh delivery has failed in a way that may pass.
// Each delivery without a key counts, each key once.
func (o *outage) failure(key []byte, offset int64, now time.Time) {
	if o.on {
		return
	}
	if o.failed == nil {
		o.failed = make(map[string]bool, outageFailures)
	}
	name := "key " + string(key)
	if key == nil {
		name = "offset " + time.Duration(offset).String()
	}
	o.failed[name] = true
	if len(o.failed) >= outageFailures {
		o.on, o.probes, o.next = true, 0, now.Add(firstProbe)
	}
}

// probed records that a probe has failed and returns when the next one runs.
func (o *outage) probed(now time.Time) time.Time {
	o.fresh = false
	o.next = now.Add(min(firstProbe<<min(o.probes, 10), lastProbe))
	o.probes++
	return o.next
}

// passed records that a fresh delivery has succeeded.
func (o *outage) passed() {
	if o.on {
		o.end()
	}
	clear(o.failed)
}

// probeFresh makes the next probe a fresh delivery, when it is time for one.
func (o *outage) probeFresh(now time.Time) {
	if o.on && !now.Before(o.next) {
		o.fresh = true
	}
}

// stops reports whether fresh deliveries are left where they are.
func (o *outage) stops() bool { return o.on && !o.fresh }

// end ends the outage, if there is one.
func (o *outage) end() { *o = outage{} }
