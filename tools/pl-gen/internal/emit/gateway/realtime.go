package gateway

import (
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// EmitRealtime returns the routes of all events that people can listen to, and
// who may listen.
func EmitRealtime(m *model.Model) ([]plan.File, error) {
	f := gofile.New("gen/gateway/"+hub+"/realtime.go", pkg(m.Module, hub))
	f.Reserve("id", "m")
	at := func(dir, name string) gofile.Ident { return platform(m.Module, dir, name) }
	f.Comment("Realtime says which events people can listen to, on which channels, and who may.")
	f.P("func Realtime() ", at("realtime", "Routes"), " {")
	f.P("return ", at("realtime", "Routes"), "{")
	f.P("Events: []", at("realtime/feed", "Route"), "{")
	for _, e := range m.Events {
		if family, field, ok := e.Channel(); ok {
			printRoute(f, m.Module, e, family, field)
		}
	}
	f.P("},")
	f.P("Families: []", at("realtime", "Family"), "{")
	for _, c := range m.Contexts {
		for _, ch := range c.Channels {
			printFamily(f, m.Module, ch)
		}
	}
	f.P("},")
	f.P("}")
	f.P("}")
	return source(f)
}

// printRoute prints where the events of one type go. Personal data goes to the
// one whom the event is about: their own channel, named by key or subject.
func printRoute(f *gofile.File, module string, e *model.Event, family string, field *avro.Field) {
	message := platform(module, "event", "Message")
	f.P("{")
	f.P("Type: ", service.TypeIdent(module, e), ",")
	f.P("New: func() ", message, " { return new(", service.EventIdent(module, e), ") },")
	f.P("Family: ", strconv.Quote(family), ",")
	switch field {
	case e.Key:
		f.P("ID: ", message, ".EventKey,")
		f.P("Keyed: true,")
	case e.Subject:
		f.P("ID: ", message, ".EventSubject,")
	default:
		f.P("ID: func(m ", message, ") string { return ", channelText(f, "m.(*"+f.Qualify(service.EventIdent(module, e))+")."+gofile.Exported(field.Name), field.Type), " },")
	}
	if family == model.UserChannels && (field == e.Key || field == e.Subject) {
		f.P("Personal: true,")
	}
	f.P("},")
}

// channelText returns the expression of a field as text: only the types that a
// channel may be named by.
func channelText(f *gofile.File, x string, s *avro.Schema) string {
	switch s.Kind {
	case avro.Int, avro.Long:
		return f.Ident("strconv", "FormatInt") + "(int64(" + x + "), 10)"
	case avro.Enum:
		return "string(" + x + ")"
	case avro.Fixed:
		return x + ".String()"
	}
	return x
}

func printFamily(f *gofile.File, module string, ch *model.Channel) {
	f.P("{")
	f.P("Name: ", strconv.Quote(ch.Name), ",")
	if len(ch.Allow) > 0 {
		f.P("Allow: ", platform(module, "identity", "Rules"), "{")
		for _, a := range ch.Allow {
			f.P("{", allowText(a), "},")
		}
		f.P("},")
	}
	if ch.Check != nil {
		input := service.MessageIdent(ch.Check.Input)
		f.P("Check: ", service.ProcedureIdent(ch.Checked.Service, ch.Check), ",")
		f.P("Request: func(id string) ", f.Ident("google.golang.org/protobuf/proto", "Message"), " { return &", input, "{", service.GoCamel(ch.Field), ": id} },")
	}
	if ch.Presence {
		f.P("Presence: true,")
	}
	f.P("},")
}

func allowText(a model.ChannelAllow) string {
	var parts []string
	if a.Public {
		parts = append(parts, "Public: true")
	}
	if a.Role != "" {
		parts = append(parts, "Role: "+strconv.Quote(a.Role))
	}
	if a.Scope != "" {
		parts = append(parts, "Scope: "+strconv.Quote(a.Scope))
	}
	return strings.Join(parts, ", ")
}
