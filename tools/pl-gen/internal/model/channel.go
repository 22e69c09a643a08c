package model

import (
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// UserChannels is the family of realtime channels that every person has. No
// context declares it.
const UserChannels = "user"

// A Channel is a family of realtime channels that a context declares.
type Channel struct {
	Context *Context
	// Name is the part before the colon.
	Name string
	// Allow are the entries that let people listen to every channel.
	Allow []ChannelAllow
	// CheckName is the query that lets others listen, "course.MayFollow", and
	// Check what it names; nil when it names no call.
	CheckName string
	Check     *Method
	// Checked is the context of the check.
	Checked *Context
	// Field is the field of the check's request that the part behind the colon
	// fills.
	Field string
	// Presence tells listeners who ask for it who else listens.
	Presence bool
	Pos      Pos
}

// A ChannelAllow lets in the people that fulfil all that it says.
type ChannelAllow struct {
	Public      bool
	Role, Scope string
	// Owned tells that it names a field or a context, which nobody can fulfil
	// here.
	Owned bool
	Pos   Pos
}

func (b *builder) channels(w wiring) {
	for _, o := range w.option.messages("channels") {
		ch := &Channel{
			Context: w.context, Name: o.text("name"), CheckName: o.text("check"), Field: o.text("field"),
			Presence: o.truth("presence"), Pos: o.pos(),
		}
		for _, a := range o.messages("allow") {
			ch.Allow = append(ch.Allow, ChannelAllow{
				Public: a.truth("public"), Role: a.text("role"), Scope: a.text("scope"),
				Owned: a.text("own") != "" || a.text("service") != "", Pos: a.pos(),
			})
		}
		b.check(ch)
		w.context.Channels = append(w.context.Channels, ch)
	}
}

// check finds the call that a channel's check names.
func (b *builder) check(ch *Channel) {
	name, call, _ := strings.Cut(ch.CheckName, ".")
	c := b.contexts[name]
	if c == nil || c.Service == nil {
		return
	}
	for _, m := range c.Service.Methods {
		if m.Name == call {
			ch.Check, ch.Checked = m, c
		}
	}
}

// Channel returns the two parts of the event's realtime channel: the family,
// and the field that fills the rest. ok is false when the pattern does not have
// that form.
func (e *Event) Channel() (family string, field *avro.Field, ok bool) {
	family, rest, found := strings.Cut(e.Realtime, ":")
	name, open := strings.CutPrefix(rest, "{")
	name, closed := strings.CutSuffix(name, "}")
	if !found || !open || !closed || family == "" || strings.ContainsAny(family, "{}") {
		return "", nil, false
	}
	for _, f := range e.Schema.Fields {
		if f.Name == name {
			return family, f, true
		}
	}
	return "", nil, false
}
