package adminserver

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pulselearn/campus-hub/platform/admin"
	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/hold"
	"github.com/pulselearn/campus-hub/platform/schema"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// payload reads the row's value with its writer's schema. schema describes that
// for people, as far as the record says.
func (c *Context) payload(ctx context.Context, row *hold.Row, unmask bool) (payload json.RawMessage, schema string, err error) {
	_, data, err := event.ParseKafka(row.Headers, row.Value)
	if err != nil {
		data = row.Value // no CloudEvent, and perhaps Avro nevertheless
	}
	writer, frame, datum, err := c.Schemas.Writer(ctx, row.Headers, data)
	if frame.Format != 0 {
		schema = frame.String()
	}
	if err != nil {
		return nil, schema, err
	}
	payload, err = avrojson.Append(nil, writer, datum, unmask)
	if err != nil {
		return nil, schema, err
	}
	return payload, schema + ", " + writer.FullName(), nil
}

// export writes the letters that f chooses, one a line.
func (c *Context) export(w http.ResponseWriter, r *http.Request, f hold.Filter) error {
	control := http.NewResponseController(w)
	page := hold.Page{Limit: defaultLetters, Whole: true}
	for {
		_ = control.SetWriteDeadline(time.Now().Add(exportTime)) // a recorder in a test has none
		rows, err := hold.List(r.Context(), c.DB, f, page)
		if err != nil {
			return err
		}
		for i := range rows {
			line, err := json.Marshal(c.exported(&rows[i]))
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		if len(rows) < page.Limit {
			return nil
		}
		page.After = rows[len(rows)-1].ID
	}
}

func (c *Context) exported(row *hold.Row) *admin.Exported {
	e := &admin.Exported{
		Letter: c.letter(row), RecordedAt: row.RecordTime,
		ValueBase64: base64.StdEncoding.EncodeToString(row.Value), HeadersBase64: make([]admin.ExportedHeader, len(row.Headers)),
	}
	for i, h := range row.Headers {
		e.HeadersBase64[i] = admin.ExportedHeader{Name: h.Key, Base64: base64.StdEncoding.EncodeToString(h.Value)}
	}
	if frame, _, err := schema.FrameOf(row.Headers, row.Value); err == nil {
		e.SchemaID = frame.ID
	}
	return e
}

// replaced returns the row's value and headers with another payload, which the
// consumer can read and which has the same key.
func (c *Context) replaced(ctx context.Context, row *hold.Row, payload json.RawMessage, reencode bool) (value []byte, headers []event.Header, err error) {
	consumer := c.consumer(row.Consumer)
	if consumer == nil {
		return nil, nil, refused(http.StatusConflict, "context "+c.Name+" has no consumer "+row.Consumer+" any more", "")
	}
	if len(row.Value) > 0 && event.Kafka.ModeOf(contentType(row.Headers)) != event.ModeBinary {
		return nil, nil, refused(http.StatusConflict, "the record is a CloudEvent in JSON, whose payload cannot be replaced", "drop it, and have its producer publish the event again")
	}
	if reencode {
		value, err = c.encodeForReader(ctx, consumer, payload)
		headers = without(row.Headers, schemaHeader)
	} else {
		value, err = c.encodeForWriter(ctx, row, payload)
		headers = row.Headers
	}
	if err != nil {
		return nil, nil, err
	}
	return value, headers, c.validate(ctx, consumer, row, value, headers)
}

// schemaHeader is Confluent's header for the writer's schema.
const schemaHeader = "__value_schema_id"

func contentType(headers []event.Header) string {
	for _, h := range headers {
		if h.Key == "content-type" {
			return string(h.Value)
		}
	}
	return ""
}

func without(headers []event.Header, name string) []event.Header {
	var kept []event.Header
	for _, h := range headers {
		if h.Key != name {
			kept = append(kept, h)
		}
	}
	return kept
}

func (c *Context) encodeForWriter(ctx context.Context, row *hold.Row, payload json.RawMessage) ([]byte, error) {
	writer, _, datum, err := c.Schemas.Writer(ctx, row.Headers, row.Value)
	if err != nil {
		return nil, refused(http.StatusConflict, fmt.Sprintf("the schema that the record was written with cannot be had: %v", err),
			"write the payload with the consumer's schema: --reencode, or \"reencode\": true")
	}
	framing := row.Value[:len(row.Value)-len(datum)]
	value, err := avrojson.Parse(append([]byte(nil), framing...), writer, payload)
	return value, unfit(err)
}

func (c *Context) encodeForReader(ctx context.Context, consumer *tx.Consumer, payload json.RawMessage) ([]byte, error) {
	t := consumer.Type
	id, err := c.Schemas.SchemaID(ctx, t.Fingerprint, t.RegistrySubject(), t.Schema)
	if err != nil {
		return nil, fmt.Errorf("find the registry's id of the consumer's schema: %w", err)
	}
	reader, err := avro.Parse(t.Topic, []byte(t.Schema), nil)
	if err != nil {
		return nil, err
	}
	value, err := avrojson.Parse(schema.AppendFrame(nil, id), reader, payload)
	return value, unfit(err)
}

// unfit is the answer to a payload that does not fit its schema.
func unfit(err error) error {
	if err == nil {
		return nil
	}
	return refused(http.StatusUnprocessableEntity, fmt.Sprintf("the payload does not fit the schema: %v", err), "")
}

var errOtherKey = errors.New("the payload has another key than the record, and would leave the order of its key")

// validate takes the new value through what a consumer does before its handler.
func (c *Context) validate(ctx context.Context, consumer *tx.Consumer, row *hold.Row, value []byte, headers []event.Header) error {
	record := row.Record()
	record.Value, record.Headers = value, headers
	d := bus.Delivery{Consumer: consumer.Consumer, Record: record}
	if err := c.Decoder.Decode(ctx, &consumer.Route, record, &d); err != nil {
		return err
	}
	if errors.Is(d.Err, event.ErrInvalid) {
		return refused(http.StatusConflict, fmt.Sprintf("the record has no headers of an event, and another payload does not change that: %v", d.Err), "drop it, and have its producer publish the event again")
	}
	if d.Err != nil {
		return unfit(d.Err)
	}
	if consumer.Type.Key != "" && row.Key != nil && d.Message.EventKey() != string(row.Key) {
		return unfit(errOtherKey)
	}
	return nil
}
