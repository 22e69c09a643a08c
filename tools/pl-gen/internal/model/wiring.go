package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// defaultTimeout is how long a delivery may take when the contract does not
// say.
const defaultTimeout = 10 * time.Second

// A wiring is a context's annotation, kept until all contexts are known.
type wiring struct {
	context *Context
	option  option
}

func (b *builder) wire() {
	for _, w := range b.pending {
		b.publishes(w)
	}
	for _, w := range b.pending {
		b.consumes(w)
		b.calls(w)
		b.policies(w)
		b.sagas(w)
		b.channels(w)
	}
	b.orphans()
}

// orphans reports schemas that nobody publishes, unless the context that
// should could not be read, or somebody else claims to.
func (b *builder) orphans() {
	for _, e := range b.model.Events {
		if e.Publisher != nil || len(e.Consumers) > 0 || len(e.Sagas) > 0 || b.broken[e.Context] || b.claimed(e.Topic) {
			continue
		}
		b.report(diag.New(diag.EventOrphan, e.Schema.NamePos, fmt.Sprintf("no context publishes %s", e.Topic)).Because(
			"code is generated for an event that never happens",
			fmt.Sprintf("add publishes: %q to the service of context %s, or remove the schema", e.Topic, e.Context)))
	}
}

func (b *builder) publishes(w wiring) {
	seen := map[string]bool{}
	for _, t := range w.option.texts("publishes") {
		e := b.topic(t)
		switch {
		case e == nil:
		case seen[t.text]:
			b.twoPublishers(t, w.context.Name+" lists it twice")
		case e.Context != w.context.Name:
			b.report(diag.New(diag.TopicForeign, t.pos, fmt.Sprintf("%s publishes %s, an event of context %s", w.context.Name, t.text, e.Context)).Because(
				"an event belongs to the context in its name, which alone says when it happened",
				"publish an event of your own, or let "+e.Context+" publish this one"))
		default:
			e.Publisher = w.context
			w.context.Publishes = append(w.context.Publishes, e)
		}
		seen[t.text] = true
	}
	b.rivals(w)
}

// rivals reports topics that another context publishes, too.
func (b *builder) rivals(w wiring) {
	for _, t := range w.option.texts("publishes") {
		for _, other := range b.pending {
			if other.context.Name < w.context.Name && slices.ContainsFunc(other.option.texts("publishes"),
				func(o textAt) bool { return o.text == t.text }) {
				b.twoPublishers(t, fmt.Sprintf("%s and %s both publish it", other.context.Name, w.context.Name))
			}
		}
	}
}

func (b *builder) twoPublishers(t textAt, who string) {
	b.report(diag.New(diag.TopicTwoPublishers, t.pos, fmt.Sprintf("%s has two publishers: %s", t.text, who)).Because(
		"only one context can promise order and meaning of an event", "remove all but one; the other can publish an event of its own"))
}

// topic returns the event of that topic; what is wrong with it is reported.
func (b *builder) topic(t textAt) *Event {
	if e, ok := b.topics[t.text]; ok {
		return e
	}
	switch _, ok := splitTopic(t.text); {
	case b.broken[t.text]:
	case !ok:
		b.report(diag.New(diag.TopicName, t.pos, fmt.Sprintf("%q is no topic", t.text)).Because(
			"a topic is pl.<context>.<event>.v<N>", b.suggestTopic(t.text)))
	default:
		b.report(diag.New(diag.TopicSchema, t.pos, fmt.Sprintf("%s has no schema", t.text)).Because(
			fmt.Sprintf("there is no %s", schemaFile(t.text)), b.suggestTopic(t.text)))
	}
	return nil
}

func (b *builder) suggestTopic(topic string) string {
	fix := diag.Suggest(topic, slices.Sorted(maps.Keys(b.topics)))
	if strings.HasPrefix(fix, "did you mean") {
		return fix
	}
	if _, ok := splitTopic(topic); ok {
		return "add " + schemaFile(topic) + ", or remove the topic here"
	}
	return `write for example "pl.achievement.badge_awarded.v1"`
}

func splitTopic(topic string) ([]string, bool) {
	parts := strings.Split(topic, ".")
	if len(parts) != 4 || parts[0] != "pl" || !contextPattern.MatchString(parts[1]) || !snakePattern.MatchString(parts[2]) {
		return nil, false
	}
	_, ok := version(parts[3])
	return parts, ok
}

func schemaFile(topic string) string {
	parts, _ := splitTopic(topic)
	return fmt.Sprintf("contracts/avro/%s/%s/%s.avsc", parts[1], parts[3], parts[2])
}

