// Package messages emits the one package that knows every event type by its
// topic, for tools that meet records of any topic: the test that replays the
// schema museum, and people's looks into topics. Services do not need it.
package messages

import (
	"strconv"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/emit/service"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the file of this package.
const Emitter = "messages"

// dir is the emitted package.
const dir = "gen/event/messages"

// Emit returns the package, nothing when there are no events. It reads the
// events' topics and names.
func Emit(m *model.Model) ([]plan.File, error) {
	if len(m.Events) == 0 {
		return nil, nil
	}
	f := gofile.New(dir+"/messages.go", gofile.Package{Path: m.Module + "/" + dir, Name: "messages"})
	f.Reserve("topic", "New", "Topics")
	f.Doc("Package messages makes messages of every event type by topic, for tools that meet records of any topic.")
	message := gofile.PackageAt(m.Module + "/platform/event").Ident("Message")
	emitNew(f, m, message)
	emitTopics(f, m)
	src, err := f.Source()
	if err != nil {
		return nil, err
	}
	return []plan.File{{Path: f.Path(), Content: src, Emitter: Emitter}}, nil
}

func emitNew(f *gofile.File, m *model.Model, message gofile.Ident) {
	f.Comment("New returns a new, empty message of the topic's event type, nil for a topic that no contract has.")
	f.P("func New(topic string) ", message, " {")
	f.P("switch topic {")
	for _, e := range m.Events {
		f.P("case ", strconv.Quote(e.Topic), ":")
		f.P("return new(", service.EventIdent(m.Module, e), ")")
	}
	f.P("}")
	f.P("return nil")
	f.P("}")
	f.P()
}

func emitTopics(f *gofile.File, m *model.Model) {
	f.Comment("Topics returns the topics of all event types, sorted.")
	f.P("func Topics() []string {")
	f.P("return []string{")
	for _, e := range m.Events {
		f.P(strconv.Quote(e.Topic), ",")
	}
	f.P("}")
	f.P("}")
}
