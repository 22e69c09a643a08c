package realtime_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/realtime/feed"
)

func TestStreamsForOtherProtocols(t *testing.T) {
	w := newWorld(t)
	w.limits.QueueBytes = 4 << 10
	g := w.gateway()
	as := func(name string) context.Context { return identity.With(t.Context(), identity.Caller{Subject: name}) }
	own := feed.Wish{Channel: "user:ada"}
	if _, err := g.server.Subscribe(t.Context(), own); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("nobody: got %v", err)
	}
	if _, err := g.server.Subscribe(as("ben"), own); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("somebody else: got %v", err)
	}
	ctx, end := context.WithCancel(as("ada"))
	stream, err := g.server.Subscribe(ctx, own)
	w.must(err)
	begin := stream.Position()
	w.note("ada", 7)
	text, err := stream.Next(ctx)
	w.must(err)
	if !strings.HasPrefix(string(text), `{"type":"event"`) || !strings.Contains(string(text), `"n":7`) {
		t.Errorf("got %s", text)
	}
	end()
	if _, err := stream.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("behind its end: got %v", err)
	}
	again, err := g.server.Subscribe(as("ada"), feed.Wish{Channel: "user:ada", After: begin})
	w.must(err)
	if text, err := again.Next(t.Context()); err != nil || !strings.Contains(string(text), `"n":7`) {
		t.Errorf("a stream that goes on begins with %s, %v", text, err)
	}
	if _, err := g.server.Subscribe(as("ada"), feed.Wish{Channel: "user:ada", After: feed.Positions{"pl.test.noted.v1/9": 4}}); connect.CodeOf(err) != connect.CodeOutOfRange {
		t.Errorf("outside of the window: got %v", err)
	}
	slow, err := g.server.Subscribe(as("ada"), own)
	w.must(err)
	for n := range 100 { // the other reader keeps up
		w.note("ada", n)
		_, err := again.Next(t.Context())
		w.must(err)
	}
	n := 0
	for err == nil {
		_, err = slow.Next(t.Context())
		n++
	}
	if n < 2 || n >= 100 || connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a slow reader got %d events and then %v", n-1, err)
	}
}

// TestAStreamOfOneTopic needs positions of that topic alone, and hears nothing
// of others.
func TestAStreamOfOneTopic(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	ctx := identity.With(t.Context(), identity.Caller{Subject: "tess", Roles: []string{identity.Teacher}})
	stream, err := g.server.Subscribe(ctx, feed.Wish{Channel: "course:open", Topic: courseType.Topic})
	w.must(err)
	if len(stream.Position()) != int(courseType.Partitions) {
		t.Errorf("it begins at %v", stream.Position())
	}
	none, err := g.server.Subscribe(ctx, feed.Wish{Channel: "course:open", Topic: noteType.Topic})
	w.must(err)
	w.say("open", "ada", 1)
	if text, err := stream.Next(ctx); err != nil || !strings.Contains(string(text), `"n":1`) {
		t.Errorf("got %s, %v", text, err)
	}
	ctx, end := context.WithCancel(ctx)
	end()
	if text, err := none.Next(ctx); err == nil {
		t.Errorf("another topic: got %s", text)
	}
}

// TestAStreamIsBehindWhatWentElsewhere has a position stay within the window in
// partitions from which the channel gets nothing.
// A reader that waits is behind all that went elsewhere, and one that has
// something to do is nowhere that could be told.
func TestAQuietStream(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	ctx, end := context.WithCancel(identity.With(t.Context(), identity.Caller{Subject: "tess", Roles: []string{identity.Teacher}}))
	defer end()
	stream, err := g.server.Subscribe(ctx, feed.Wish{Channel: "course:open", Topic: courseType.Topic})
	w.must(err)
	if at := stream.Quiet(); at != nil {
		t.Errorf("nobody waits, and it is at %v", at)
	}
	read := make(chan string)
	go func() {
		for text, err := stream.Next(ctx); err == nil; text, err = stream.Next(ctx) {
			read <- string(text)
		}
	}()
	const others = 20
	for n := range others {
		w.say("other", fmt.Sprint("student-", n), n)
	}
	w.eventually("behind the others' events", func() bool {
		behind := int64(0)
		for _, offset := range stream.Quiet() {
			behind += offset + 1
		}
		return behind == others
	})
	w.say("open", "ada", 1)
	w.eventually("taken, by a reader who has not done with it", func() bool { return stream.Quiet() == nil })
	if text := <-read; !strings.HasPrefix(text, `{"type":"event"`) {
		t.Errorf("read %s", text)
	}
}

func TestAStreamIsBehindWhatWentElsewhere(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	ctx := identity.With(t.Context(), identity.Caller{Subject: "tess", Roles: []string{identity.Teacher}})
	stream, err := g.server.Subscribe(ctx, feed.Wish{Channel: "course:open", Topic: courseType.Topic})
	w.must(err)
	const others = 20
	for n := range others {
		w.say("other", fmt.Sprint("student-", n), n)
	}
	w.eventually("read", func() bool { return g.server.Stats().Feed.Events == others })
	w.say("open", "ada", 1)
	_, err = stream.Next(ctx)
	w.must(err)
	read := int64(0)
	for _, offset := range stream.Position() {
		read += offset + 1
	}
	if read != others+1 {
		t.Errorf("the stream is at %v, %d events before it, want %d", stream.Position(), read, others+1)
	}
}
