package realtime

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
)

const (
	// checkTimeout bounds what decides whether somebody may listen, and
	// callTimeout a call of a client.
	checkTimeout = 5 * time.Second
	callTimeout  = 30 * time.Second
	// maxChannel is the longest name of a channel, in bytes.
	maxChannel = 256
)

// handle does what the client asks for. What takes its time is returned.
func (c *session) handle(r *request) (slow func()) {
	caller := c.who()
	switch {
	case r.Type == "auth":
		return func() { c.authenticate(r) }
	case r.Type == "ping":
		c.conn.Send(encode(plainMessage{"pong", r.ID}))
	case caller == nil:
		c.fail(CloseUnauthenticated, "the first frame has to be of type auth")
	case r.Type == "subscribe":
		return c.subscribe(r, caller)
	case r.Type == "unsubscribe":
		c.unsubscribe(r, caller)
	case r.Type == "call":
		c.call(r, caller)
	default:
		c.refuse(r.ID, refused(connect.CodeInvalidArgument, "there is no request of this type: auth, subscribe, unsubscribe, call and ping are"))
	}
	return nil
}

func (c *session) refuse(id string, err error) {
	c.conn.Send(encode(errorMessage{"error", id, *problemOf(err)}))
}

// authenticate takes the first token, or one that takes its place.
func (c *session) authenticate(r *request) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	caller, err := c.server.cfg.Verifier.Verify(ctx, r.Token)
	var bad *identity.TokenError
	switch {
	case errors.As(err, &bad):
		c.fail(CloseUnauthenticated, err.Error())
	case err != nil:
		c.refuse(r.ID, refused(connect.CodeUnavailable, "it cannot be told now who you are; try again"))
	default:
		c.welcome(&caller, r.ID)
	}
}

// welcome takes the caller in, or the same caller's new token.
func (c *session) welcome(caller *identity.Caller, id string) {
	before := c.who()
	switch {
	case caller.Subject == "":
		c.fail(CloseUnauthenticated, "sessions are for people; the token is not that of one")
		return
	case before != nil && before.Name() != caller.Name():
		c.fail(CloseOtherCaller, "the new token is another person's; open a new session for it")
		return
	case before == nil && !c.server.callers.enter(caller.Name(), c.server.cfg.Limits.SessionsPerCaller):
		c.fail(CloseTooMany, "this person has as many sessions as one may have")
		return
	}
	c.mu.Lock()
	c.caller = caller
	over := c.over
	c.mu.Unlock()
	if over && before == nil { // Closed has found nobody to leave
		c.server.callers.leave(caller.Name())
		return
	}
	c.conn.Send(encode(readyMessage{
		Type: "ready", ID: id, Session: c.name(), Caller: caller.Name(), Expires: formatExpiry(caller),
		Heartbeat: c.server.cfg.Limits.Heartbeat.Milliseconds(),
	}))
	if before != nil {
		c.recheck(caller)
	}
}

// recheck ends the subscriptions that the new token does not allow.
func (c *session) recheck(caller *identity.Caller) {
	c.mu.Lock()
	all := slices.Clone(c.subscriptions)
	c.mu.Unlock()
	for _, s := range all {
		if err := c.server.mayListen(caller, s.Channel()); err != nil && connect.CodeOf(err) != connect.CodeUnavailable {
			c.remove(s.Channel(), caller)
			c.conn.Send(encode(channelMessage{Type: "unsubscribed", Channel: s.Channel(), Reason: problemOf(err).Message}))
		}
	}
}

// subscribe listens to a channel. A check by another context takes its time.
func (c *session) subscribe(r *request, caller *identity.Caller) (slow func()) {
	if c.find(r.Channel) != nil {
		c.refuse(r.ID, refused(connect.CodeAlreadyExists, "the session listens to this channel already"))
		return nil
	}
	c.mu.Lock()
	full := len(c.subscriptions) >= c.server.cfg.Limits.Subscriptions
	c.mu.Unlock()
	if full {
		c.refuse(r.ID, refused(connect.CodeResourceExhausted, "the session listens to as many channels as it may"))
		return nil
	}
	return func() {
		err := c.server.mayListen(caller, r.Channel)
		if err == nil && r.Presence && !c.server.shows(r.Channel) {
			err = refused(connect.CodeInvalidArgument, "channels of this family do not show who listens; ask without presence")
		}
		if err != nil {
			c.refuse(r.ID, err)
			return
		}
		c.add(r, caller)
	}
}

