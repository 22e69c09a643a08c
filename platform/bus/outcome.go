package bus

import (
	"errors"
	"fmt"
	"time"
)

// An Outcome is what the runtime does with a delivery whose handler returned
// an error.
type Outcome int

const (
	// Retry runs the handler again later. It is the outcome of a plain error.
	Retry Outcome = iota
	// Dead sends the delivery to the dead letters at once. See [Reject].
	Dead
	// Parked puts the delivery aside for a person. See [Park].
	Parked
)

// String returns the outcome's name as it appears in logs and metrics.
func (o Outcome) String() string {
	switch o {
	case Retry:
		return "retry"
	case Dead:
		return "dead"
	case Parked:
		return "parked"
	}
	return fmt.Sprintf("outcome(%d)", int(o))
}

type outcomeError struct {
	outcome Outcome
	delay   time.Duration
	err     error
}

func (e *outcomeError) Error() string { return e.err.Error() }
func (e *outcomeError) Unwrap() error { return e.err }

// Reject returns an error that sends the delivery to the dead letters without
// another attempt: the event can never be applied. The error must not be nil.
func Reject(err error) error { return newOutcome(Dead, 0, err) }

// Park returns an error that puts the delivery aside until a person decides.
// The error must not be nil.
func Park(err error) error { return newOutcome(Parked, 0, err) }

// RetryAfter returns an error that runs the handler again after at least d,
// for example because the predecessor of the event has not arrived. The error
// must not be nil.
func RetryAfter(d time.Duration, err error) error { return newOutcome(Retry, d, err) }

func newOutcome(o Outcome, d time.Duration, err error) error {
	if err == nil {
		err = errors.New("handler gave no cause")
	}
	return &outcomeError{outcome: o, delay: d, err: err}
}

// OutcomeOf returns the outcome that err asks for and, for [RetryAfter], the
// delay that it asks for. The outermost wrapper decides.
func OutcomeOf(err error) (Outcome, time.Duration) {
	var o *outcomeError
	if errors.As(err, &o) {
		return o.outcome, o.delay
	}
	return Retry, 0
}

// HasOutcome reports whether err names its outcome, as the errors of [Reject],
// [Park] and [RetryAfter] do.
func HasOutcome(err error) bool {
	var o *outcomeError
	return errors.As(err, &o)
}
