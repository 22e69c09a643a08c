// Package asyncapi emits AsyncAPI 3.1 documents: what each context sends and
// receives, and all contexts together. Channels are Kafka topics, payloads Avro
// schemas, headers CloudEvents attributes in binary mode. The websocket of the
// hub is a channel of its own, whose messages are those of docs/realtime.md.
package asyncapi

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/plan"
)

// Emitter is the name under which the manifest lists the files of this
// package.
const Emitter = "asyncapi"

// Dir is where the documents are, relative to the repository's root.
const Dir = "gen/asyncapi"

// hub names the document of all contexts; no context can have that name.
const hub = "hub"

// Emit returns the document of one context, gen/asyncapi/<context>.json, and
// nothing for a context that neither publishes nor consumes.
func Emit(c *model.Context) ([]plan.File, error) {
	if len(c.Publishes) == 0 && len(c.Consumes) == 0 && len(c.Sagas) == 0 {
		return nil, nil
	}
	d := newDocument(c.Name, describe(c))
	if c.Owner != "" {
		d.Info.Contact = &contact{Name: c.Owner}
	}
	if err := d.context(c, ""); err != nil {
		return nil, err
	}
	return d.file(c.Name)
}

// EmitHub returns the document of all contexts and of the websocket that people
// listen to events on, gen/asyncapi/hub.json, and nothing when there are no
// events.
func EmitHub(m *model.Model) ([]plan.File, error) {
	if len(m.Events) == 0 {
		return nil, nil
	}
	d := newDocument(hub, "Every event of every context.")
	for _, e := range m.Events {
		if err := d.event(e); err != nil {
			return nil, err
		}
	}
	for _, c := range m.Contexts {
		if err := d.context(c, c.Name+"."); err != nil {
			return nil, err
		}
	}
	d.websocket(m)
	return d.file(hub)
}

func describe(c *model.Context) string {
	if c.Doc != "" {
		return c.Doc
	}
	return "The events of the context " + c.Name + "."
}

func (d *document) file(name string) ([]plan.File, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("emit AsyncAPI of %s: %w", name, err)
	}
	return []plan.File{{Path: Dir + "/" + name + ".json", Content: b.Bytes(), Emitter: Emitter}}, nil
}