// add begins to listen.
func (c *session) add(r *request, caller *identity.Caller) {
	s := c.server.cfg.Feed.Subscribe(feed.Wish{Channel: r.Channel, After: r.After}, c.conn, c.missed, func(w feed.Welcome) []byte {
		m := channelMessage{Type: "subscribed", ID: r.ID, Channel: r.Channel, Positions: w.Positions}
		if len(r.After) > 0 {
			m.Resumed = &w.Resumed
		}
		return encode(m)
	})
	c.enter(s, caller, r.Presence)
	c.mu.Lock()
	over := c.over
	if !over {
		c.subscriptions = append(c.subscriptions, s)
	}
	c.mu.Unlock()
	if over {
		c.leave(s, caller)
	}
}

func (c *session) find(channel string) *feed.Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.subscriptions {
		if s.Channel() == channel {
			return s
		}
	}
	return nil
}

// remove ends a subscription, if there is one.
func (c *session) remove(channel string, caller *identity.Caller) bool {
	c.mu.Lock()
	i := slices.IndexFunc(c.subscriptions, func(s *feed.Subscription) bool { return s.Channel() == channel })
	if i < 0 {
		c.mu.Unlock()
		return false
	}
	s := c.subscriptions[i]
	c.subscriptions = slices.Delete(c.subscriptions, i, i+1)
	c.mu.Unlock()
	c.leave(s, caller)
	return true
}

func (c *session) unsubscribe(r *request, caller *identity.Caller) {
	if !c.remove(r.Channel, caller) {
		c.refuse(r.ID, refused(connect.CodeNotFound, "the session does not listen to this channel"))
		return
	}
	c.conn.Send(encode(channelMessage{Type: "unsubscribed", ID: r.ID, Channel: r.Channel}))
}

// mayListen returns nil when the caller may listen to the channel.
func (s *Server) mayListen(caller *identity.Caller, channel string) error {
	family, id, ok := strings.Cut(channel, ":")
	if !ok || id == "" || len(channel) > maxChannel {
		return refused(connect.CodeInvalidArgument, "a channel is a family, a colon and an id, of %d bytes at most", maxChannel)
	}
	if family == "user" {
		if id == caller.Subject || caller.Has(identity.Admin) {
			return nil
		}
		return refused(connect.CodePermissionDenied, "only the person and admins may listen to a channel of the family user")
	}
	f := s.families[family]
	if f == nil {
		return refused(connect.CodeNotFound, "there is no such family of channels")
	}
	if f.Allow.Judge(*caller) == identity.Admitted {
		return nil
	}
	if f.Check == "" {
		return refused(connect.CodePermissionDenied, "you may not listen to this channel")
	}
	ctx, cancel := context.WithTimeout(identity.With(context.Background(), *caller), checkTimeout)
	defer cancel()
	_, err := s.cfg.Invoker.Invoke(ctx, f.Check, "", f.Request(id))
	return err
}

// call makes a call in the caller's name. Other requests go on meanwhile.
func (c *session) call(r *request, caller *identity.Caller) {
	if wait := c.server.cfg.Wait; wait != nil {
		if d := wait(caller.Name()); d > 0 {
			c.answer(r.ID, nil, refused(connect.CodeResourceExhausted, "you make too many calls; the next one is let in after %s", d.Round(time.Millisecond)))
			return
		}
	}
	c.mu.Lock()
	full := c.calls >= c.server.cfg.Limits.Calls
	if !full {
		c.calls++
	}
	c.mu.Unlock()
	if full {
		c.answer(r.ID, nil, refused(connect.CodeResourceExhausted, "the session has as many calls under way as it may have"))
		return
	}
	c.server.callsMade.Add(1)
	go func() {
		answer, err := c.server.invoke(r, caller)
		c.answer(r.ID, answer, err)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls--
	}()
}

func (s *Server) invoke(r *request, caller *identity.Caller) (proto.Message, error) {
	message, ok := s.cfg.Invoker.Request(r.Procedure)
	if !ok {
		return nil, refused(connect.CodeUnimplemented, "there is no such call; procedures are named like /pl.quiz.v1.QuizService/GetQuiz")
	}
	if len(r.Request) > 0 {
		if err := protojson.Unmarshal(r.Request, message); err != nil {
			return nil, refused(connect.CodeInvalidArgument, "the request is not one of this call: it has an unknown field or a value of another type").WithCause(err)
		}
	}
	ctx, cancel := context.WithTimeout(identity.With(context.Background(), *caller), callTimeout)
	defer cancel()
	if r.TraceParent != "" && s.cfg.Trace != nil {
		ctx = s.cfg.Trace(ctx, r.TraceParent, r.TraceState)
	}
	return s.cfg.Invoker.Invoke(ctx, r.Procedure, r.Key, message)
}

func (c *session) answer(id string, response proto.Message, err error) {
	m := answerMessage{Type: "answer", ID: id}
	if err == nil {
		m.Response, err = protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(response)
	}
	if err != nil {
		m.Error = problemOf(err)
	}
	c.conn.Send(encode(m))
}
