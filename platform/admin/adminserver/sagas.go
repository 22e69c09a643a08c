package adminserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/saga"
)

var statuses = []saga.Status{saga.StatusRunning, saga.StatusCompensating, saga.StatusStuck, saga.StatusCompleted, saga.StatusCompensated}

func (s *server) listSagas(_ http.ResponseWriter, r *http.Request) (any, error) {
	q := &query{values: r.URL.Query()}
	f := saga.Filter{Saga: q.text("saga"), Key: q.text("key"), Status: saga.Status(q.text("status")), Open: q.flag("open"), Limit: q.limit(defaultLetters)}
	if q.err != nil {
		return nil, q.err
	}
	if f.Status != "" && !slices.Contains(statuses, f.Status) {
		return nil, refused(http.StatusBadRequest, fmt.Sprintf("there is no status %q", f.Status), "statuses are running, compensating, stuck, completed and compensated")
	}
	chosen, err := s.chosen(q.text("context"), "")
	if err != nil {
		return nil, err
	}
	list := []admin.Saga{}
	for _, c := range chosen {
		some, err := c.instances(r.Context(), f)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

// sagaPage is how many instances are read at once.
const sagaPage = 200

// instances returns up to f.Limit instances.
func (c *Context) instances(ctx context.Context, f saga.Filter) ([]admin.Saga, error) {
	var list []admin.Saga
	most := f.Limit
	for len(list) < most {
		f.Limit = min(most-len(list), sagaPage)
		some, err := saga.List(ctx, c.DB, f)
		if err != nil {
			return nil, err
		}
		for i := range some {
			list = append(list, c.instance(&some[i]))
		}
		if len(some) < f.Limit {
			break
		}
		f.Before = &some[len(some)-1]
	}
	return list, nil
}

func (c *Context) instance(i *saga.Instance) admin.Saga {
	return admin.Saga{
		ID: c.Name + ":" + i.Saga + ":" + i.ID, Context: c.Name, Saga: i.Saga, Key: i.Key, Status: string(i.Status),
		Step: i.Step, Parked: int(i.Parked), DueAt: i.Due, DeadlineAt: i.Deadline, StartedAt: i.Started, ChangedAt: i.Changed,
	}
}

// instanceOf finds the context of an instance's id, and what else is in it.
func (s *server) instanceOf(ctx context.Context, id string) (*Context, *saga.Details, error) {
	parts := strings.SplitN(id, ":", 3)
	if len(parts) != 3 {
		return nil, nil, refused(http.StatusBadRequest, "\""+id+"\" is not the id of an instance, <context>:<saga>:<instance>", "GET /v1/sagas lists them")
	}
	c, err := s.context(parts[0])
	if err != nil {
		return nil, nil, err
	}
	d, err := saga.Show(ctx, c.DB, parts[1], parts[2])
	return c, d, sagaError(err)
}

func sagaError(err error) error {
	switch {
	case errors.Is(err, saga.ErrNotFound):
		return refused(http.StatusNotFound, err.Error(), "GET /v1/sagas lists them")
	case errors.Is(err, saga.ErrChanged), errors.Is(err, saga.ErrNotPossible):
		return refused(http.StatusConflict, err.Error(), "")
	}
	return err
}

func (s *server) showSaga(_ http.ResponseWriter, r *http.Request) (any, error) {
	c, d, err := s.instanceOf(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	answer := admin.SagaDetail{Saga: c.instance(&d.Instance), State: d.State, Cause: d.Trouble, History: []admin.SagaStep{}}
	if d.Cause != nil {
		answer.Cause = d.Cause.Error()
	}
	for _, e := range d.History {
		answer.History = append(answer.History, admin.SagaStep{
			At: e.At, Step: e.Step, Attempt: e.Attempt, What: e.What, Code: e.Code, Reason: e.Reason, Actor: e.Actor,
		})
	}
	return answer, nil
}

var decisions = map[string]func(context.Context, *database.DB, saga.Decision) error{
	"retry": saga.Retry, "skip": saga.Skip, "compensate": saga.Compensate,
}

func (s *server) changeSaga(_ http.ResponseWriter, r *http.Request) (any, error) {
	decide := decisions[r.PathValue("action")]
	if decide == nil {
		return nil, refused(http.StatusNotFound, "there is no such change of a saga", "changes are retry, skip and compensate")
	}
	in, err := body[admin.SagaChange](r)
	if err != nil {
		return nil, err
	}
	if in.Reason == "" {
		return nil, errNoReason
	}
	c, d, err := s.instanceOf(r.Context(), in.ID)
	if err != nil {
		return nil, err
	}
	err = decide(r.Context(), c.DB, saga.Decision{Saga: d.Instance.Saga, ID: d.ID, Version: d.Version, Step: in.Step, Actor: actor(r), Reason: in.Reason})
	if err != nil {
		return nil, sagaError(err)
	}
	c.DB.Ring()
	s.Logger.InfoContext(r.Context(), "a person changed a saga", "action", r.PathValue("action"), "instance", in.ID, "step", in.Step, "actor", actor(r))
	_, d, err = s.instanceOf(r.Context(), in.ID)
	if err != nil {
		return nil, err
	}
	return c.instance(&d.Instance), nil
}
