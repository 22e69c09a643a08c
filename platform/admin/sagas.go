package admin

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"
)

// A Saga is one instance of a saga.
type Saga struct {
	// ID names the instance: <context>:<saga>:<instance>.
	ID      string `json:"id"`
	Context string `json:"context"`
	Saga    string `json:"saga"`
	Key     string `json:"key"`
	// Status is running, compensating, stuck, completed or compensated.
	Status string `json:"status"`
	// Step is where the instance is.
	Step string `json:"step,omitempty"`
	// Parked is how many of its steps wait for a person.
	Parked     int       `json:"parked,omitempty"`
	DueAt      time.Time `json:"dueAt,omitzero"`
	DeadlineAt time.Time `json:"deadlineAt"`
	StartedAt  time.Time `json:"startedAt"`
	ChangedAt  time.Time `json:"changedAt"`
}

// A SagaDetail is an instance with all that happened to it.
type SagaDetail struct {
	Saga
	State json.RawMessage `json:"state,omitempty"`
	// Cause is why it is being undone, or what keeps it.
	Cause   string     `json:"cause,omitempty"`
	History []SagaStep `json:"history"`
}

// A SagaStep is one thing that happened to an instance.
type SagaStep struct {
	At      time.Time `json:"at"`
	Step    string    `json:"step,omitempty"`
	Attempt int       `json:"attempt,omitempty"`
	What    string    `json:"what"`
	Code    string    `json:"code,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Actor   string    `json:"actor,omitempty"`
}

// A SagaFilter chooses instances. Empty fields choose all.
type SagaFilter struct {
	Context, Saga, Key, Status string
	// Open leaves out instances at their end that need nobody.
	Open bool
}

// A SagaChange asks for a change of one instance.
type SagaChange struct {
	ID string `json:"id"`
	// Step is the step to retry or skip; empty means the one where it is.
	Step   string `json:"step,omitempty"`
	Reason string `json:"reason"`
}

// Sagas returns up to limit instances that f chooses, those that changed last
// first.
func (c *Client) Sagas(ctx context.Context, f SagaFilter, limit int) ([]Saga, error) {
	return get[[]Saga](ctx, c, "/v1/sagas", url.Values{
		"context": {f.Context}, "saga": {f.Saga}, "key": {f.Key}, "status": {f.Status},
		"open": {strconv.FormatBool(f.Open)}, "limit": {strconv.Itoa(limit)},
	})
}

// SagaInstance returns everything about one instance.
func (c *Client) SagaInstance(ctx context.Context, id string) (SagaDetail, error) {
	return get[SagaDetail](ctx, c, "/v1/sagas/"+url.PathEscape(id), nil)
}

// ChangeSaga carries out action, "retry", "skip" or "compensate", and returns
// the instance as it is then.
func (c *Client) ChangeSaga(ctx context.Context, action string, ch SagaChange) (Saga, error) {
	return post[Saga](ctx, c, "/v1/sagas/"+action, ch)
}
