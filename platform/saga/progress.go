package saga

import (
	"slices"
	"time"

	"connectrpc.com/connect/v2"
)

// A Status is where an instance is as a whole.
type Status string

// The statuses of instances. The last two are ends.
const (
	StatusRunning      Status = "running"
	StatusCompensating Status = "compensating"
	// StatusStuck means that nothing moves the instance but a person.
	StatusStuck       Status = "stuck"
	StatusCompleted   Status = Status(OutcomeCompleted)
	StatusCompensated Status = Status(OutcomeCompensated)
)

// Ended reports whether the status is an end.
func (s Status) Ended() bool { return s == StatusCompleted || s == StatusCompensated }

// A Result is what a step has come to: open, done, failed, parked, skipped,
// undoing, undone or kept.
type Result string

const (
	// resultOpen means that the step is being done.
	resultOpen Result = "open"
	resultDone Result = "done"
	// resultFailed means that the step failed for good, which is why the
	// instance undoes what it did.
	resultFailed Result = "failed"
	// resultParked means that the step failed for good and waits for a person;
	// the instance went on.
	resultParked Result = "parked"
	// resultSkipped means that a person decided not to do the step.
	resultSkipped Result = "skipped"
	// resultUndoing means that the step is being undone.
	resultUndoing Result = "undoing"
	resultUndone  Result = "undone"
	// resultKept means that a person decided not to undo the step.
	resultKept Result = "kept"
)

// A Record is what an instance knows of one of its steps, or of the
// compensation of its start, whose name is "compensate".
type Record struct {
	Step   string `json:"step"`
	Result Result `json:"result"`
	// Attempts counts those to do the step or, after that, to undo it.
	Attempts int `json:"attempts,omitempty"`
	// Refusals counts those of Attempts that were refused, not unknown.
	Refusals int `json:"refusals,omitempty"`
	// Calling says that an attempt is being made, or was when its engine died.
	Calling bool `json:"calling,omitempty"`
	// Unknown says that an attempt may have had its effect, though no answer
	// says so.
	Unknown bool `json:"unknown,omitempty"`
	// Again says that a person has asked for the step that was parked.
	Again bool `json:"again,omitempty"`
	// Since is when the step, or its compensation, began.
	Since time.Time `json:"since"`
	// Deadline is until when it may take; zero for a compensation.
	Deadline time.Time `json:"deadline,omitzero"`
	// Code and Reason are of the last error.
	Code   connect.Code `json:"code,omitempty"`
	Reason string       `json:"reason,omitempty"`
	// Request is what is sent, as protobuf, while it is sure that the same has
	// to be sent again.
	Request []byte `json:"request,omitempty"`
}

// progress is what the steps of an instance have come to.
type progress struct {
	Records []Record `json:"records,omitempty"`
	// Back says that the instance undoes what it did, and Cause why.
	Back  bool     `json:"back,omitempty"`
	Cause *Failure `json:"cause,omitempty"`
	// Troubles counts the times in a row that a function of the definition
	// failed where nothing but trying again is possible; Trouble says how.
	Troubles int    `json:"troubles,omitempty"`
	Trouble  string `json:"trouble,omitempty"`
	// Told is the outcome that the definition knows of.
	Told Outcome `json:"told,omitempty"`
}

func (p *progress) clone() progress {
	c := *p
	c.Records = slices.Clone(p.Records)
	return c
}

// record returns the record of a step, or nil when it was not begun.
func (p *progress) record(step string) *Record {
	for i := range p.Records {
		if p.Records[i].Step == step {
			return &p.Records[i]
		}
	}
	return nil
}

// open returns the record of a step, which it makes when there is none.
func (p *progress) open(step string) *Record {
	if r := p.record(step); r != nil {
		return r
	}
	p.Records = append(p.Records, Record{Step: step})
	return &p.Records[len(p.Records)-1]
}

func (p *progress) parked() int64 {
	n := int64(0)
	for i := range p.Records {
		if p.Records[i].Result == resultParked {
			n++
		}
	}
	return n
}

// failed ends an attempt that was refused, or whose result is unknown.
func (r *Record) failed(code connect.Code, reason string, unknown bool) {
	r.Calling = false
	r.Code, r.Reason = code, reason
	if unknown {
		r.Unknown = true
		r.Refusals = 0
	} else {
		r.Refusals++
	}
}

// begun starts the count of attempts for a step or its compensation. A step
// that is tried again after an unknown result keeps its request, because its
// key belongs to it.
func (r *Record) begun(result Result, now, deadline time.Time) {
	fresh := Record{Step: r.Step, Result: result, Unknown: r.Unknown, Again: r.Again, Since: now, Deadline: deadline}
	if result == resultOpen && r.Unknown {
		fresh.Request = r.Request
	}
	*r = fresh
}

// ended settles the record.
func (r *Record) ended(result Result) {
	r.Result, r.Calling, r.Again = result, false, false
	if result == resultDone || result == resultUndone {
		r.Unknown, r.Code, r.Reason = false, 0, ""
	}
	if result != resultParked || !r.Unknown {
		r.Request = nil
	}
}