func (b *builder) consumes(w wiring) {
	topics, handlers := map[string]bool{}, map[string]bool{}
	for _, o := range w.option.messages("consumes") {
		t := textAt{o.text("topic"), o.posOf("topic")}
		e := b.topic(t)
		if e == nil {
			continue
		}
		c := &Consumer{
			Context: w.context, Event: e, Pos: o.pos(), Timeout: b.timeout(o),
			Latest:  o.symbol("start") == "START_LATEST",
			Handler: cmp.Or(o.text("handler"), "On"+e.GoName),
			Retry:   b.retry(o), SkipDead: o.symbol("on_dead") == "ON_DEAD_SKIP", External: o.symbol("effect") == "EFFECT_EXTERNAL",
			KeyLimit: int(o.count("key_limit")), HoldLimit: int(o.count("hold_limit")),
		}
		if !b.handlerFits(c, o, topics[t.text], handlers[c.Handler]) {
			continue
		}
		topics[t.text], handlers[c.Handler] = true, true
		w.context.Consumes = append(w.context.Consumes, c)
		e.Consumers = append(e.Consumers, c)
		b.published(e, t)
	}
}

func (b *builder) handlerFits(c *Consumer, o option, topicAgain, handlerAgain bool) bool {
	switch {
	case topicAgain:
		b.report(diag.New(diag.HandlerDuplicate, o.posOf("topic"), fmt.Sprintf("%s consumes %s twice", c.Context.Name, c.Event.Topic)).Because(
			"a context has one consumer a topic, with one position", "call both functions from one handler"))
	case handlerAgain:
		b.report(diag.New(diag.HandlerDuplicate, o.posOf("handler"), fmt.Sprintf("%s has two handlers named %s", c.Context.Name, c.Handler)).Because(
			"a handler is a Go method, named after its event unless the contract says otherwise; versions of one event share that name",
			fmt.Sprintf(`name one of them, for example handler: "%sV%d"`, c.Handler, c.Event.Version)))
	case !handlerPattern.MatchString(c.Handler):
		b.report(diag.New(diag.HandlerName, o.posOf("handler"), fmt.Sprintf("%q cannot name a handler", c.Handler)).Because(
			"a handler is an exported Go method", `write for example handler: "OnBadgeAwarded"`))
	case slices.ContainsFunc(c.Context.Service.Methods, func(m *Method) bool { return m.Name == c.Handler }):
		b.report(diag.New(diag.HandlerName, o.pos(), fmt.Sprintf("%s names a handler and a call of %s", c.Handler, c.Context.Name)).Because(
			"both are methods of the same Go type", "rename one of them"))
	default:
		return true
	}
	return false
}

func (b *builder) timeout(o option) time.Duration {
	text := o.text("timeout")
	if text == "" {
		return defaultTimeout
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d > time.Hour {
		b.report(diag.New(diag.ConsumerTimeout, o.posOf("timeout"), fmt.Sprintf("%q is no timeout", text)).Because(
			"it is a Go duration between a millisecond and an hour: a delivery holds its transaction open for so long",
			`write for example "10s" or "1m30s"`))
		return defaultTimeout
	}
	return d
}

// published reports an event that is consumed and published by nobody, unless
// its own context could not be read.
func (b *builder) published(e *Event, t textAt) {
	if e.Publisher != nil || b.broken[e.Context] || b.claimed(e.Topic) {
		return
	}
	b.report(diag.New(diag.TopicUnpublished, t.pos, fmt.Sprintf("%s is consumed, but no context publishes it", t.text)).Because(
		"the handler would wait for ever", fmt.Sprintf("add publishes: %q to the service of context %s, or remove the consumer", t.text, e.Context)))
}

// claimed reports whether some context lists the topic, rightly or not.
func (b *builder) claimed(topic string) bool {
	return slices.ContainsFunc(b.pending, func(w wiring) bool {
		return slices.ContainsFunc(w.option.texts("publishes"), func(t textAt) bool { return t.text == topic })
	})
}

func (b *builder) calls(w wiring) {
	seen := map[string]bool{}
	for _, t := range w.option.texts("calls") {
		c, ok := b.contexts[t.text]
		var message, fix string
		switch {
		case t.text == w.context.Name:
			message, fix = "is the context itself", "call the Go method"
		case seen[t.text]:
			message, fix = "is listed twice", "remove one of them"
		case ok && c.Service != nil:
			w.context.Calls = append(w.context.Calls, c)
			seen[t.text] = true
			continue
		case b.broken[t.text]:
			continue
		default:
			message, fix = "is no context with a service", diag.Suggest(t.text, b.callable(w.context))
		}
		seen[t.text] = true
		b.report(diag.New(diag.CallUnknown, t.pos, fmt.Sprintf("%s calls %q, which %s", w.context.Name, t.text, message)).Because(
			"a client is generated for each context that is called", fix))
	}
}

func (b *builder) callable(caller *Context) []string {
	var names []string
	for _, c := range b.model.Contexts {
		if c.Service != nil && c != caller {
			names = append(names, c.Name)
		}
	}
	return names
}
