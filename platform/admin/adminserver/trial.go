package adminserver

import (
	"errors"
	"net/http"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/outbox"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// dryRun takes one letter through its handler, without effect.
func (s *server) dryRun(_ http.ResponseWriter, r *http.Request) (any, error) {
	in, err := body[admin.Change](r)
	if err != nil {
		return nil, err
	}
	if len(in.IDs) != 1 {
		return nil, refused(http.StatusBadRequest, "a dry run is of one letter", "set the field ids to a list with its id")
	}
	c, row, err := s.row(r.Context(), in.IDs[0])
	if err != nil {
		return nil, err
	}
	consumer := c.consumer(row.Consumer)
	if consumer == nil {
		return nil, refused(http.StatusConflict, "context "+c.Name+" has no consumer "+row.Consumer+" any more", "drop the letter, or deploy a version that has it")
	}
	record := row.Record()
	d := &bus.Delivery{Consumer: row.Consumer, Record: record, Attempt: row.Attempts + 1}
	if err := c.Decoder.Decode(r.Context(), &consumer.Route, record, d); err != nil {
		return nil, err
	}
	trial, err := c.Store.Try(r.Context(), d)
	if errors.Is(err, tx.ErrNoTrial) {
		return nil, refused(http.StatusConflict, err.Error(), "redrive one letter and watch")
	}
	if err != nil {
		return nil, err
	}
	return c.trial(in.IDs[0], trial), nil
}

func (c *Context) trial(id string, t *tx.Trial) *admin.Trial {
	answer := &admin.Trial{ID: id, Outcome: "success"}
	switch {
	case t.Applied:
		answer.Outcome = "duplicate"
	case t.Err != nil:
		answer.Outcome = t.Outcome.String()
	}
	if t.Err != nil {
		answer.Error = t.Err.Error()
	}
	for _, change := range t.Changes {
		answer.Changes = append(answer.Changes, admin.TableChange(change))
	}
	for i := range t.Published {
		answer.Published = append(answer.Published, c.publication(&t.Published[i]))
	}
	return answer
}

// publication shows an event that would be published, without personal data.
func (c *Context) publication(e *outbox.Event) admin.Publication {
	p := admin.Publication{Topic: e.Topic, Key: string(e.Key)}
	for _, t := range c.Publishes {
		if t.Topic != e.Topic || t.Fingerprint != e.Fingerprint {
			continue
		}
		if s, err := avro.Parse(t.Topic, []byte(t.Schema), nil); err == nil {
			p.Payload, _ = avrojson.Append(nil, s, e.Data, false) // without one, topic and key say enough
		}
	}
	return p
}
