package model

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

func (b *builder) schemas() {
	for _, a := range b.set.Avro {
		at, ok := b.place(a)
		if !ok {
			continue
		}
		switch {
		case a.Schema == nil:
			b.broken[at.topic()] = true
		case a.Shared():
			b.shared(a, at)
		default:
			b.event(a, at)
		}
	}
}

// A place is what a schema's path says.
type place struct {
	context, name string
	version       int
}

func (p place) topic() string     { return fmt.Sprintf("pl.%s.%s.v%d", p.context, p.name, p.version) }
func (p place) namespace() string { return fmt.Sprintf("pl.%s.v%d", p.context, p.version) }

// place reads a schema's path, contracts/avro/<context>/v<N>/<event>.avsc.
func (b *builder) place(a *source.Avro) (place, bool) {
	parts := strings.Split(strings.TrimPrefix(a.Path, source.AvroRoot+"/"), "/")
	if len(parts) != 3 {
		b.badPath(a, "the file is not three levels below contracts/avro")
		return place{}, false
	}
	name := strings.TrimSuffix(parts[2], path.Ext(parts[2]))
	n, ok := version(parts[1])
	p := place{parts[0], name, n}
	switch {
	case !contextPattern.MatchString(p.context) || p.context != "common" && reserved(p.context):
		b.badContext(parts[0], diag.Pos{File: a.Path, Line: 1, Col: 1})
	case !ok:
		b.badPath(a, fmt.Sprintf("the version directory is %q, not v1, v2 and so on", parts[1]))
	case !snakePattern.MatchString(name):
		b.badPath(a, fmt.Sprintf("the event's name %q is not lower snake case", name))
	case len(p.topic()) > maxTopic:
		b.badPath(a, fmt.Sprintf("the topic would have %d characters, more than %d", len(p.topic()), maxTopic))
	default:
		return p, true
	}
	return place{}, false
}

func (b *builder) badPath(a *source.Avro, why string) {
	b.report(diag.New(diag.EventPath, diag.Pos{File: a.Path, Line: 1, Col: 1}, "the path gives no topic name: "+why).Because(
		"the topic is pl.<context>.<event>.v<N>, read from contracts/avro/<context>/v<N>/<event>.avsc",
		"move the file, for example to contracts/avro/achievement/v1/badge_awarded.avsc"))
}

func (b *builder) shared(a *source.Avro, at place) {
	if !b.named(a, at) {
		return
	}
	b.model.Records = append(b.model.Records, &SharedRecord{Schema: a.Schema, File: a.Path})
}

// named checks a schema's namespace and name against its path.
func (b *builder) named(a *source.Avro, at place) bool {
	s, ok := a.Schema, true
	if s.Name == "" {
		b.report(diag.New(diag.EventRecord, s.Pos, "the schema is "+article(s.Kind)+", which has no name").Because(
			"an event is a record, and a shared type is a record, enum or fixed: other types have no name to refer to",
			`write {"type": "record", "name": "`+pascal(at.name)+`", …}`))
		return false
	}
	if s.Namespace != at.namespace() {
		ok = false
		b.report(diag.New(diag.EventNamespace, propPos(s.PropPos, "namespace", s.NamePos),
			fmt.Sprintf("the namespace is %q, not %q", s.Namespace, at.namespace())).Because(
			"the namespace follows from the directory, so that a type's full name tells where it is",
			fmt.Sprintf(`write "namespace": %q, or move the file`, at.namespace())))
	}
	if !strings.EqualFold(s.Name, pascal(at.name)) {
		ok = false
		b.report(diag.New(diag.EventName, s.NamePos, fmt.Sprintf("the record is named %q, not %q", s.Name, pascal(at.name))).Because(
			"the record's name follows from the file's name, so that topic and Go type are the same word",
			fmt.Sprintf("rename the record to %q, or the file to %s.avsc", pascal(at.name), snake(s.Name))))
	}
	return ok
}

func article(k avro.Kind) string {
	if k == avro.Array || k == avro.Enum || k == avro.Int {
		return "an " + k.String()
	}
	return "a " + k.String()
}

func (b *builder) event(a *source.Avro, at place) {
	if a.Schema.Kind != avro.Record && a.Schema.Name != "" {
		b.report(diag.New(diag.EventRecord, a.Schema.Pos, "the event is "+article(a.Schema.Kind)+", not a record").Because(
			"an event carries named fields, which can be added to and removed in later versions",
			"wrap the type in a record with one field"))
		b.broken[at.topic()] = true
		return
	}
	if !b.named(a, at) {
		b.broken[at.topic()] = true
		return
	}
	e := &Event{
		Topic: at.topic(), Context: at.context, Name: at.name, Version: at.version,
		GoName: a.Schema.Name, Schema: a.Schema, File: a.Path, Pos: a.Schema.Pos,
		Text: avro.Text(a.Schema),
	}
	sum := sha256.Sum256(e.Text)
	e.Fingerprint = binary.BigEndian.Uint64(sum[:8])
	b.settings(e, a)
	b.context(e.Context, e.Pos)
	b.topics[e.Topic] = e
	b.model.Events = append(b.model.Events, e)
}

func propPos(places map[string]Pos, name string, otherwise Pos) Pos {
	if at, ok := places[name]; ok {
		return at
	}
	return otherwise
}
