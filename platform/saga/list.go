package saga

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/pulselearn/campus-hub/platform/database"
)

// maxList is the most instances that List returns at once.
const maxList = 200

// ErrNotFound means that there is no such instance.
var ErrNotFound = errors.New("there is no such instance")

// An Instance is one run of a saga as people see it.
type Instance struct {
	Saga    string `json:"saga"`
	ID      string `json:"id"`
	Key     string `json:"key"`
	Version int64  `json:"version"`
	Status  Status `json:"status"`
	// Step is where it is, Waiting whether it waits for an event there.
	Step    string `json:"step,omitempty"`
	Waiting bool   `json:"waiting,omitempty"`
	// Parked is how many steps wait for a person.
	Parked int64 `json:"parked,omitempty"`
	// Due is when an engine looks at it again; zero at its end and when it is
	// stuck.
	Due      time.Time `json:"due,omitzero"`
	Deadline time.Time `json:"deadline"`
	// Cause is why it undoes what it did, or nil.
	Cause *Failure `json:"cause,omitempty"`
	// Trouble is why it is stuck, or will be if it goes on like that.
	Trouble string    `json:"trouble,omitempty"`
	Started time.Time `json:"started"`
	Changed time.Time `json:"changed"`
}

// Details are everything about an instance.
type Details struct {
	Instance
	Steps []Record `json:"steps"`
	// StateType is the full name of the state's message, and State the state as
	// JSON, with personal data masked. State is null when this program does
	// not have the message.
	StateType string          `json:"stateType"`
	State     json.RawMessage `json:"state"`
	// Correlation and Causation are those of the event that began it.
	Correlation string  `json:"correlation"`
	Causation   string  `json:"causation"`
	History     []Entry `json:"history"`
}

// A Filter chooses instances. Its zero value chooses all.
type Filter struct {
	Saga   string
	Status Status
	// Key is the exact key.
	Key string
	// Parked chooses those with steps that are parked.
	Parked bool
	// Open leaves out those at their end, unless they have parked steps.
	Open bool
	// Since leaves out those that have not changed since then.
	Since time.Time
	// Before continues a list: the last instance that was returned.
	Before *Instance
	// Limit is how many are returned; 0 and too many mean 200.
	Limit int
}

func (f *Filter) where() (conditions string, args []any) {
	var all []string
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		all = append(all, condition)
	}
	if f.Saga != "" {
		add("saga = ?", f.Saga)
	}
	if f.Status != "" {
		add("status = ?", string(f.Status))
	}
	if f.Key != "" {
		add("key = ?", f.Key)
	}
	if f.Parked {
		add("parked > 0")
	}
	if f.Open {
		add("(status NOT IN ('completed', 'compensated') OR parked > 0)")
	}
	if !f.Since.IsZero() {
		add("changed_at >= ?", f.Since.UTC())
	}
	if b := f.Before; b != nil {
		add("(changed_at < ? OR (changed_at = ? AND (saga > ? OR (saga = ? AND id > ?))))",
			b.Changed.UTC(), b.Changed.UTC(), b.Saga, b.Saga, b.ID)
	}
	if len(all) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(all, " AND "), args
}

// List returns the instances that f chooses, those that changed last first.
func List(ctx context.Context, db *database.DB, f Filter) ([]Instance, error) {
	limit := f.Limit
	if limit <= 0 || limit > maxList {
		limit = maxList
	}
	where, args := f.where()
	list := []Instance{}
	err := database.Each(ctx, db.Reading(), fmt.Sprintf(`SELECT %s FROM pl_saga%s ORDER BY changed_at DESC, saga, id LIMIT %d`, columns, where, limit),
		args, func(rows *sql.Rows) error {
			in, err := scanInstance(rows)
			if err != nil {
				return err
			}
			list = append(list, in.public())
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("list the instances of sagas: %w", err)
	}
	return list, nil
}

func (in *instance) public() Instance {
	return Instance{
		Saga: in.saga, ID: in.id, Key: in.key, Version: in.version, Status: in.status,
		Step: in.step, Waiting: in.waiting != "", Parked: in.parked(), Due: in.due, Deadline: in.deadline,
		Cause: in.Cause, Trouble: in.Trouble, Started: in.started, Changed: in.changed,
	}
}

// Show returns an instance with its history. The error matches [ErrNotFound]
// when there is none.
func Show(ctx context.Context, db *database.DB, saga, id string) (*Details, error) {
	in, err := read(ctx, db.Reading(), saga, id)
	if err != nil {
		return nil, fmt.Errorf("read instance %s of saga %s: %w", id, saga, err)
	}
	if in == nil {
		return nil, fmt.Errorf("saga %s, instance %s: %w", saga, id, ErrNotFound)
	}
	d := &Details{
		Instance: in.public(), Steps: in.Records, StateType: in.stateType, State: stateJSON(in),
		Correlation: in.correlation, Causation: in.causation, History: []Entry{},
	}
	for i := range d.Steps {
		d.Steps[i].Request = nil
	}
	err = database.Each(ctx, db.Reading(), `SELECT version, at, step, attempt, what, code, reason, actor FROM pl_saga_step
		WHERE saga = $1 AND instance = $2 ORDER BY version, n`, []any{saga, id}, func(rows *sql.Rows) error {
		var e Entry
		err := rows.Scan(&e.Version, &e.At, &e.Step, &e.Attempt, &e.What, &e.Code, &e.Reason, &e.Actor)
		e.At = e.At.UTC()
		d.History = append(d.History, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of instance %s of saga %s: %w", id, saga, err)
	}
	return d, nil
}

// stateJSON returns null when the message is not part of this program or
// cannot be read.
func stateJSON(in *instance) json.RawMessage {
	null := json.RawMessage("null")
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(in.stateType))
	if err != nil {
		return null
	}
	m := t.New().Interface()
	if err := proto.Unmarshal(in.data, m); err != nil {
		return null
	}
	mask(m.ProtoReflect())
	text, err := protojson.Marshal(m)
	if err != nil {
		return null
	}
	return text
}
