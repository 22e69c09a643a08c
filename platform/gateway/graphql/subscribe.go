package graphql

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/pulselearn/campus-hub/platform/gateway"
	"github.com/pulselearn/campus-hub/platform/gateway/problem"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime"
)

// Events feeds subscriptions.
type Events interface {
	// Subscribe returns the events that the caller of ctx wishes for, in JSON as
	// docs/realtime.md has them, until ctx ends. It fails when the caller may
	// not listen, or cannot go on where the wish begins.
	Subscribe(ctx context.Context, wish realtime.Wish) (Stream, error)
}

// A Stream is the events of one subscription.
type Stream interface {
	// Position returns where it is at least: behind where it began, and perhaps
	// behind more than its events say.
	Position() realtime.Positions
	// Quiet returns where it is while the reader waits in Next, and nil
	// otherwise. It may be called meanwhile.
	Quiet() realtime.Positions
	// Next waits for the next event. It fails with the error of ctx, and with
	// what is to be told when the stream ends before.
	Next(ctx context.Context) ([]byte, error)
}

// subscribe runs a subscription, which has one field.
func (e *executable) subscribe(ctx context.Context, operation *graphql.OperationContext, begun func(gqlerror.List)) graphql.ResponseHandler {
	r := e.newRun(operation)
	f := &r.collect(e.schema.Subscription, operation.Operation.SelectionSet)[0]
	told, err := e.listen(ctx, f, operation.Variables)
	if err != nil {
		root := &slot{kind: objectSlot}
		r.fail(root.field(f.Alias, false), f, err)
		begun(r.errs)
		return graphql.OneShot(&graphql.Response{Errors: r.errs})
	}
	begun(nil)
	return func(ctx context.Context) *graphql.Response {
		text, err := told.stream.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			transport.AddSubscriptionError(ctx, e.fault(err))
			return nil
		}
		return e.newRun(operation).told(told, text, f)
	}
}

// A listening is a subscription at work.
type listening struct {
	field, id string // as clients know it
	topic     string
	stream    Stream
	at        position
}

// listen begins a subscription. The ones of a websocket are counted.
func (e *executable) listen(ctx context.Context, f *graphql.CollectedField, variables map[string]any) (*listening, error) {
	if e.events == nil {
		return nil, problem.New("unimplemented", "this process has no events to listen to")
	}
	wish, err := e.wish(ctx, e.subscriptions[f.Name], f.ArgumentMap(variables))
	if err != nil {
		return nil, err
	}
	if count, ok := ctx.Value(subscriptionsKey{}).(*atomic.Int32); ok {
		if int(count.Add(1)) > e.sockets.Subscriptions {
			count.Add(-1)
			return nil, problem.New("resource_exhausted", "the websocket has as many subscriptions as it may")
		}
		context.AfterFunc(ctx, func() { count.Add(-1) })
	}
	stream, err := e.events.Subscribe(ctx, wish)
	if err != nil {
		return nil, err
	}
	_, id, _ := strings.Cut(wish.Channel, ":")
	l := &listening{f.Name, id, wish.Topic, stream, position{}}
	if c, ok := ctx.Value(partingKey{}).(*parting); ok {
		c.begun(ctx, l)
	}
	return l, nil
}

// wish is what the arguments of a field ask for.
func (e *executable) wish(ctx context.Context, s *gateway.Subscription, arguments map[string]any) (realtime.Wish, error) {
	id := channelID(arguments[s.Argument])
	if id == "" && s.Family == "user" {
		id = identity.From(ctx).Subject
	}
	if id == "" {
		return realtime.Wish{}, problem.Invalid(s.Argument, "is empty")
	}
	wish := realtime.Wish{Channel: s.Family + ":" + id, Topic: s.Topic}
	after, _ := arguments["after"].(string)
	if after == "" {
		return wish, nil
	}
	at, err := parsePosition(after)
	if err != nil {
		return realtime.Wish{}, problem.Invalid("after", "is not the _position of an event")
	}
	wish.After = at.on(s.Topic)
	return wish, nil
}

// channelID is the text of an argument: of an id, an enum or a number.
func channelID(v any) string {
	if v == nil {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	var id string
	if json.Unmarshal(text, &id) == nil {
		return id
	}
	return string(text)
}

// An occurrence is an event as realtime tells it.
type occurrence struct {
	ID        string          `json:"id"`
	Time      string          `json:"time"`
	Partition int32           `json:"partition"`
	Offset    int64           `json:"offset"`
	Data      json.RawMessage `json:"data"`
}

// told is the answer that one event is.
func (r *run) told(l *listening, text []byte, f *graphql.CollectedField) *graphql.Response {
	root := &slot{kind: objectSlot}
	s := root.field(f.Alias, f.Definition.Type.NonNull)
	var o occurrence
	data, err := o.read(text)
	if err != nil {
		r.fail(s, f, err)
		return r.response(root)
	}
	l.at.reach(positionOf(l.topic, l.stream.Position()))
	l.at.reach(position{o.Partition: o.Offset})
	data["_id"], data["_position"] = o.ID, l.at.String()
	if o.Time != "" {
		data["_time"] = o.Time
	}
	r.datum(s, f, f.Definition.Type, data)
	return r.response(root)
}

func (o *occurrence) read(text []byte) (map[string]any, error) {
	if err := json.Unmarshal(text, o); err != nil {
		return nil, err
	}
	var data map[string]any
	return data, decodeNumbers(o.Data, &data)
}
