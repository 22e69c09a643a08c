package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

var channelPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*:\{[^{}]+\}$`)

var familyPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// channels checks the families of realtime channels, and that events use only
// families that there are. Schemas alone, before any context has a service, say
// nothing about families.
func (c *checker) channels() {
	families := map[string]*model.Channel{}
	for _, ctx := range c.model.Contexts {
		for _, ch := range ctx.Channels {
			c.family(ch, families[ch.Name])
			c.check(ch)
			c.presence(ch)
			families[ch.Name] = ch
		}
	}
	if !slices.ContainsFunc(c.model.Contexts, func(ctx *model.Context) bool { return ctx.Service != nil }) {
		return
	}
	for _, e := range c.model.Events {
		if e.Realtime != "" {
			c.channelOf(e, families)
		}
	}
}

func (c *checker) family(ch, other *model.Channel) {
	var message, fix string
	switch {
	case ch.Name == model.UserChannels:
		message, fix = fmt.Sprintf("%s declares the channels %q, which every person has", ch.Context.Name, ch.Name), "remove the declaration"
	case !familyPattern.MatchString(ch.Name):
		message, fix = fmt.Sprintf("%q cannot name channels", ch.Name), `write for example name: "course"`
	case other != nil:
		message, fix = fmt.Sprintf("%s and %s both declare the channels %q", other.Context.Name, ch.Context.Name, ch.Name), "remove one of them, or rename it"
	default:
		return
	}
	c.report(diag.New(diag.ChannelFamily, ch.Pos, message).Because(
		"a family of channels belongs to one context, which says who may listen", fix))
}

// check reports channels to which the wrong people, or nobody, could listen.
func (c *checker) check(ch *model.Channel) {
	for _, a := range ch.Allow {
		switch {
		case a.Owned:
			c.badCheck(a.Pos, fmt.Sprintf("the channels %q allow by own or service", ch.Name),
				"people listen, and there is no request whose field could be theirs", "name a role or a scope here; a check can look at the rest")
		case !a.Public && a.Role == "" && a.Scope == "":
			c.badCheck(a.Pos, fmt.Sprintf("the channels %q have an entry that says nothing", ch.Name),
				"it lets nobody in", "name a role or a scope, or remove it")
		}
	}
	switch {
	case ch.CheckName == "" && len(ch.Allow) == 0:
		c.badCheck(ch.Pos, fmt.Sprintf("nobody may listen to the channels %q", ch.Name),
			"neither an entry nor a check lets anybody in", `add check: "course.MayFollow" field: "course_id", or allow`)
	case ch.CheckName == "":
	case ch.Check == nil:
		c.badCheck(ch.Pos, fmt.Sprintf("the channels %q are checked by %s, which is no call", ch.Name, ch.CheckName),
			"the check is made in the listener's name when they subscribe", `name a context and its query, for example "course.MayFollow"`)
	case !ch.Check.Query:
		c.badCheck(ch.Pos, fmt.Sprintf("the channels %q are checked by %s, which is a command", ch.Name, ch.CheckName),
			"whoever tries to listen would change something", "name a query: a call with option idempotency_level = NO_SIDE_EFFECTS")
	default:
		c.checkField(ch)
	}
}

// presence reports channels that would show who is there to everybody.
func (c *checker) presence(ch *model.Channel) {
	for _, a := range ch.Allow {
		if ch.Presence && a.Public {
			c.report(diag.New(diag.ChannelPresence, a.Pos, fmt.Sprintf("the channels %q are public and show who listens", ch.Name)).Because(
				"everybody could watch when a person comes and goes", "remove presence, or let in people by a role or a check"))
		}
	}
}

func (c *checker) checkField(ch *model.Channel) {
	fields := ch.Check.Input.Desc.Fields()
	f := fields.ByName(protoreflect.Name(ch.Field))
	if f != nil && f.Kind() == protoreflect.StringKind && !f.IsList() {
		return
	}
	var names []string
	for i := range fields.Len() {
		if f := fields.Get(i); f.Kind() == protoreflect.StringKind && !f.IsList() {
			names = append(names, string(f.Name()))
		}
	}
	c.badCheck(ch.Pos, fmt.Sprintf("the channels %q fill %q, which is no text field of %s", ch.Name, ch.Field, ch.Check.Input.Desc.Name()),
		"the check is asked about the part of the channel's name behind the colon", diag.Suggest(ch.Field, names))
}

func (c *checker) badCheck(pos diag.Pos, message, cause, fix string) {
	c.report(diag.New(diag.ChannelCheck, pos, message).Because(cause, fix))
}

// channelOf reports an event on channels that nobody declares.
func (c *checker) channelOf(e *model.Event, families map[string]*model.Channel) {
	family, _, ok := strings.Cut(e.Realtime, ":")
	if !ok || !channelPattern.MatchString(e.Realtime) {
		c.report(diag.New(diag.ChannelFamily, e.RealtimePos, fmt.Sprintf("%s is on the channel %q, which is no family with one field", e.Topic, e.Realtime)).Because(
			"who may listen is decided for a family and one id", `write for example "course:{courseId}"`))
		return
	}
	if family == model.UserChannels || families[family] != nil {
		return
	}
	known := []string{model.UserChannels}
	for name := range families {
		known = append(known, name)
	}
	slices.Sort(known)
	c.report(diag.New(diag.ChannelFamily, e.RealtimePos, fmt.Sprintf("%s is on channels of the family %q, which no context declares", e.Topic, family)).Because(
		"nobody says who may listen", diag.Suggest(family, known)+"; or declare channels: {name: \""+family+"\" …} in the context's option"))
}
