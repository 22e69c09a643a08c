package saga

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/database"
)

// An instance is one row of pl_saga.
type instance struct {
	saga, id, key string
	version       int64
	status        Status
	step, waiting string
	due, leased   time.Time // zero for NULL
	holder        string
	deadline      time.Time
	stateType     string
	data          []byte        // the state as it is stored
	state         proto.Message // decoded by the engine; nil elsewhere
	progress
	correlation, causation, traceParent string
	started, changed                    time.Time

	fresh bool    // an attempt was committed that has not been made yet
	news  []Entry // to be stored with the next change
}

// namespace makes ids of instances from their keys, so that a database that
// was restored from a backup makes the same calls under the same idempotency
// keys again.
var namespace = uuid.MustParse("6f0b3c52-7d0e-5a86-9f43-58a1c2a4d1b7")

// InstanceID returns the id of the instance that a saga has for a key.
func InstanceID(saga, key string) string {
	return uuid.NewSHA1(namespace, []byte(saga+"\x00"+key)).String()
}

// stepKey is the Idempotency-Key of a step, and undoKey that of a compensation.
func (in *instance) stepKey(step string) string { return in.saga + "/" + in.id + "/" + step }

func (in *instance) undoKey(a *plan) string {
	if a.step == nil {
		return in.stepKey(compensation)
	}
	return in.stepKey(a.name) + "/undo"
}

// clone returns a copy that can be changed and thrown away.
func (in *instance) clone() *instance {
	c := *in
	c.progress = in.progress.clone()
	c.news = slices.Clone(in.news)
	if in.state != nil {
		c.state = proto.Clone(in.state)
	}
	return &c
}

const columns = `saga, id, key, version, status, step, waiting, due_at, leased_until, holder, deadline_at,
	state_type, state, progress, correlation, causation, trace_parent, started_at, changed_at`

func scanInstance(rows *sql.Rows) (*instance, error) {
	in := new(instance)
	var due, leased sql.NullTime
	var progress string
	err := rows.Scan(&in.saga, &in.id, &in.key, &in.version, &in.status, &in.step, &in.waiting, &due, &leased, &in.holder, &in.deadline,
		&in.stateType, &in.data, &progress, &in.correlation, &in.causation, &in.traceParent, &in.started, &in.changed)
	if err != nil {
		return nil, err
	}
	in.due, in.leased = due.Time.UTC(), leased.Time.UTC()
	in.deadline, in.started, in.changed = in.deadline.UTC(), in.started.UTC(), in.changed.UTC()
	if err := json.Unmarshal([]byte(progress), &in.progress); err != nil {
		return nil, fmt.Errorf("progress of saga %s, instance %s: %w", in.saga, in.id, err)
	}
	return in, nil
}

// read returns an instance, or nil when there is none.
func read(ctx context.Context, c database.Conn, saga, id string) (found *instance, err error) {
	err = database.Each(ctx, c, `SELECT `+columns+` FROM pl_saga WHERE saga = $1 AND id = $2`, []any{saga, id},
		func(rows *sql.Rows) error {
			found, err = scanInstance(rows)
			return err
		})
	return found, err
}

// errLost means that somebody else has moved the instance.
var errLost = errors.New("the instance was moved by another engine or by a person")

// fence begins a change of the instance: its next version.
func (in *instance) fence(ctx context.Context, c database.Conn) error {
	n, err := database.Changed(ctx, c, fenceStatement, in.saga, in.id, in.version, in.version+1)
	if err != nil {
		return fmt.Errorf("take the next version: %w", err)
	}
	if n == 0 {
		return errLost
	}
	in.version++
	return nil
}

// save stores a change that fence has begun.
func (in *instance) save(ctx context.Context, c database.Conn, now time.Time) error {
	progress, err := json.Marshal(&in.progress)
	if err != nil {
		return fmt.Errorf("encode the progress: %w", err)
	}
	if err := in.encodeState(); err != nil {
		return err
	}
	if in.data == nil {
		in.data = []byte{} // SQLite's driver reads the state of an empty message as NULL
	}
	in.changed = now
	_, err = c.ExecContext(ctx, `UPDATE pl_saga SET status = $3, step = $4, waiting = $5, parked = $6, due_at = $7, leased_until = $8,
		holder = $9, state = $10, progress = $11, changed_at = $12 WHERE saga = $1 AND id = $2`,
		in.saga, in.id, string(in.status), in.step, in.waiting, in.parked(), nullTime(in.due), nullTime(in.leased),
		in.holder, in.data, string(progress), now)
	if err != nil {
		return fmt.Errorf("store the change: %w", err)
	}
	if in.status.Ended() {
		if _, err := c.ExecContext(ctx, `DELETE FROM pl_saga_event WHERE saga = $1 AND instance = $2`, in.saga, in.id); err != nil {
			return fmt.Errorf("forget events that were kept: %w", err)
		}
	}
	return in.tell(ctx, c, now)
}

func (in *instance) encodeState() error {
	if in.state == nil {
		return nil
	}
	data, err := proto.Marshal(in.state)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	in.data = append([]byte{}, data...) // not nil, which would be NULL
	return nil
}

func (in *instance) decodeState(d *Definition) error {
	state := d.NewState()
	if name := string(proto.MessageName(state)); name != in.stateType {
		return fmt.Errorf("the state is a %s, and the contract has made it a %s; a saga keeps its state's message", in.stateType, name)
	}
	if err := proto.Unmarshal(in.data, state); err != nil {
		return fmt.Errorf("decode the state: %w", err)
	}
	in.state = state
	return nil
}

func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// An Entry is one line of an instance's history.
type Entry struct {
	Version int64     `json:"version"`
	At      time.Time `json:"at"`
	// Step is the step's name, "compensate" for the compensation of the start,
	// or empty for the instance as a whole.
	Step    string `json:"step,omitempty"`
	Attempt int    `json:"attempt,omitempty"`
	// What is what happened, such as "calling" or "refused".
	What   string `json:"what"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Actor is the person who did it, or empty.
	Actor string `json:"actor,omitempty"`
}

// note adds a line to the history, with the error of r when failed.
func (in *instance) note(what string, r *Record, failed bool) {
	e := Entry{What: what}
	if r != nil {
		e.Step, e.Attempt = r.Step, r.Attempts
	}
	if r != nil && failed {
		e.Code, e.Reason = codeText(r.Code), r.Reason
	}
	in.news = append(in.news, e)
}

func codeText(c connect.Code) string {
	if c == 0 {
		return ""
	}
	return c.String()
}

// tell stores the news.
func (in *instance) tell(ctx context.Context, c database.Conn, now time.Time) error {
	for i := range in.news {
		e := &in.news[i]
		e.Version, e.At = in.version, now
		_, err := c.ExecContext(ctx, `INSERT INTO pl_saga_step (saga, instance, version, n, at, step, attempt, what, code, reason, actor)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			in.saga, in.id, e.Version, i, now, e.Step, e.Attempt, e.What, e.Code, e.Reason, e.Actor)
		if err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
	}
	return nil
}

// maxReason bounds the text of an error in the database, in bytes.
const maxReason = 1000

// plain returns an error's text as every database takes it.
func plain(text string) string {
	if len(text) > maxReason {
		text = text[:maxReason]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
